"""The bytes of files and messages: their layout, and damage of every kind."""

import dataclasses
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.compression.container import MAGIC, File, Fingerprints, Message, Method, Reader, varint
from granular_lm.errors import CompressionError

PRINTS = Fingerprints(model=b"MODELMOD", codec=b"CODECCOD", coder=b"CODERCOD")
FILE = File(
    method=Method.CODED, fingerprints=PRINTS, documents_hash=b"0123456789abcdef", count=3, num_bytes=300, stream=b"xyz"
)
MESSAGE = Message(method=Method.STORED, fingerprint=b"FING", text_hash=b"HASH", num_bytes=2, stream=b"\x02ab")


def test_the_layout_of_a_file() -> None:
    """Magic, version, method, three fingerprints, hash, 3 and 300 = 44 + 2 · 128 as varints, stream, CRC-32."""
    head = b"\x89glm\x01\x01MODELMODCODECCODCODERCOD0123456789abcdef\x03\xac\x02xyz"
    assert FILE.to_bytes() == head + zlib.crc32(head).to_bytes(4)


def test_the_layout_of_a_message() -> None:
    """Twice the version plus the method, fingerprint, hash, bytes, stream: ten bytes beside the stream."""
    assert MESSAGE.to_bytes() == b"\x02FINGHASH\x02\x02ab"


def test_files_and_messages_are_read_as_they_were_written() -> None:
    """Field by field."""
    assert File.from_bytes(FILE.to_bytes()) == FILE
    assert Message.from_bytes(MESSAGE.to_bytes()) == MESSAGE


@given(value=st.integers(0, 2**64 - 1), rest=st.binary(max_size=3))
def test_numbers_are_read_as_they_were_written(value: int, rest: bytes) -> None:
    """And nothing behind them is touched."""
    reader = Reader(varint(value) + rest)
    assert (reader.varint(), reader.rest()) == (value, rest)


def test_a_number_without_an_end_is_refused() -> None:
    """Whether the data ends in it or goes on."""
    for data in (b"\xff" * 5, b"\xff" * 100):
        with pytest.raises(CompressionError):
            Reader(data).varint()


def test_every_flipped_bit_of_a_file_is_noticed() -> None:
    """In any place, the checksum's own bytes included."""
    data = FILE.to_bytes()
    for place in range(len(data)):
        for bit in range(8):
            damaged = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            with pytest.raises(CompressionError, match="begins with|version|checksum"):
                File.from_bytes(damaged)


def test_every_cut_of_a_file_is_noticed() -> None:
    """After any number of bytes, and with bytes too many."""
    data = FILE.to_bytes()
    for length in range(len(data)):
        with pytest.raises(CompressionError):
            File.from_bytes(data[:length])
    with pytest.raises(CompressionError, match="checksum"):
        File.from_bytes(data + b"\n")


@given(data=st.binary(max_size=80), is_marked=st.booleans())
def test_foreign_bytes_are_no_file(data: bytes, is_marked: bool) -> None:
    """Whatever they are, also behind the magic and the version, the error is one line."""
    with pytest.raises(CompressionError, match="^.*$"):
        File.from_bytes((MAGIC + b"\x01" if is_marked else b"") + data)


@pytest.mark.parametrize(
    "data", [b"", b"\x03", b"\x03FINGHAS", b"\x03FINGHASH", b"\x03FINGHASH\x80", b"\x05FINGHASH\x00"]
)
def test_what_is_too_short_or_of_another_version_is_no_message(data: bytes) -> None:
    """The error is one line."""
    with pytest.raises(CompressionError, match="^.*(cut short|version 2).*$"):
        Message.from_bytes(data)


def test_an_unknown_method_is_named() -> None:
    """A file of a later version with an intact checksum."""
    data = bytearray(FILE.to_bytes()[:-4])
    data[5] = 7
    with pytest.raises(CompressionError, match="method 7, known are 0, 1"):
        File.from_bytes(bytes(data) + zlib.crc32(data).to_bytes(4))


@pytest.mark.parametrize("name", ["model", "codec", "coder"])
def test_each_fingerprint_is_checked(name: str) -> None:
    """The message names the one that differs, as it was met and as it is here."""
    other = dataclasses.replace(PRINTS, **{name: b"\x00" * 8})
    with pytest.raises(CompressionError, match=f"another {name}: its fingerprint is 0000000000000000, here it is"):
        PRINTS.check(other)
    assert PRINTS.short() != other.short()
    PRINTS.check(dataclasses.replace(PRINTS))
