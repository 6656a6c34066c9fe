"""Prompts are exact: what follows has the model's conditional probability, wherever tokens end."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.generation import Generator
from granular_lm.generation.prompts import Prefix
from granular_lm.model import LanguageModel
from overlapping import TokensCodec, Toy

TEXT = b"abcabca"


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_the_sum_over_covers_is_the_probability_of_the_prefix(toy: Toy, cut: int) -> None:
    """Every cut of a string has the probability that plain recursion over tokens finds."""
    prefix = Prefix(toy.model, TEXT[:cut], beam=1000)
    assert math.exp(prefix.log_prob) == pytest.approx(toy.begins_with(TEXT[:cut]))
    assert prefix.lost == -math.inf


@pytest.mark.parametrize("cut", range(len(TEXT) + 1))
def test_what_follows_a_cut_has_its_conditional_probability(toy: Toy, cut: int) -> None:
    """Of 3 000 strings drawn after a prompt, each next byte and the end come as often as they should."""
    prompt, draws = TEXT[:cut], 3000
    samples = Generator(toy.model).sample_batch(draws, prompt, max_bytes=100, seed=cut)
    assert all(sample.data.startswith(prompt) for sample in samples)
    counts = Counter(sample.data[cut : cut + 1] for sample in samples)
    expected = {b"": toy.is_exactly(prompt)} | {byte: toy.begins_with(prompt + byte) for byte in (b"a", b"b", b"c")}
    assert sum(expected.values()) == pytest.approx(toy.begins_with(prompt))
    for byte, joint in expected.items():
        p = joint / toy.begins_with(prompt)
        assert abs(counts[byte] - draws * p) < 5 * math.sqrt(draws * p * (1 - p)) + 1e-9, byte


def test_whole_strings_after_a_prompt_have_their_conditional_probability(toy: Toy) -> None:
    """Not the next byte alone: the strings themselves."""
    draws = 5000
    counts = Counter(sample.data for sample in Generator(toy.model).sample_batch(draws, b"ab", seed=3))
    for string in (b"ab", b"aba", b"abc", b"abca", b"abab"):
        p = toy.is_exactly(string) / toy.begins_with(b"ab")
        assert abs(counts[string] - draws * p) < 5 * math.sqrt(draws * p * (1 - p)), string


def test_a_sample_knows_how_likely_its_cover_was(toy: Toy) -> None:
    """Given the prompt, all steps together have the probability of these tokens over that of the prompt."""
    for sample in Generator(toy.model).sample_batch(50, b"abca", max_bytes=100, seed=1):
        expected = sample.log_prob - math.log(toy.begins_with(b"abca"))
        assert sample.sampling_log_probs.sum() == pytest.approx(expected)


@pytest.mark.parametrize("cut", [0, 1, 3, 5])
def test_bytes_have_one_distribution_wherever_tokens_end(
    codec: Codec, random_model: Callable[..., LanguageModel], cut: int
) -> None:
    """p(prefix) = p(prefix is all) + the sum of p(prefix and one more byte): no token boundary shows."""
    model, data = random_model(codec), "a ñb"[:4].encode()[:cut]
    whole = Prefix(model, data, beam=10_000)
    ends = np.logaddexp.reduce(
        [path.log_prob for path in whole._paths[: len(whole._last.paths)]] + whole._last.log_probs[:, codec.stop_id]
    )
    parts = [Prefix(model, data + bytes([byte]), beam=10_000).log_prob for byte in range(256)]
    assert whole.lost == -math.inf
    assert np.logaddexp.reduce([*parts, ends]) == pytest.approx(whole.log_prob, abs=1e-5)


def test_a_narrow_beam_misses_a_little_and_says_so(toy: Toy) -> None:
    """What a beam of one keeps is a lower bound, and the likeliest path left out is noted."""
    prefix = Prefix(toy.model, TEXT, beam=1)
    assert prefix.log_prob < math.log(toy.begins_with(TEXT))
    assert -math.inf < prefix.lost < 0


def test_bytes_have_one_cover(random_model: Callable[..., LanguageModel]) -> None:
    """A byte codec divides a prompt in one way, whatever the beam."""
    prefix = Prefix(random_model(ByteCodec()), "日本".encode()[:4], beam=1)
    assert prefix.extra == [b""]
    assert prefix.cover(0).ids == list("日本".encode()[:4])
    assert prefix.lost == -math.inf


def test_a_prompt_may_be_bytes(random_model: Callable[..., LanguageModel], codec: Codec) -> None:
    """Bytes and the text of the same bytes give the same strings."""
    generator = Generator(random_model(codec))
    drawn = [generator.sample(prompt, seed=1, max_bytes=40).data for prompt in (b"caf\xc3", "caf\udcc3")]
    assert drawn[0] == drawn[1]
    assert drawn[0].decode().encode() == drawn[0]


def test_a_prompt_that_is_impossible_is_written_all_the_same(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """A model that never writes it goes on after it as after its last token."""
    table = np.zeros((257, 257))
    table[:, 256] = 1.0
    assert Generator(bigram_model(ByteCodec(), table)).sample("never", seed=0).text == "never"


def test_a_cover_that_cannot_be_ended_is_not_kept(bigram_model: type) -> None:
    """Where a cover ends inside of a character and its rest does not fit, the string is the prompt alone."""
    codec = TokensCodec(b"a", b"\xe6", b"\x97", b"\xa5", b"a\xe6\x97")
    table = np.full((6, 6), 1e-9)
    table[5, 4] = table[4, 3] = table[3, 5] = 1.0
    generator = Generator(bigram_model(codec, table / table.sum(axis=1, keepdims=True)))
    cut = generator.sample(b"a", max_bytes=3, seed=1)
    assert (cut.data, cut.ids, cut.ended_by) == (b"a", [0], "max_bytes")
    assert cut.sampling_log_probs.tolist() == [0.0]
    assert generator.sample(b"a", max_bytes=4, seed=1).text == "a日"


def test_a_cover_that_passes_the_limit_is_cut_back_to_the_prompt(toy: Toy) -> None:
    """The share of unfinished strings is what it would be without the limit."""
    prompt, draws = b"a", 4000
    samples = Generator(toy.model).sample_batch(draws, prompt, max_bytes=2, seed=5)
    free = Generator(toy.model).sample_batch(draws, prompt, max_bytes=100, seed=5)
    for cut, whole in zip(samples, free, strict=True):
        assert cut.finished == (len(whole.data) <= 2)
        assert whole.data.startswith(cut.data)
        assert len(cut.data) in (1, 2)
