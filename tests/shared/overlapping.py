"""A codec whose tokens overlap, and what a bigram model over it says, summed by hand."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec

TOKENS = (b"a", b"b", b"c", b"ab", b"bc", b"abc", b"ca")


class OverlappingCodec(Codec):
    """A codec of a few tokens that can divide one string in many ways."""

    name = "overlapping"
    vocab_size = len(TOKENS) + 1
    stop_id = len(TOKENS)

    @classmethod
    def train(cls, documents: Iterable[str]) -> Self:
        return cls()

    def encode(self, text: str) -> list[int]:
        return [TOKENS.index(character.encode()) for character in text]

    def token_bytes(self, token_id: int) -> bytes:
        return (*TOKENS, b"")[token_id]

    def to_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        return cls()


class Toy:
    """A bigram model over `OverlappingCodec`, with its probabilities by plain recursion over tokens."""

    def __init__(self, bigram_model: type) -> None:
        rng = np.random.default_rng(7)
        table = rng.dirichlet(np.ones(OverlappingCodec.vocab_size), OverlappingCodec.vocab_size)
        table[:, -1] += 0.5  # strings are short
        self.table: NDArray[np.float64] = table / table.sum(axis=1, keepdims=True)
        self.codec = OverlappingCodec()
        self.model = bigram_model(self.codec, self.table)

    def begins_with(self, data: bytes, last: int = OverlappingCodec.stop_id) -> float:
        """Return the probability that a string begins with ``data``."""
        if not data:
            return 1.0
        total = 0.0
        for token_id, token in enumerate(TOKENS):
            if data.startswith(token):
                total += self.table[last, token_id] * self.begins_with(data[len(token) :], token_id)
            elif token.startswith(data):
                total += self.table[last, token_id]
        return total

    def is_exactly(self, data: bytes, last: int = OverlappingCodec.stop_id) -> float:
        """Return the probability of a string, over all ways to divide it into tokens."""
        total = float(self.table[last, -1]) if not data else 0.0
        for token_id, token in enumerate(TOKENS):
            if data.startswith(token):
                total += self.table[last, token_id] * self.is_exactly(data[len(token) :], token_id)
        return total
