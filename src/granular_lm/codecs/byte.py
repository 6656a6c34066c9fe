"""The byte codec: 256 byte values and the stop."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from granular_lm.codecs.base import Codec, EncodedDocuments, offsets_of, type_of_ids
from granular_lm.text import to_bytes

NUM_BYTES = 256


class ByteCodec(Codec):
    """Each byte is its own id; 256 is the stop.

    Examples:
        >>> ByteCodec().encode("hé")
        [104, 195, 169]
    """

    name = "byte"
    vocab_size = NUM_BYTES + 1
    stop_id = NUM_BYTES

    @classmethod
    def train(cls, documents: Iterable[str]) -> Self:
        """Return the codec, without reading the documents."""
        return cls()

    def encode(self, text: str) -> list[int]:
        """Return the bytes of ``text``."""
        return list(to_bytes(text))

    def encode_some(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode many documents as one string with a NUL between them: to touch each one alone costs more."""
        data = np.frombuffer(to_bytes("\x00".join(documents)), dtype=np.uint8)
        separators = np.flatnonzero(data == 0)
        if len(separators) != len(documents) - 1:
            return self._encode_one_by_one(documents)
        offsets = np.concatenate([[0], separators, [len(data)]])
        offsets[1:] -= np.arange(len(documents))  # the separators before each end
        return EncodedDocuments(data[data != 0].astype(type_of_ids), offsets)

    def _encode_one_by_one(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode documents that hold a NUL of their own."""
        encoded = [to_bytes(text) for text in documents]
        ids = np.frombuffer(b"".join(encoded), dtype=np.uint8).astype(type_of_ids)
        return EncodedDocuments(ids, offsets_of(map(len, encoded), len(encoded)))

    def token_bytes(self, token_id: int) -> bytes:
        """Return the one byte that is the id."""
        return b"" if token_id == self.stop_id else bytes([token_id])

    def to_config(self) -> dict[str, Any]:
        """Return nothing: every byte codec is the same."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Return the codec."""
        return cls()
