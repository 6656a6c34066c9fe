"""Documents as lines of JSON, and what a lock file says of them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from granular_lm.corpus.stream import DocumentsDigest, in_chunks
from granular_lm.text import to_bytes, to_text

JOINED_BY_JSON = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def write_jsonl(
    documents: Iterable[str], path: Path, fields: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Any]:
    """Write documents as the field ``text`` of an object a line; return their count, bytes and hash.

    To read the file gives the same strings, and always the same raw bytes.

    Args:
        documents: Read once, and not held.
        path: The file.
        fields: Further fields by name, each with a value for every document.
    """
    counted, fields = _Counted(documents), fields or {}
    names = [json.dumps(name) for name in ("text", *fields)]
    with path.open("w", encoding="ascii", newline="\n") as file:
        for values in zip(map(_json_safe, counted), *fields.values(), strict=True):
            file.write(_line(names, values))
    return {"file": path.name, **counted.to_dict()}


def _line(names: Sequence[str], values: Sequence[str]) -> str:
    """Return an object of strings as `json.dumps` writes it, in a third of its time."""
    members = [f"{name}: {json.dumps(value)}" for name, value in zip(names, values, strict=True)]
    return f"{{{', '.join(members)}}}\n"


class _Counted(Iterable[str]):
    """Documents that are counted as they pass by."""

    def __init__(self, documents: Iterable[str]) -> None:
        self._documents = documents
        self._digest = DocumentsDigest()
        self._num_documents = self._num_bytes = 0

    def __iter__(self) -> Iterator[str]:
        for chunk in in_chunks(self._documents):
            self._note(list(map(to_bytes, chunk)))
            yield from chunk

    def _note(self, raw: Sequence[bytes]) -> None:
        self._digest.update(raw)
        self._num_documents += len(raw)
        self._num_bytes += sum(map(len, raw))

    def to_dict(self) -> dict[str, Any]:
        """Return what all documents so far come to."""
        return {"documents": self._num_documents, "bytes": self._num_bytes, "sha256": self._digest.hexdigest()}


def _json_safe(text: str) -> str:
    """Return text with the same raw bytes in which no two surrogates would be read back as one character."""
    return to_text(to_bytes(text)) if JOINED_BY_JSON.search(text) else text
