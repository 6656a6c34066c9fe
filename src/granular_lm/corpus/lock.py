"""The lock file beside documents: what they were when they were written, so that a change does not go unnoticed."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from granular_lm.corpus.local_files import local_files
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.stream import DocumentsDigest, in_chunks
from granular_lm.errors import CorpusError
from granular_lm.text import to_bytes

LOCK_FILE = "data.lock.json"
SCHEMA = 1
FIELD = "text"  # of a locked file holds the documents
SHOWN = 12  # digits of a hash, in a message


def write_lock(folder: Path, parts: Mapping[str, Mapping[str, Any]], **about: Any) -> None:
    """Write the lock file of a folder.

    Args:
        folder: Where the files of documents are.
        parts: What `granular_lm.corpus.jsonl.write_jsonl` returned for each file, by the name of the part.
        about: How the parts were made, as JSON values.
    """
    text = json.dumps({"schema": SCHEMA, **about, "parts": parts}, indent=2)
    (folder / LOCK_FILE).write_text(text + "\n", encoding="ascii", newline="\n")


def check_lock(file: str | Path) -> None:
    """Read a file that a lock file beside it names, and compare; a file that none names is not read.

    Raises:
        CorpusError: The documents are not those of the lock file, or that one is damaged.
    """
    expected = _locked_part(file)
    if expected is not None:
        deque(_compared(read_documents([file]), file, expected), maxlen=0)


def read_locked(
    paths: Iterable[str | Path],
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
    files = [_files(name, of_any_ending=of_any_ending) for name in paths]
    found = [(file, read([file])) for file in chain(*files)]  # all are looked up before the first one is read
    is_as_locked = field == FIELD and not of_any_ending
    return chain.from_iterable(_checked(file, documents, is_as_locked=is_as_locked) for file, documents in found)


def _files(name: str | Path, *, of_any_ending: bool) -> Sequence[str | Path]:
    """Return the files that a name stands for, or the name where it stands for none here."""
    return local_files(name, of_any_ending=of_any_ending) or [name]


def _checked(file: str | Path, documents: Iterator[str], *, is_as_locked: bool) -> Iterator[str]:
    if not is_as_locked:
        check_lock(file)
        return documents
    expected = _locked_part(file)
    return documents if expected is None else _compared(documents, file, expected)


def _compared(documents: Iterable[str], file: str | Path, expected: Mapping[str, Any]) -> Iterator[str]:
    """Pass documents on, and raise behind the last one if they are not those that are expected."""
    digest, count = DocumentsDigest(), 0
    for chunk in in_chunks(documents):
        digest.update(map(to_bytes, chunk))
        count += len(chunk)
        yield from chunk
    if digest.hexdigest() != expected["sha256"]:
        raise CorpusError(
            f"{file} is not what {LOCK_FILE} beside it says: its {count} documents have the SHA-256 "
            f"{digest.hexdigest()[:SHOWN]}..., expected were {expected['documents']} with "
            f"{expected['sha256'][:SHOWN]}...; restore the file, or write it anew with granular-lm data, or remove "
            f"{Path(file).parent / LOCK_FILE} to use the file as it is."
        )


def _locked_part(file: str | Path) -> Mapping[str, Any] | None:
    """Return what the lock file beside a file says of it, or None where nothing is said."""
    path = Path(file)
    lock = path.parent / LOCK_FILE
    if not lock.is_file():
        return None
    try:
        parts = json.loads(lock.read_text(encoding="utf-8"))["parts"].values()
        found = [part for part in parts if part["file"] == path.name]
        return {"documents": int(found[0]["documents"]), "sha256": str(found[0]["sha256"])} if found else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"{lock} is damaged or cannot be read, so {path.name} cannot be checked; restore it, or remove it."
        ) from error
