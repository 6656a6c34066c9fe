"""What tests of the readers share: files written, packed by their names, and the one line of a refusal."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusError

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".xz": lzma.compress,
}


def written(folder: Path, name: str, data: bytes | str) -> Path:
    """Write a file, packed if its name says so."""
    path = folder / name
    raw = data.encode() if isinstance(data, str) else data
    pack = PACK.get(path.suffix)
    path.write_bytes(pack(raw) if pack else raw)
    return path


def message(read: Callable[[], object], kind: type[Exception] = CorpusError) -> str:
    """Return what is said, in one line, when something cannot be read."""
    with pytest.raises(kind) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refusal(path: Path | str, field: str = "text", column: str | None = None, format: str | None = None) -> str:  # noqa: A002
    """Return what is said when a file is read to the end."""
    return message(lambda: list(read_documents(path, field=field, column=column, format=format)))
