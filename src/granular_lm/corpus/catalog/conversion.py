"""What turns downloaded files into a file of documents: each function yields its content piece by piece.

The result is a ``.txt`` with a document a line or with one text, or a ``.jsonl``, and the same on every machine.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from granular_lm.corpus.readers import read_documents

BYTES_AT_ONCE = 2**20


def unchanged(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield the one file as it is."""
    (file,) = files
    with file.open("rb") as data:
        while block := data.read(BYTES_AT_ONCE):
            yield block


def unzipped(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield the one member of the one zip file."""
    (file,) = files
    with zipfile.ZipFile(file) as archive:
        (member,) = archive.namelist()
        with archive.open(member) as data:
            while block := data.read(BYTES_AT_ONCE):
                yield block


def lines_below_header(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield a line for each line of the one file but the first, whether lines end in LF or CR LF."""
    (file,) = files
    with file.open("rb") as data:
        next(data, None)
        for line in data:
            yield line.rstrip(b"\r\n") + b"\n"


def descriptions(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield a JSON object for each distinct, non-empty text in the column ``description`` of the one CSV file."""
    return _json_lines(dict.fromkeys(filter(None, read_documents(files, column="description"))))


def emoji_names(files: Sequence[Path]) -> Iterator[bytes]:
    """Yield a JSON object for each emoji or symbol of each CLDR file: itself, its name, and its keywords."""
    return _json_lines(text for file in files for text in _annotations(file))


def _annotations(file: Path) -> Iterator[str]:
    annotations = json.loads(file.read_text(encoding="utf-8"))["annotations"]["annotations"]
    for symbol, told in annotations.items():
        yield f"{symbol} {' / '.join(told['tts'])} | {', '.join(told['default'])}"


def _json_lines(documents: Iterable[str]) -> Iterator[bytes]:
    for text in documents:
        yield json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n"
