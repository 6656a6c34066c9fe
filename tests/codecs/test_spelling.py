"""Tokens by their bytes, against plain search through all of them."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.codecs.spelling import Spelling
from overlapping import TOKENS, TokensCodec

TEXT = b"abcabca"


def all_ways(codec: Codec, data: bytes) -> Iterator[tuple[int, ...]]:
    """Yield every sequence of tokens that spells ``data``, by trying each token."""
    if not data:
        yield ()
    for token_id in range(codec.vocab_size):
        if token_id != codec.stop_id and data.startswith(token := codec.token_bytes(token_id)):
            yield from ((token_id, *rest) for rest in all_ways(codec, data[len(token) :]))


@given(data=st.binary(max_size=20) | st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")))
@pytest.mark.parametrize("name", ["byte", "char", "spm"])
def test_tokens_are_found_by_their_bytes(trained_codecs: dict[str, Codec], name: str, data: bytes) -> None:
    """At each position stand exactly the tokens whose bytes do, and those that reach past the end are longer."""
    codec = trained_codecs[name]
    spelling = codec.derived(Spelling)
    tokens = {token_id: codec.token_bytes(token_id) for token_id in range(codec.vocab_size)}
    del tokens[codec.stop_id]
    for position in range(len(data)):
        rest = data[position:]
        found = {token_id: rest[:length] for length, ids in spelling.at(data, position) for token_id in ids}
        assert found == {token_id: token for token_id, token in tokens.items() if rest.startswith(token)}
        longer = {token_id: token for token_id, token in tokens.items() if token.startswith(rest) and token != rest}
        assert {token_id: token for token, token_id in spelling.reaching_past(rest)} == longer
    assert not list(spelling.reaching_past(b""))


def test_all_ways_are_found_and_the_likeliest_first() -> None:
    """Every way to spell a string, each once, none before one with a greater sum of scores."""
    codec = TokensCodec(*TOKENS)
    scores = np.random.default_rng(3).normal(size=codec.vocab_size)
    found = Spelling(codec).likeliest(TEXT, 1000, scores)
    assert sorted(found) == sorted(all_ways(codec, TEXT))
    assert len(found) > 20
    sums = np.array([scores[list(ids)].sum() for ids in found])
    assert (np.diff(sums) < 1e-9).all()


@pytest.mark.parametrize("seed", range(3))
def test_fewer_ways_are_the_first_of_more(seed: int) -> None:
    """Also where many sums are equal: scores here are 0 or -1."""
    codec = TokensCodec(*TOKENS)
    scores = -np.random.default_rng(seed).integers(0, 2, codec.vocab_size).astype(np.float64)
    many = Spelling(codec).likeliest(TEXT, 1000, scores)
    assert len(set(many)) == len(many) == len(list(all_ways(codec, TEXT)))
    for k in range(1, len(many)):
        assert Spelling(codec).likeliest(TEXT, k, scores) == many[:k]


def test_tokens_of_the_same_bytes_are_different_ways(trained_codecs: dict[str, Codec]) -> None:
    """A letter that has a piece and a byte piece is written in two ways."""
    codec = trained_codecs["spm"]
    ways = Spelling(codec).likeliest(b"a", 10, np.zeros(codec.vocab_size))
    assert sorted(ways) == sorted(all_ways(codec, b"a"))
    assert len(ways) == 2


def test_bytes_are_spelled_in_one_way() -> None:
    """However many are asked for."""
    assert Spelling(ByteCodec()).likeliest(b"\xffa", 10, np.zeros(257)) == [(255, 97)]


def test_nothing_is_spelled_by_nothing() -> None:
    """The empty string has one way, of no tokens."""
    assert Spelling(ByteCodec()).likeliest(b"", 10, np.zeros(257)) == [()]
