"""The sampler, over every codec and over a model whose probabilities are known."""

import math
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.codecs.char import CharCodec
from granular_lm.errors import OptionError
from granular_lm.generation import Generator, Sample, SamplingOptions
from granular_lm.generation.options import Options
from granular_lm.model import LanguageModel
from granular_lm.text import to_bytes
from overlapping import TokensCodec


@pytest.fixture
def generator(codec: Codec, random_model: Callable[..., LanguageModel]) -> Generator:
    return Generator(random_model(codec))


def sample_fields(sample: Sample) -> tuple[object, ...]:
    return (sample.data, sample.ids, sample.finished)


def test_samples_know_their_own_probability(generator: Generator) -> None:
    """Log-probabilities at temperature 1 are those that scoring finds for the same tokens, whatever was drawn with."""
    model = generator.model
    for sample in generator.sample_batch(20, temperature=0.7, top_k=50, seed=1):
        state, last = model.initial_state(1), model.codec.stop_id
        steps = [*sample.ids, model.codec.stop_id] if sample.finished else sample.ids
        assert len(sample.log_probs) == len(sample.entropies) == len(sample.byte_spans) == len(steps)
        for token_id, log_prob, entropy in zip(steps, sample.log_probs, sample.entropies, strict=True):
            log_probs, state = model.step(np.array([last]), state)
            assert log_prob == pytest.approx(float(log_probs[0, token_id]), abs=1e-4)
            p = np.exp(log_probs[0].astype(np.float64))
            assert entropy == pytest.approx(-(p * np.log2(p)).sum(), abs=1e-4)
            last = token_id


def test_a_finished_byte_sample_costs_what_its_text_scores(random_model: Callable[..., LanguageModel]) -> None:
    """For bytes there is one tokenisation, so the sample's bits are the document's bits."""
    model = random_model(ByteCodec())
    samples = [s for s in Generator(model).sample_batch(200, max_bytes=400, seed=2) if s.finished]
    assert samples
    for sample in samples:
        assert -sample.log_prob / math.log(2) == pytest.approx(model.score(sample.data)[0].bits, rel=1e-5)


def test_the_text_is_the_bytes_of_the_tokens(generator: Generator) -> None:
    """ids, data, text and spans tell the same string."""
    for sample in generator.sample_batch(10, seed=3, valid_utf8=False):
        assert generator.model.codec.decode_bytes(sample.ids) == sample.data
        assert sample.text == sample.data.decode("utf-8", "replace") == str(sample)
        assert [end - start for start, end in sample.byte_spans[: len(sample.ids)]] == [
            len(generator.model.codec.token_bytes(token_id)) for token_id in sample.ids
        ]


def test_one_seed_gives_one_text_however_many_are_drawn(generator: Generator) -> None:
    """sample, a small batch and a larger one agree string by string; another seed differs."""
    three = generator.sample_batch(3, seed=4)
    assert list(map(sample_fields, generator.sample_batch(7, seed=4)[:3])) == list(map(sample_fields, three))
    assert sample_fields(generator.sample(seed=4)) == sample_fields(three[0])
    assert sample_fields(generator.sample(seed=5)) != sample_fields(three[0])


def test_batches_do_not_change_the_strings(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing in several batches gives what one batch gives."""
    whole = list(map(sample_fields, generator.sample_batch(9, seed=6)))
    monkeypatch.setattr("granular_lm.generation.generator.STRINGS_AT_ONCE", 4)
    assert list(map(sample_fields, generator.sample_batch(9, seed=6))) == whole


def test_no_seed_is_another_ones_string() -> None:
    """Seeds of more than 32 bits have strings of their own, as have second attempts."""
    from granular_lm.generation.generator import _streams

    drawn = [
        _streams(seed, [index], attempt)[0].random()
        for seed in (7, 2**32 + 7, 2**33 + 7)
        for index in (0, 1, 2)
        for attempt in (0, 1)
    ]
    assert len(set(drawn)) == len(drawn)


def test_without_a_seed_samples_differ(generator: Generator) -> None:
    """Two draws without a seed are two strings."""
    assert len({generator.sample(max_bytes=60).data for _ in range(4)}) > 1


def test_strings_are_always_valid_utf8(generator: Generator) -> None:
    """A network of random weights, near noise, still writes valid UTF-8, cut or not."""
    samples = [s for limit in (1, 2, 3, 5, 8, 40) for s in generator.sample_batch(60, max_bytes=limit, seed=limit)]
    for sample in samples:
        assert sample.data.decode() == sample.text
    assert {sample.finished for sample in samples} == {True, False}


def test_raw_bytes_are_kept_when_validity_is_not_asked_for(random_model: Callable[..., LanguageModel]) -> None:
    """Invalid bytes stay in data and are U+FFFD in text."""
    samples = Generator(random_model(ByteCodec())).sample_batch(30, valid_utf8=False, seed=1)
    broken = [sample for sample in samples if "\ufffd" in sample.text]
    assert broken
    assert all(sample.text == sample.data.decode("utf-8", "replace") for sample in broken)


@pytest.mark.parametrize("max_bytes", [3, 4, 6, 10])
def test_a_limit_cuts_and_changes_nothing_else(bigram_model, max_bytes: int) -> None:  # type: ignore[no-untyped-def]
    """The share of finished strings is the share of strings that fit, wherever the limit falls in a character."""
    codec = CharCodec("日本")
    table = np.zeros((codec.vocab_size, codec.vocab_size))
    table[:, [codec.stop_id, 257, 258]] = [0.1, 0.45, 0.45]
    samples = Generator(bigram_model(codec, table)).sample_batch(3000, max_bytes=max_bytes, seed=max_bytes)
    expected = 1 - 0.9 ** (max_bytes // 3 + 1)
    share = sum(sample.finished for sample in samples) / 3000
    assert abs(share - expected) < 5 * math.sqrt(expected * (1 - expected) / 3000)
    free = Generator(bigram_model(codec, table)).sample_batch(3000, max_bytes=2000, seed=max_bytes)
    for cut, whole in zip(samples, free, strict=True):
        assert whole.data.startswith(cut.data)
        assert cut.finished == (len(whole.data) <= max_bytes)


@pytest.mark.parametrize("max_bytes", [1, 2, 7, 30])
def test_no_string_is_longer_than_max_bytes(generator: Generator, max_bytes: int) -> None:
    """The limit holds whatever the tokens' lengths, and a string cut there is not finished."""
    for sample in generator.sample_batch(40, max_bytes=max_bytes, seed=8):
        assert len(sample.data) <= max_bytes
        assert len(sample.log_probs) == len(sample.ids) + sample.finished


@pytest.mark.parametrize("prompt", ["", "a", "i love ", "日本", "é", "▁", "\x00", "\udcff", "\udcf0\udc9f", "</s>"])
def test_no_prompt_fails(generator: Generator, prompt: str) -> None:
    """Each string begins with the prompt's bytes, and its tokens count as given."""
    for sample in generator.sample_batch(3, prompt, seed=9):
        assert sample.data.startswith(to_bytes(prompt))
        ends = [end for _, end in sample.byte_spans]
        given = sum(end < len(to_bytes(prompt)) for end in ends)  # tokens that end within the prompt
        assert (sample.sampling_log_probs[:given] == 0).all()
        assert (sample.log_probs < 0).all()


def test_a_prompt_inside_a_character_is_completed(random_model: Callable[..., LanguageModel]) -> None:
    """After the first two bytes of an emoji the string goes on to a valid character."""
    for sample in Generator(random_model(ByteCodec())).sample_batch(10, "\udcf0\udc9f", seed=1):
        assert sample.data.decode().encode() == sample.data


@pytest.mark.parametrize("length", [0, 90, 100, 101, 250])
def test_there_is_always_room_after_a_prompt(bigram_model, length: int) -> None:  # type: ignore[no-untyped-def]
    """Unless a limit is given: 200 bytes in all, or 100 after the prompt or what a string has at least."""
    table = np.zeros((257, 257))
    table[:, ord("a")] = 1.0
    generator = Generator(bigram_model(ByteCodec(), table))
    assert len(generator.sample("x" * length).data) == max(200, length + 100)
    assert len(generator.sample(min_bytes=length).data) == max(200, length + 100)
    assert len(generator.sample("x" * length, max_bytes=length + 1).data) == length + 1


@pytest.mark.parametrize("max_bytes", [2, 3, 4, 5, 9, 40])
@pytest.mark.parametrize("straddling", [b"\xa9\xc3", b"\xc3\xa9\xe2", b"\xa9\xe2\x82"])
def test_a_limit_parts_no_character_that_a_prompt_begins(bigram_model, straddling: bytes, max_bytes: int) -> None:  # type: ignore[no-untyped-def]
    """Though every token ends inside of a character: the string is cut in the middle of one then."""
    codec = TokensCodec(*(bytes([byte]) for byte in range(256)), straddling)
    table = np.full((258, 258), 1e-4)
    table[:, 256] = 0.9
    table[:, [0xA9, 0xC3, 0x82, 0xAC]] = 0.02
    model = bigram_model(codec, table / table.sum(axis=1, keepdims=True))
    generator = Generator(model)
    for index, sample in enumerate(generator.sample_batch(60, b"\xc3", max_bytes=max_bytes, seed=1)):
        assert sample.data.decode().encode() == sample.data
        assert len(sample.data) <= max_bytes
        assert codec.decode_bytes(sample.ids).startswith(sample.data)
        assert b"".join(sample.data[start:end] for start, end in sample.byte_spans) == sample.data
        assert len(sample.log_probs) == len(sample.byte_spans) == len(sample.ids) + sample.finished
        assert all(start < end for start, end in sample.byte_spans[: len(sample.ids)])
        streamed = generator.stream_bytes(b"\xc3", index=index, max_bytes=max_bytes, seed=1)
        assert b"".join(streamed) == sample.data


def test_a_raw_prompt_inside_a_character_may_stop_at_once(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """Where validity is not asked for, the stop is possible after any byte."""
    table = np.zeros((257, 257))
    table[:, 256] = 1.0
    sample = Generator(bigram_model(ByteCodec(), table)).sample("\udcf0", valid_utf8=False)
    assert (sample.data, sample.finished) == (b"\xf0", True)


def test_greedy_takes_the_most_likely_token_each_step(generator: Generator) -> None:
    """At temperature 0 every seed gives the same string, and each token is the likeliest allowed."""
    samples = [generator.sample(temperature=0, seed=seed, max_bytes=30, valid_utf8=False) for seed in range(3)]
    assert len({sample.data for sample in samples}) == 1
    model, state, last = generator.model, generator.model.initial_state(1), generator.model.codec.stop_id
    for token_id in samples[0].ids[:5]:
        log_probs, state = model.step(np.array([last]), state)
        assert token_id == int(log_probs[0].argmax())
        last = token_id


def test_frequencies_are_the_models_probabilities(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """Of 4 000 draws from a known model, each short string turns up as often as it should, within five sigma."""
    table = np.zeros((257, 257))
    table[256, [97, 98, 256]] = [0.5, 0.3, 0.2]
    table[97, [97, 98, 256]] = [0.1, 0.4, 0.5]
    table[98, [97, 256]] = [0.6, 0.4]
    expected = {"": 0.2, "a": 0.25, "b": 0.12, "ab": 0.08, "ba": 0.09}
    counts = Counter(s.text for s in Generator(bigram_model(ByteCodec(), table)).sample_batch(4000, seed=10))
    for text, p in expected.items():
        assert abs(counts[text] - 4000 * p) < 5 * math.sqrt(4000 * p * (1 - p)), text


@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize("shift", [-100.0, -40.0, 40.0, 70.0, 100.0])
def test_where_logits_have_their_zero_does_not_matter(
    random_model: Callable[..., LanguageModel], count: int, shift: float
) -> None:
    """Exponentials that are too large or too small a number are never taken."""
    model, shifted = random_model(ByteCodec()), random_model(ByteCodec())
    shifted.weights["head.bias"] += np.float32(shift)
    samples, expected = (Generator(each).sample_batch(count, seed=5) for each in (shifted, model))
    for sample, other in zip(samples, expected, strict=True):
        assert sample.data == other.data
        for name in ("log_probs", "sampling_log_probs", "entropies", "masked"):
            np.testing.assert_allclose(getattr(sample, name), getattr(other, name), rtol=1e-3)


@pytest.mark.parametrize("count", [1, 3, 300])
def test_what_is_masked_is_told_however_little_it_is(bigram_model, count: int) -> None:  # type: ignore[no-untyped-def]
    """It is summed by itself, not left over from a subtraction; where all is allowed it is nothing at all."""
    table = np.zeros((257, 257))
    table[[256, 97]] = [[{97: 0.75, 256: 0.25, 0x80: 1e-13}.get(token, 0.0) for token in range(257)]] * 2
    generator = Generator(bigram_model(ByteCodec(), table))
    for sample in generator.sample_batch(count, seed=4):
        np.testing.assert_allclose(sample.masked, 1e-13, rtol=1e-5)
    for sample in generator.sample_batch(count, seed=4, valid_utf8=False):
        assert not sample.masked.any()
        assert sample.sampling_log_probs.tolist() == sample.log_probs.tolist()


def test_a_sample_as_json(generator: Generator) -> None:
    """to_dict holds what --json prints, all of it JSON."""
    import json

    sample = generator.sample(seed=1)
    told = json.loads(json.dumps(sample.to_dict()))
    assert bytes.fromhex(told["data"]) == sample.data
    assert told["log_probs"] == sample.log_probs.tolist()
    assert told["log_prob"] == pytest.approx(sum(told["log_probs"]))
    assert sample.probability == pytest.approx(math.exp(told["log_prob"]))
    assert repr(sample).startswith("Sample(")


def test_a_name_is_no_model() -> None:
    """The error says which function takes a name."""
    with pytest.raises(OptionError, match=r"Generator\.from_pretrained\('bios-byte'\)"):
        Generator("bios-byte")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_bytes": 0}, "max_bytes=0"),
        ({"max_bytes": 10**30}, "max_bytes=1000000"),
        ({"temperature": -0.5}, "temperature=-0.5"),
        ({"seed": -1}, "seed=-1"),
        ({"prompt": 5}, "prompt=5"),
        ({"ban": "abc"}, "ban='abc' is not accepted; give a list of strings"),
        ({"stop": [""]}, "stop holds ''"),
        ({"stop": [b"\x9f"]}, r"stop holds b'\\x9f', which begins inside of a character; .* valid_utf8=False"),
        ({"stop": ["a", "\udc9f"]}, r"stop holds b'\\x9f', which begins inside"),
        ({"accept": "a"}, "accept='a'"),
        ({"errors": "strict"}, "errors='strict'"),
        ({"valid_utf8": "no"}, "valid_utf8='no' is not accepted; give True or False"),
        ({"novel": None}, "novel=None is not accepted; give True or False"),
        ({"min_bytes": 31, "max_bytes": 30}, "min_bytes=31 is above max_bytes=30; raise max_bytes, or lower min_bytes"),
        ({"max_draws": 0}, "max_draws=0"),
        ({"prompt_beam": 0}, "prompt_beam=0"),
        ({"top_k": True}, "top_k=True"),
        ({"temprature": 1}, "temprature=1 is not accepted: it is no option of sampling; did you mean temperature"),
        ({"zzz": 1}, "zzz=1 .* there are temperature, "),
        ({"temperature": "warm"}, "temperature='warm' .* from 0 \\(greedy\\), or a list"),
        ({"temperature": np.array([[1.0]])}, "temperature=array"),
        ({"temperature": {0.5: 1}}, "temperature={0.5: 1}"),
        ({"temperature": [1, "a"]}, "temperature="),
        ({"temperature": []}, "temperature="),
        ({"temperature": iter([1])}, "temperature="),
        ({"temperature": b"1"}, "temperature=b'1'"),
        ({"temperature": 10**400}, "temperature=1000"),
        ({"prompt": "four", "max_bytes": 4}, "no room after the prompt of 4 bytes; give at least 5"),
        ({"prompt": "\udcf0\udc9f", "max_bytes": 3}, "no room after the prompt of 2 bytes; give at least"),
    ],
)
def test_impossible_options_are_refused(generator: Generator, options: dict[str, object], problem: str) -> None:
    """One line with the value met and what is accepted."""
    with pytest.raises(OptionError, match=problem):
        generator.sample(**options)  # type: ignore[arg-type]
    for n in (-1, 2.5, "3", True, 10**30):
        with pytest.raises(OptionError, match=f"n={n!r}"):
            generator.sample_batch(n)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="index=-1"):
        generator.stream(index=-1)
    with pytest.raises(OptionError, match="prompt_beam=0"):
        generator.continuations(prompt_beam=0)
    with pytest.raises(OptionError, match="n=1000000"):
        generator.continuations(n=1000000)
    assert generator.sample_batch(0) == []


def test_numbers_of_numpy_are_numbers(generator: Generator) -> None:
    """They draw what Python's draw."""
    numbers: list[Any] = [*map(np.int64, (1, 2, 3, 20)), np.float32(0.5)]
    one, two, three, twenty, half = numbers
    sample = generator.sample(seed=three, max_bytes=twenty, temperature=half, top_k=three)
    assert sample_fields(sample) == sample_fields(generator.sample(seed=3, max_bytes=20, temperature=0.5, top_k=3))
    batch = generator.sample_batch(three, seed=one)
    assert "".join(generator.stream(index=two, seed=one)) == batch[2].text
    assert len(generator.continuations(n=three)) == 3
    expected = sample_fields(generator.sample(temperature=[0.5, 2], seed=4))
    for temperature in (np.array([0.5, 2]), (Fraction(1, 2), 2)):
        assert sample_fields(generator.sample(temperature=temperature, seed=4)) == expected  # type: ignore[arg-type]


def test_each_option_has_a_default_and_a_type() -> None:
    """What type checkers are told of is what is accepted."""
    assert set(SamplingOptions.__annotations__) == {field.name for field in fields(Options)}


def test_a_long_run_begins_at_once_in_little_memory() -> None:
    """What is held does not grow with the number of strings that are asked for."""
    generator = Generator.from_pretrained("bios-byte")
    generator.sample(max_bytes=5, seed=1)  # tables and weights
    tracemalloc.start()
    try:
        drawn = next(generator.iter_samples(10**9, max_bytes=5, seed=1))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert drawn.data == generator.sample(max_bytes=5, seed=1).data
    assert most < 100e6
