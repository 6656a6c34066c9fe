"""Bytes to whole lines, many at a time: what is done to a block costs little for each of its lines."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator

from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError
from granular_lm.text import to_text

UTF16_MARKS = (BOM_UTF16_LE, BOM_UTF16_BE)


def line_blocks(source: Source) -> Iterator[bytes]:
    """Yield the bytes in blocks of whole lines, that is, up to a line feed; the last block may lack it."""
    begun: list[bytes] = []
    for chunk in source.chunks():
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, chunk[:end]])
            begun = []
        begun.append(chunk[end:])
    if rest := b"".join(begun):
        yield rest


def text_blocks(source: Source) -> Iterator[str]:
    """Yield blocks of whole lines as text, without the byte order mark that some programs put at the start.

    Raises:
        CorpusError: The mark is that of UTF-16.
    """
    for index, block in enumerate(line_blocks(source)):
        yield to_text(block if index else _without_mark(block, source.name))


def _without_mark(block: bytes, name: str) -> bytes:
    if block.startswith(UTF16_MARKS):
        raise CorpusError(f"{name}:1: the file begins as UTF-16 does; only UTF-8 is read, so save the file as UTF-8.")
    return block.removeprefix(BOM_UTF8)
