"""A codec whose tokens overlap, and what a bigram model over it says, summed by hand."""

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.text import to_bytes

TOKENS = (b"a", b"b", b"c", b"ab", b"bc", b"abc", b"ca")
STOP = len(TOKENS)


class TokensCodec(Codec):
    """A codec of a few tokens that can divide one string in many ways; it encodes what it has single bytes for."""

    name = "tokens"

    def __init__(self, *tokens: bytes) -> None:
        self._tokens = (*tokens, b"")
        self.vocab_size = len(self._tokens)
        self.stop_id = len(tokens)

    @classmethod
    def train(cls, documents: Iterable[str]) -> Self:
        raise NotImplementedError

    def encode(self, text: str) -> list[int]:
        return [self._tokens.index(bytes([byte])) for byte in to_bytes(text)]

    def token_bytes(self, token_id: int) -> bytes:
        return self._tokens[token_id]

    def to_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        raise NotImplementedError


class Toy:
    """A bigram model over `TOKENS`, with its probabilities by plain recursion over tokens."""

    def __init__(self, bigram_model: type) -> None:
        rng = np.random.default_rng(7)
        table = rng.dirichlet(np.ones(len(TOKENS) + 1), len(TOKENS) + 1)
        table[:, -1] += 0.5  # strings are short
        self.table: NDArray[np.float64] = table / table.sum(axis=1, keepdims=True)
        self.codec = TokensCodec(*TOKENS)
        self.model = bigram_model(self.codec, self.table)

    def begins_with(self, data: bytes, last: int = STOP) -> float:
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

    def is_exactly(self, data: bytes, last: int = STOP) -> float:
        """Return the probability of a string, over all ways to divide it into tokens."""
        total = float(self.table[last, -1]) if not data else 0.0
        for token_id, token in enumerate(TOKENS):
            if data.startswith(token):
                total += self.table[last, token_id] * self.is_exactly(data[len(token) :], token_id)
        return total
