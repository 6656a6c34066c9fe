"""Text and the raw bytes it stands for.

Everything is measured in the raw bytes of a document, so there is one way from text to bytes and one way
back. Bytes that are no valid UTF-8 live in a ``str`` as surrogate escapes (U+DC80 to U+DCFF), Python's own
convention (PEP 383), and leave it as the same bytes.
"""

import re
import unicodedata
from collections.abc import Iterable

from granular_lm.errors import OptionError

_SURROGATES = re.compile("[\ud800-\udfff]")


def to_bytes(text: str) -> bytes:
    r"""Return the raw bytes of ``text``; defined for every ``str``.

    Text that came from bytes gives those bytes back. A surrogate that no byte can have made (from a JSON
    ``"\ud83d"``, say) becomes its three-byte form, which is not valid UTF-8.

    Examples:
        >>> to_bytes("é")
        b'\xc3\xa9'
        >>> to_bytes(b"caf\xe9".decode("utf-8", "surrogateescape"))
        b'caf\xe9'
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b"".join(_piece_bytes(piece) for piece in _split_surrogates(text))


def to_text(data: bytes) -> str:
    """Return the text of raw bytes, invalid UTF-8 kept as surrogate escapes; undone by `to_bytes`."""
    return data.decode("utf-8", "surrogateescape")


def has_surrogates(text: str) -> bool:
    """Return whether ``text`` holds surrogates; to encode it is the quickest way to ask."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def printable(name: str) -> str:
    """Return a name with U+FFFD for what cannot be written as UTF-8, and for control characters."""
    return "".join("\ufffd" if unicodedata.category(each) in ("Cc", "Cs") else each for each in name)


def is_utf8(data: bytes) -> bool:
    """Return whether raw bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def documents_of(documents: Iterable[str]) -> Iterable[str]:
    """Return documents as they are, having refused one string where several are meant, and what holds none.

    Raises:
        OptionError: A string is given, whose characters would be taken for documents, or a path, say.
    """
    if isinstance(documents, str | bytes):
        raise OptionError(f"documents={documents[:20]!r}... is one string; give a list, such as [text].")
    if not isinstance(documents, Iterable):
        raise OptionError(f"documents={documents!r:.60} is not accepted; give a list of str, or read_documents(path).")
    return documents


def _split_surrogates(text: str) -> list[str]:
    """Cut ``text`` so that each surrogate stands alone."""
    return [piece for piece in re.split(f"({_SURROGATES.pattern})", text) if piece]


def _piece_bytes(piece: str) -> bytes:
    escaped_byte = "\udc80" <= piece <= "\udcff" and len(piece) == 1
    return piece.encode("utf-8", "surrogateescape" if escaped_byte else "surrogatepass")
