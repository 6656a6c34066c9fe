"""Text files: a document is a line.

Lines end at the line feed alone, so every other character that some program takes for a line end stays inside its
document, and so does a byte order mark. Bytes that are no valid UTF-8 are kept (see `granular_lm.text`).
"""

import logging
from collections.abc import Iterator
from itertools import chain

from granular_lm.corpus.readers.lines import UTF16_MARKS, line_blocks
from granular_lm.corpus.readers.source import Source
from granular_lm.text import to_text

logger = logging.getLogger(__name__)


def txt_documents(source: Source) -> Iterator[str]:
    """Return each line without its line feed."""
    return chain.from_iterable(map(_lines, line_blocks(_looked_at(source))))


def _lines(block: bytes) -> list[str]:
    return to_text(block).split("\n")


def _looked_at(source: Source) -> Iterator[bytes]:
    """Yield the pieces of a file, having warned of what the first one shows of the whole."""
    for index, piece in enumerate(filter(None, source.chunks())):
        if not index:
            _warn(piece, source.name)
        yield piece


def _warn(piece: bytes, name: str) -> None:
    if piece.startswith(UTF16_MARKS):
        logger.warning("%s begins as UTF-16 does, and is read byte by byte; save it as UTF-8 if it is text.", name)
    elif 2 * piece.count(b"\r\n") > piece.count(b"\n"):
        logger.warning(
            "%s: most lines end in CR LF, and the CR is kept as the end of each document; "
            "to lose it, write the file anew with tr -d '\\r'.",
            name,
        )
