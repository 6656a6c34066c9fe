"""The most likely strings are just that."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import OptionError, SamplingError
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from overlapping import TOKENS, TokensCodec, Toy


def enumerated(toy: Toy, longest: int) -> dict[bytes, float]:
    """Return the log-probability of the likeliest tokens of each string of at most ``longest`` tokens."""
    best: dict[bytes, float] = {}
    for count in range(longest + 1):
        for ids in itertools.product(range(len(TOKENS)), repeat=count):
            steps = itertools.pairwise([toy.codec.stop_id, *ids, toy.codec.stop_id])
            log_prob = math.fsum(math.log(toy.table[before, after]) for before, after in steps)
            data = toy.codec.decode_bytes(ids)
            best[data] = max(best.get(data, -math.inf), log_prob)
    return best


def test_the_exact_search_finds_what_enumeration_finds(toy: Toy) -> None:
    """The eight likeliest strings, in order, with their probabilities."""
    every = enumerated(toy, 5)
    expected = sorted(every.items(), key=lambda each: -each[1])[:8]
    found = Generator(toy.model).most_likely(8, beam=None)
    assert [sample.data for sample in found] == [data for data, _ in expected]
    assert [sample.log_prob for sample in found] == pytest.approx([log_prob for _, log_prob in expected])


def test_strings_are_counted_not_ways_to_write_them(bigram_model: type) -> None:
    """Two ways to write the likeliest string do not push the second string out."""
    codec = TokensCodec(b"a", b"b", b"c", b"ab", b"bc", b"x", b"y")
    table = np.zeros((8, 8))
    table[7, [0, 3, 5]] = [0.36, 0.34, 0.3]
    table[0, 4] = table[3, 2] = table[4, 7] = table[2, 7] = table[6, 7] = 1.0
    table[5, [6, 7]] = [0.9, 0.1]
    found = Generator(bigram_model(codec, table)).most_likely(2, beam=None)
    assert [(sample.data, round(sample.probability, 6)) for sample in found] == [(b"abc", 0.36), (b"xy", 0.27)]


def test_short_strings_may_be_left_out(toy: Toy) -> None:
    """At least so many bytes, and of those the likeliest."""
    every = {data: p for data, p in enumerated(toy, 5).items() if 3 <= len(data) <= 5}
    expected = [data for data, _ in sorted(every.items(), key=lambda each: -each[1])[:4]]
    found = Generator(toy.model).most_likely(4, min_bytes=3, max_bytes=5, beam=None)
    assert [sample.data for sample in found] == expected


def test_a_prompt_is_kept(toy: Toy) -> None:
    """Among strings that begin with it, also where a token reaches past it."""
    every = {data: p for data, p in enumerated(toy, 5).items() if data.startswith(b"ab")}
    expected = [data for data, _ in sorted(every.items(), key=lambda each: -each[1])[:4]]
    assert [sample.data for sample in Generator(toy.model).most_likely(4, b"ab", beam=None)] == expected


def test_greedy_is_not_the_most_likely(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """Temperature 0 takes "a", the likeliest first byte; "b" is the likelier string."""
    table = np.zeros((257, 257))
    table[256, [97, 98]] = [0.6, 0.4]
    table[97, [99, 100, 101, 256]] = [0.3, 0.3, 0.3, 0.1]
    table[[98, 99, 100, 101], 256] = 1.0
    generator = Generator(bigram_model(ByteCodec(), table))
    assert generator.sample(temperature=0).text == "ac"
    [best] = generator.most_likely(beam=None)
    assert best.text == "b"
    assert best.probability == pytest.approx(0.4)


def test_no_sample_is_likelier(codec: Codec, random_model: Callable[..., LanguageModel]) -> None:
    """A wide beam beats every string drawn at a low temperature, for every codec."""
    generator = Generator(random_model(codec))
    [best] = generator.most_likely(beam=200, max_bytes=12)
    drawn = generator.sample_batch(100, temperature=0.3, max_bytes=12, seed=1)
    assert all(sample.log_prob <= best.log_prob + 1e-6 for sample in drawn if sample.finished)
    assert best.data.decode().encode() == best.data


def test_what_cannot_be_proved_is_not_claimed(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too narrow a beam says so instead of giving its answer for the answer."""
    monkeypatch.setattr("granular_lm.generation.search.FIRST_BEAM", 1)
    monkeypatch.setattr("granular_lm.generation.search.WIDEST_BEAM", 1)
    with pytest.raises(SamplingError, match="proves nothing"):
        Generator(toy.model).most_likely(5, beam=None)


def test_impossible_searches_are_refused(toy: Toy) -> None:
    """The number met, and what is accepted."""
    with pytest.raises(OptionError, match="n=0"):
        Generator(toy.model).most_likely(0)
    with pytest.raises(OptionError, match="beam=0"):
        Generator(toy.model).most_likely(beam=0)
    with pytest.raises(SamplingError, match="only 4 of 9 strings"):
        Generator(toy.model).most_likely(9, max_bytes=1, beam=None)
