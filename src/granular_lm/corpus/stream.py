"""Documents that pass by: a thousand at a time, and the hash that pins them."""

import hashlib
from collections.abc import Iterable, Iterator

from granular_lm.errors import OptionError

DOCUMENTS_AT_ONCE = 1024  # with their ids they stay in the cache; with four times as many, encoding takes twice as long
CHARACTERS_AT_ONCE = 2**18  # of documents that are long, fewer are held


def in_chunks(documents: Iterable[str]) -> Iterator[list[str]]:
    """Yield the documents in lists that are long enough to work on at once and short enough to hold.

    Raises:
        OptionError: A document is no text.
    """
    chunk: list[str] = []
    characters = 0
    for text in documents:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise OptionError(f"the documents hold {text!r:.40}, which is {kind}; give str, such as data.decode().")
        chunk.append(text)
        characters += len(text)
        if len(chunk) == DOCUMENTS_AT_ONCE or characters >= CHARACTERS_AT_ONCE:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


class DocumentsDigest:
    """The SHA-256 of documents' raw bytes, each preceded by its length; the order counts.

    Examples:
        >>> one, other = DocumentsDigest(), DocumentsDigest()
        >>> one.update([b"ab", b"c"])
        >>> other.update([b"a", b"bc"])
        >>> one.hexdigest() == other.hexdigest()
        False
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def update(self, raw: Iterable[bytes]) -> None:
        """Take in the raw bytes of some more documents."""
        self._sha256.update(b"".join([part for data in raw for part in (len(data).to_bytes(8, "little"), data)]))

    def hexdigest(self) -> str:
        """Return the hash of all documents so far."""
        return self._sha256.hexdigest()
