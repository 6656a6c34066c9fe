"""A corpus in the tokens of a codec, on disk.

Ids are kept as narrow as the codec's vocabulary allows, one byte each for the byte codec, and everything is mapped:
of ten million documents, only the pages that a batch is gathered from are in memory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.base import EncodedDocuments
from granular_lm.codecs.excerpts import difference
from granular_lm.corpus.stream import DocumentsDigest, in_chunks
from granular_lm.errors import CorpusError, LossyCodecError
from granular_lm.files import errors_naming
from granular_lm.mapped import ArrayWriter, OffsetsWriter, map_array, release_pages
from granular_lm.text import to_bytes

IDS_FILE, OFFSETS_FILE, NUM_BYTES_FILE = "ids", "offsets", "num_bytes"
TOKENS_AT_ONCE = 2**16  # decoded at a time: they stay in the processor's cache


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Encoded documents, memory-mapped from a folder.

    Attributes:
        codec: What encoded them.
        ids: All content ids, shape (tokens,), in the type that `stored_type` gives for the codec.
        offsets: Document ``i`` is ``ids[offsets[i]:offsets[i + 1]]``, shape (documents + 1,), int64.
        num_bytes: Raw bytes of each document, shape (documents,), int64.
        sha256: The `granular_lm.corpus.split.documents_hash` of the documents.
    """

    codec: Codec
    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    num_bytes: NDArray[np.int64]
    sha256: str

    def __len__(self) -> int:
        return len(self.num_bytes)

    @classmethod
    def write(cls, codec: Codec, documents: Iterable[str], folder: Path) -> "TokenStore":
        """Encode documents into ``folder``, a thousand at a time, and map the result.

        What an earlier store left in the folder is replaced.

        Raises:
            LossyCodecError: The codec does not give a document back as it was.
            CorpusError: There is no document, or not one byte in them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        digest, check, dtype = DocumentsDigest(), LosslessCheck(codec), stored_type(codec)
        with (
            errors_naming(folder),
            ArrayWriter(folder / IDS_FILE, dtype) as ids,
            OffsetsWriter(folder / OFFSETS_FILE) as offsets,
            ArrayWriter(folder / NUM_BYTES_FILE, np.int64) as num_bytes,
        ):
            for chunk in in_chunks(documents):
                raw = list(map(to_bytes, chunk))
                encoded = codec.encode_batch(chunk)
                num_bytes.append(check.lengths(chunk, raw, encoded))
                offsets.append(np.diff(encoded.offsets))
                ids.append(encoded.ids)
                digest.update(raw)
        arrays = _map_arrays(folder, dtype)
        return cls(codec, *arrays, sha256=digest.hexdigest())

    def release(self) -> None:
        """Give back the memory that reading has taken; the store stays usable."""
        release_pages(self.ids, self.offsets, self.num_bytes)


def stored_type(codec: Codec) -> np.dtype[Any]:
    """Return the smallest of uint8, uint16 and int32 that holds every content id; the stop is never stored.

    Examples:
        >>> from granular_lm.codecs.byte import ByteCodec
        >>> stored_type(ByteCodec())
        dtype('uint8')
    """
    largest = codec.vocab_size - (2 if codec.stop_id == codec.vocab_size - 1 else 1)
    return np.dtype(next((kind for kind in (np.uint8, np.uint16) if largest <= np.iinfo(kind).max), np.int32))


def _map_arrays(folder: Path, dtype: DTypeLike) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    ids = map_array(folder / IDS_FILE, dtype)
    offsets, num_bytes = (map_array(folder / name, np.int64) for name in (OFFSETS_FILE, NUM_BYTES_FILE))
    if not len(ids):
        raise CorpusError(
            f"there is nothing to read in {len(num_bytes)} documents of 0 bytes; give at least one non-empty one."
        )
    return ids, offsets, num_bytes


class LosslessCheck:
    """Decodes what a codec encoded, by table, so that to check costs less than to encode."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._lengths = codec.token_lengths
        self._starts = np.cumsum(self._lengths, dtype=np.int64) - self._lengths
        tokens = b"".join(map(codec.token_bytes, range(codec.vocab_size)))
        self._table = np.frombuffer(tokens, dtype=np.uint8)

    def lengths(self, documents: list[str], raw: list[bytes], encoded: EncodedDocuments) -> NDArray[np.int64]:
        """Return the raw bytes of each document, having checked that the codec gives every one back.

        Raises:
            LossyCodecError: It does not, or one of the ids is the stop, which is not for content.
        """
        lengths = np.fromiter(map(len, raw), dtype=np.int64, count=len(raw))
        per_token = self._lengths[encoded.ids]
        ends = np.append(0, np.cumsum(per_token, dtype=np.int64))
        same_lengths = per_token.all() and np.array_equal(np.diff(ends[encoded.offsets]), lengths)
        if not same_lengths or not self._gives_back(encoded.ids, b"".join(raw)):
            raise self._error(next((text for text in documents if self._loses(text)), ""))
        return lengths

    def _error(self, lossy: str) -> LossyCodecError:
        """Return what to raise because of a document that is lost; of none if it is only lost among others."""
        shown, decoded = difference(to_bytes(lossy), self._codec.decode_bytes(self._codec.encode(lossy)))
        becomes = "" if decoded == shown else f" but as {decoded!r}"  # a stop is no text, and yet too much
        return LossyCodecError(
            f"codec {self._codec.name!r} does not give back {shown!r} as it was{becomes}; its bits per byte would "
            "mean nothing. Give a codec that passes granular_lm.testing.check_codec.",
            document=shown,
        )

    def _gives_back(self, ids: NDArray[np.int32], raw: bytes) -> bool:
        position = 0
        for start in range(0, len(ids), TOKENS_AT_ONCE):
            piece = self.decode(ids[start : start + TOKENS_AT_ONCE])
            if piece != raw[position : position + len(piece)]:
                return False
            position += len(piece)
        return True

    def decode(self, ids: NDArray[np.int32]) -> bytes:
        """Return what `Codec.decode_bytes` does."""
        starts, lengths = self._starts[ids], self._lengths[ids]
        if not (lengths == 1).all():  # they are with the byte codec, which is checked several times as fast
            before = np.cumsum(lengths, dtype=np.int64) - lengths
            starts = np.repeat(starts - before, lengths) + np.arange(lengths.sum())
        data: bytes = self._table[starts].tobytes()
        return data

    def _loses(self, text: str) -> bool:
        ids = self._codec.encode(text)
        return self._codec.stop_id in ids or self._codec.decode_bytes(ids) != to_bytes(text)
