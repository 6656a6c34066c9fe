"""Bytes to whole lines, many at a time: what is done to a block costs little for each of its lines.

A block is several lines with line feeds between them, and none behind the last. A line that goes across pieces of a
file is a block of its own, so that a huge one is not copied once more to cut its neighbours off.
"""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, islice

from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError
from granular_lm.text import to_text

UTF16_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE)


def line_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks of whole lines; a line feed at the very end begins no line."""
    begun: list[bytes] = []
    for piece in pieces:
        first, last = piece.find(b"\n"), piece.rfind(b"\n")
        if first < 0:
            begun.append(piece)
            continue
        begun.append(piece[:first])
        yield _taken(begun)
        if first < last:
            yield piece[first + 1 : last]
        begun.append(piece[last + 1 :])
    if rest := _taken(begun):
        yield rest


def text_blocks(source: Source) -> Iterator[str]:
    """Return blocks of whole lines as text, without the byte order mark that some programs put at the start.

    Raises:
        CorpusError: The mark is that of UTF-16.
    """
    blocks = line_blocks(source.chunks())
    first = map(partial(_without_mark, name=source.name), islice(blocks, 1))
    return map(to_text, chain(first, blocks))  # which, unlike a loop, holds no block while its text is used


def _taken(pieces: list[bytes]) -> bytes:
    """Return pieces as one, and hold them no longer."""
    whole = b"".join(pieces)
    pieces.clear()
    return whole


def _without_mark(block: bytes, name: str) -> bytes:
    if block.startswith(UTF16_MARKS):
        raise CorpusError(f"{name}:1: the file begins as UTF-16 does; only UTF-8 is read, so save the file as UTF-8.")
    return block.removeprefix(BOM_UTF8)
