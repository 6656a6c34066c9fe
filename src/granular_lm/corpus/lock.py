"""Lock files beside documents: what they were when they were written, so that a change does not go unnoticed.

A folder that was written as a whole has one, ``data.lock.json``; a file that was put among others has its own,
``FILE.lock.json``. Both are of one form: ``parts`` holds for each file its name, and the number, the bytes and the
SHA-256 of its documents.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Self

from granular_lm.corpus.local_files import local_files
from granular_lm.corpus.readers.documents import FIELD, read_documents
from granular_lm.corpus.stream import DocumentsDigest, in_chunks
from granular_lm.errors import CorpusError
from granular_lm.files import replaced_file
from granular_lm.text import to_bytes

LOCK_FILE = "data.lock.json"
SCHEMA = 1
SHOWN = 12  # digits of a hash, in a message


@dataclass(frozen=True, slots=True)
class _Locked:
    """What a lock file says of one file."""

    lock: Path
    file: str
    documents: int
    sha256: str
    whole_file: bool

    @classmethod
    def of(cls, lock: Path, part: Mapping[str, Any]) -> Self:
        return cls(lock, str(part["file"]), int(part["documents"]), str(part["sha256"]), part.get("whole_file") is True)


def write_lock(folder: Path, parts: Mapping[str, Mapping[str, Any]], **about: Any) -> None:
    """Write the lock file of a folder.

    Args:
        folder: Where the files of documents are.
        parts: What `granular_lm.corpus.jsonl.write_jsonl` returned for each file, by the name of the part.
        about: How the parts were made, as JSON values.
    """
    _write(folder / LOCK_FILE, parts, about)


def write_file_lock(file: Path, *, whole_file: bool = False, **about: Any) -> Path:
    """Write the lock file of one file, and return where it is.

    Args:
        file: The file of documents, which is read once.
        whole_file: Whether it is one document.
        about: How the file was made, as JSON values.
    """
    lock = own_lock(file)
    _write(lock, {"documents": _described(file, whole_file=whole_file)}, about)
    return lock


def check_lock(file: str | Path) -> None:
    """Read a file that a lock file beside it names, and compare; a file that none names is not read.

    Raises:
        CorpusError: The documents are not those of the lock file, or that one is damaged.
    """
    expected = _locked_part(file)
    if expected is not None:
        documents = read_documents([file], whole_file=expected.whole_file)
        deque(_compared(documents, file, expected), maxlen=0)


def read_locked(
    paths: Sequence[str | Path],
    *,
    whole_file: bool = False,
    field: str = FIELD,
    column: str | None = None,
    format: str | None = None,  # noqa: A002 - the word that everybody uses
) -> Iterator[str]:
    """Return documents as `read_documents` does, and compare each file with its lock file, if it has one.

    The hash is taken on the way, so what is wrong is said at the end of the file.

    Raises:
        CorpusError: As `read_documents` and `check_lock`.
    """
    read = partial(read_documents, whole_file=whole_file, field=field, column=column, format=format)
    of_any_ending = whole_file or format is not None
    for name in paths:
        _refuse_split(name)
    files = [_files(name, of_any_ending=of_any_ending) for name in paths]
    found = [(file, read([file])) for file in chain(*files)]  # all are looked up before the first one is read
    return chain.from_iterable(_checked(file, documents, whole_file, field, format) for file, documents in found)


def _refuse_split(name: str | Path) -> None:
    """Raise for a folder whose lock file names several parts: together they are no documents to train or test on."""
    files = [part.file for part in _parts(Path(name) / LOCK_FILE)]
    if len(files) > 1:
        raise CorpusError(
            f"{name} holds the parts of a split, {', '.join(files)}; give one of them, such as {Path(name) / files[0]}."
        )


def _files(name: str | Path, *, of_any_ending: bool) -> Sequence[str | Path]:
    """Return the files that a name stands for, or the name where it stands for none here."""
    return local_files(name, of_any_ending=of_any_ending) or [name]


def _checked(
    file: str | Path, documents: Iterator[str], whole_file: bool, field: str, file_format: str | None
) -> Iterator[str]:
    expected = _locked_part(file)
    if expected is None:
        return documents
    if whole_file == expected.whole_file and field == FIELD and file_format is None:
        return _compared(documents, file, expected)
    check_lock(file)
    return documents


def _compared(documents: Iterable[str], file: str | Path, expected: _Locked) -> Iterator[str]:
    """Pass documents on, and raise behind the last one if they are not those that are expected."""
    digest, count = DocumentsDigest(), 0
    for chunk in in_chunks(documents):
        digest.update(map(to_bytes, chunk))
        count += len(chunk)
        yield from chunk
    if digest.hexdigest() != expected.sha256:
        met = "its one document has" if count == 1 else f"its {count} documents have"
        raise CorpusError(
            f"{file} is not what {expected.lock.name} beside it says: {met} the SHA-256 "
            f"{digest.hexdigest()[:SHOWN]}..., expected were {expected.documents} with "
            f"{expected.sha256[:SHOWN]}...; restore the file, or write it anew with granular-lm data, or remove "
            f"{expected.lock} to use the file as it is."
        )


def _locked_part(file: str | Path) -> _Locked | None:
    """Return what a lock file beside a file says of it, or None where nothing is said."""
    path = Path(file)
    said = chain(_parts(own_lock(path)), _parts(path.parent / LOCK_FILE))
    return next((part for part in said if part.file == path.name), None)


def _parts(lock: Path) -> list[_Locked]:
    """Return what a lock file says; nothing if there is none."""
    if not lock.is_file():
        return []
    try:
        parts = json.loads(lock.read_text(encoding="utf-8"))["parts"].values()
        return [_Locked.of(lock, part) for part in parts]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"{lock} is damaged or cannot be read, so nothing beside it can be checked; restore it, or remove it."
        ) from error


def own_lock(file: Path) -> Path:
    """Return where the lock file of one file is."""
    return file.parent / f"{file.name}.lock.json"


def _described(file: Path, *, whole_file: bool) -> dict[str, Any]:
    """Return what a lock file says of a file, which is read as `read_documents` does."""
    digest, count, num_bytes = DocumentsDigest(), 0, 0
    for chunk in in_chunks(read_documents([file], whole_file=whole_file)):
        raw = list(map(to_bytes, chunk))
        digest.update(raw)
        count += len(raw)
        num_bytes += sum(map(len, raw))
    about = {"file": file.name, "documents": count, "bytes": num_bytes, "sha256": digest.hexdigest()}
    return {**about, "whole_file": True} if whole_file else about


def _write(lock: Path, parts: Mapping[str, Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    text = json.dumps({"schema": SCHEMA, **about, "parts": parts}, indent=2)
    with replaced_file(lock) as temporary:
        temporary.write_text(text + "\n", encoding="ascii", newline="\n")
