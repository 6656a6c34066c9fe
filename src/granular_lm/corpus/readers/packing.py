"""Packed bytes to bytes: gzip, Zstandard and xz, of one member or of many."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, Protocol

from granular_lm.errors import CorpusError


class Member(Protocol):
    """One of the packed pieces that may follow one another in a file."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return what can be unpacked by now."""

    @property
    def eof(self) -> bool:
        """Whether the member has come to its end."""

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""


class Packing(NamedTuple):
    """How members of one kind are unpacked, and what is raised when one is damaged."""

    new_member: Callable[[], Member]
    damage: type[Exception]


def _gzip() -> Packing:
    import zlib

    return Packing(partial(zlib.decompressobj, wbits=31), zlib.error)  # 31 stands for gzip, with its checksum


def _zstandard() -> Packing:
    import zstandard

    return Packing(zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj, zstandard.ZstdError)


def _xz() -> Packing:
    import lzma

    return Packing(partial(lzma.LZMADecompressor, lzma.FORMAT_XZ), lzma.LZMAError)


PACKINGS: dict[str, Callable[[], Packing]] = {".gz": _gzip, ".zst": _zstandard, ".xz": _xz}


def unpacked(pieces: Iterable[bytes], suffix: str, name: str) -> Iterator[bytes]:
    """Yield the content of packed bytes.

    Raises:
        CorpusError: They are damaged or cut short; the line is the one after the last that came out.
    """
    packing = PACKINGS[suffix]()
    line = 1
    try:
        for data in _members(pieces, packing.new_member):
            line += data.count(b"\n")
            yield data
    except (packing.damage, EOFError) as error:
        raise CorpusError(
            f"{name}:{line}: from here on, the {suffix} data is damaged or cut short ({error}); "
            "copy or pack the file again."
        ) from error


def _members(pieces: Iterable[bytes], new_member: Callable[[], Member]) -> Iterator[bytes]:
    member, is_inside = new_member(), False
    for piece in pieces:
        data = piece
        while data := data if is_inside else data.lstrip(b"\0"):  # zeros may pad the space between members
            yield member.decompress(data)
            is_inside, data = not member.eof, member.unused_data
            if member.eof:
                member = new_member()
    if is_inside:
        raise EOFError("the end is missing")
