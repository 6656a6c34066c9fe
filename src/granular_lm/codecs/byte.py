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

    def encode_batch(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode many documents with one copy of their bytes."""
        try:
            encoded = [text.encode() for text in documents]
        except UnicodeEncodeError:
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
