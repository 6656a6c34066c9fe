"""The bytes of a compressed file and of a compressed message, and the checks on reading them.

A file: magic, version and method; fingerprints of model, codec and coder and the hash of the documents; the numbers of
documents and of bytes; the stream; and a CRC-32 of all that, which finds damage before anything is decoded.
A message has to be short: one byte for version and method, half of a hash of the three fingerprints, half of the
documents' hash, the number of bytes, the stream.
"""

import hashlib
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from granular_lm.errors import CompressionError

MAGIC = b"\x89glm"
FORMAT_VERSION = 1
"""Of the file and of the message."""

FINGERPRINT_BYTES = 8
HASH_BYTES = 16
SHORT_BYTES = 4
CRC_BYTES = 4


class Method(IntEnum):
    """How the documents are held."""

    STORED = 0
    CODED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """What a reader has to share with the writer, in order of the file.

    Attributes:
        model: Of its weights and its shape.
        codec: Of the way from text to ids.
        coder: Of the arithmetic and the coder.
    """

    model: bytes
    codec: bytes
    coder: bytes

    @classmethod
    def of(cls, *, model: str, codec: str, coder: str) -> Self:
        """Return the fingerprints of three SHA-256, given in hexadecimal."""
        model_bytes, codec_bytes, coder_bytes = (
            bytes.fromhex(each)[:FINGERPRINT_BYTES] for each in (model, codec, coder)
        )
        return cls(model=model_bytes, codec=codec_bytes, coder=coder_bytes)

    def check(self, found: "Fingerprints") -> None:
        """Raise `CompressionError` where those of a file are others than these."""
        advice = {
            "model": "decompress with the model that compressed it",
            "codec": "decompress with the model that compressed it",
            "coder": "install the versions of granular-lm and constriction that compressed it",
        }
        for name, what in advice.items():
            met, ours = getattr(found, name), getattr(self, name)
            if met != ours:
                raise CompressionError(
                    f"the data was compressed with another {name}: its fingerprint is {met.hex()}, here it is "
                    f"{ours.hex()}; {what}."
                )

    def short(self) -> bytes:
        """Return four bytes that stand for all three."""
        return hashlib.sha256(self.model + self.codec + self.coder).digest()[:SHORT_BYTES]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What a compressed file holds.

    Attributes:
        method: How the documents are held in the stream.
        fingerprints: Of what compressed them.
        documents_hash: Of the documents' raw bytes and lengths.
        count: Number of documents.
        num_bytes: Raw bytes of all documents.
        stream: The documents.
    """

    method: Method
    fingerprints: Fingerprints
    documents_hash: bytes
    count: int
    num_bytes: int
    stream: bytes

    def to_bytes(self) -> bytes:
        """Return the whole file."""
        prints = self.fingerprints
        head = MAGIC + bytes([FORMAT_VERSION, self.method]) + prints.model + prints.codec + prints.coder
        data = head + self.documents_hash + varint(self.count) + varint(self.num_bytes) + self.stream
        return data + zlib.crc32(data).to_bytes(CRC_BYTES)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what a file holds.

        Raises:
            CompressionError: It is no such file, of another version, or damaged.
        """
        if data[: len(MAGIC)] != MAGIC:
            raise CompressionError(
                f"this is no compressed file: it begins with {data[:4]!r}, not with {MAGIC!r}; "
                "give a file that `granular-lm compress` wrote."
            )
        reader = Reader(data[:-CRC_BYTES], start=len(MAGIC))
        version = reader.take(1)[0]
        if version != FORMAT_VERSION:
            raise CompressionError(
                f"the file has format version {version}, this granular-lm reads {FORMAT_VERSION}; upgrade granular-lm."
            )
        if zlib.crc32(data[:-CRC_BYTES]) != int.from_bytes(data[-CRC_BYTES:]):
            raise CompressionError("the file is damaged or cut short: its checksum does not match; get a new copy.")
        return cls(
            method=_method(reader.take(1)[0]),
            fingerprints=Fingerprints(**{name: reader.take(FINGERPRINT_BYTES) for name in ("model", "codec", "coder")}),
            documents_hash=reader.take(HASH_BYTES),
            count=reader.varint(),
            num_bytes=reader.varint(),
            stream=reader.rest(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a compressed message holds.

    Attributes:
        method: How the text is held in the stream.
        fingerprint: `Fingerprints.short` of what compressed it.
        text_hash: Of its raw bytes and their number.
        num_bytes: Raw bytes of the text.
        stream: The text.
    """

    method: Method
    fingerprint: bytes
    text_hash: bytes
    num_bytes: int
    stream: bytes

    def to_bytes(self) -> bytes:
        """Return the whole message."""
        kind = bytes([FORMAT_VERSION << 1 | self.method])
        return kind + self.fingerprint + self.text_hash + varint(self.num_bytes) + self.stream

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what a message holds.

        Raises:
            CompressionError: It is too short, or of another version.
        """
        reader = Reader(data)
        kind = reader.take(1)[0]
        if kind >> 1 != FORMAT_VERSION:
            raise CompressionError(
                f"the message has format version {kind >> 1}, this granular-lm reads {FORMAT_VERSION}; "
                "upgrade granular-lm, or get a new copy."
            )
        return cls(
            method=Method(kind & 1),
            fingerprint=reader.take(SHORT_BYTES),
            text_hash=reader.take(SHORT_BYTES),
            num_bytes=reader.varint(),
            stream=reader.rest(),
        )


class Reader:
    """Takes bytes from the front of some data.

    Args:
        data: What to read.
        start: Where to begin.
    """

    def __init__(self, data: bytes, start: int = 0) -> None:
        self._data, self._position = data, start

    def take(self, count: int) -> bytes:
        """Return the next bytes, or raise `CompressionError` where there are fewer."""
        taken = self._data[self._position : self._position + count]
        if len(taken) < count:
            raise CompressionError(f"the data is cut short after {len(self._data):,} bytes; get a new copy.")
        self._position += count
        return taken

    def varint(self) -> int:
        """Return the next number, seven bits a byte, the lowest first."""
        value, shift = 0, 0
        while shift < 64:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise CompressionError("the data is damaged: a number in it has more than 64 bits; get a new copy.")

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self._data[self._position :]


def varint(value: int) -> bytes:
    """Return a number as `Reader.varint` reads it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _method(number: int) -> Method:
    try:
        return Method(number)
    except ValueError as error:
        raise CompressionError(
            f"the file says method {number}, known are {', '.join(str(each.value) for each in Method)}; "
            "upgrade granular-lm."
        ) from error
