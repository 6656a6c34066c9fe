"""Bans, stop strings, lengths and what a person accepts."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.codecs.char import CharCodec
from granular_lm.corpus.document_set import DocumentSet
from granular_lm.errors import ModelError, OptionError, SamplingError
from granular_lm.generation import Generator
from granular_lm.generation.constraints import Constraint
from granular_lm.model import LanguageModel
from overlapping import TokensCodec, Toy


@pytest.fixture
def generator(codec: Codec, random_model: Callable[..., LanguageModel]) -> Generator:
    return Generator(random_model(codec))


def test_banned_strings_never_occur(generator: Generator) -> None:
    """Over token boundaries and in the middle of tokens, while strings stay valid UTF-8."""
    ban: list[str | bytes] = ["a", b"e ", "th", "é", "日本"]
    free = generator.sample_batch(100, seed=1, max_bytes=60)
    assert any("a" in sample.text for sample in free)
    for sample in generator.sample_batch(100, seed=1, max_bytes=60, ban=ban):
        assert not re.search("a|e |th|é|日本", sample.data.decode())


def test_a_ban_reaches_over_the_end_of_the_prompt(toy: Toy) -> None:
    """What begins within the prompt must not be completed, by a cover or by a later token."""
    samples = Generator(toy.model).sample_batch(500, b"a", ban=["abc"], seed=2)
    assert all(b"abc" not in sample.data for sample in samples)
    assert any(sample.data.startswith(b"ab") for sample in samples)


def test_a_ban_changes_nothing_else(toy: Toy) -> None:
    """At each step the allowed tokens keep their proportions, and what was taken away is told."""
    for sample in Generator(toy.model).sample_batch(200, ban=["c"], seed=3):
        state, last = toy.model.initial_state(1), toy.codec.stop_id
        for token_id, chance, masked in zip(
            [*sample.ids, toy.codec.stop_id], sample.sampling_log_probs, sample.masked, strict=True
        ):
            row = np.exp(toy.model.step(np.array([last]), state)[0][0])
            banned = row[[2, 4, 5, 6]].sum()
            assert masked == pytest.approx(banned)
            assert chance == pytest.approx(np.log(row[token_id] / (1 - banned)))
            last = token_id


def test_characters_that_cannot_be_ended_are_not_begun() -> None:
    """Where each way to end a character is banned, its first byte is not allowed either."""
    every_end = [bytes([0xC3, last]) for last in range(0x80, 0xC0)]
    constraint = Constraint.of(ByteCodec(), b"", valid_utf8=True, ban=every_end)
    assert not constraint.is_allowed[constraint.start, 0xC3]
    assert constraint.is_allowed[constraint.start, 0xC4]


def test_a_ban_of_everything_is_refused() -> None:
    """One line that says what to do, where not even the stop can follow."""
    every_end = [bytes([0xC3, last]) for last in range(0x80, 0xC0)]
    with pytest.raises(OptionError, match="leave nothing that may follow the prompt"):
        Constraint.of(ByteCodec(), b"\xc3", valid_utf8=True, ban=every_end)


def test_a_string_ends_before_a_stop_string(generator: Generator) -> None:
    """Cut where it begins, wherever the tokens part it; other strings are as without."""
    free = generator.sample_batch(200, seed=4, max_bytes=80)
    samples = generator.sample_batch(200, seed=4, max_bytes=80, stop=["e", b" s"])
    assert {sample.ended_by for sample in samples} >= {"stop_string", "max_bytes"}
    for sample, whole in zip(samples, free, strict=True):
        first = re.search("e| s", whole.text)
        if sample.ended_by == "stop_string":
            assert first is not None
            assert sample.text == whole.text[: first.start()]
        else:
            assert sample.data == whole.data
        assert len(sample.log_probs) == len(sample.byte_spans) == len(sample.ids) + sample.finished
        assert all(start <= end <= len(sample.data) for start, end in sample.byte_spans)


@pytest.mark.parametrize("tokens", [(b"a", b"b", b"c", b"d"), (b"abcd",), (b"ab", b"cd")])
def test_the_stop_string_that_is_complete_first_counts(bigram_model: type, tokens: tuple[bytes, ...]) -> None:
    """However the tokens part it, and the longer of two that end together."""
    table = np.zeros((len(tokens) + 1, len(tokens) + 1))
    table[-1, 0] = table[len(tokens) - 1, -1] = 1.0
    table[range(len(tokens) - 1), range(1, len(tokens))] = 1.0
    generator = Generator(bigram_model(TokensCodec(*tokens), table))
    assert generator.sample(stop=["abcd", "bc"]).text == "a"
    assert generator.sample(stop=["abc", "bc"]).text == ""
    assert generator.sample(stop=["d", "e"]).text == "abc"


def test_a_limit_within_a_stop_string_does_not_matter(bigram_model: type) -> None:
    """What stands before it fits."""
    table = np.zeros((3, 3))
    table[2, 0] = table[0, 1] = table[1, 2] = 1.0
    sample = Generator(bigram_model(TokensCodec(b"a", b"xy"), table)).sample(stop=["xy"], max_bytes=2)
    assert (sample.text, sample.ended_by) == ("a", "stop_string")


def test_a_model_of_nan_is_refused(bigram_model: type) -> None:
    """For one string and for several, in one line."""
    generator = Generator(bigram_model(ByteCodec(), np.full((257, 257), np.nan)))
    for count in (1, 2):
        with pytest.raises(ModelError, match="NaN"):
            generator.sample_batch(count)


def test_a_stop_string_is_not_looked_for_in_the_prompt(generator: Generator) -> None:
    """The prompt stays whole."""
    for sample in generator.sample_batch(20, "one e two", stop=["e"], seed=1, max_bytes=60):
        assert sample.data.startswith(b"one e two")
        assert b"e" not in sample.data[len("one e two") :]


def test_no_string_is_shorter_than_min_bytes(generator: Generator) -> None:
    """The stop waits, and what that took away is told."""
    samples = generator.sample_batch(100, min_bytes=30, max_bytes=200, seed=5)
    assert all(len(sample.data) >= 30 for sample in samples)
    assert any(len(sample.data) < 30 for sample in generator.sample_batch(300, max_bytes=200, seed=5))


def test_what_bans_leave_no_room_after_is_not_drawn_before_min_bytes(bigram_model: type) -> None:
    """Where a byte may only be the last one, or the last but two, no string comes to it too early."""
    table = np.zeros((257, 257))
    table[:, [*b"xyz", 256]] = 0.25
    ban = [begun + bytes([each]) for begun in (b"x", b"yy") for each in range(256) if begun + b"x" != b"yy%c" % each]
    generator = Generator(bigram_model(ByteCodec(), table))
    samples = generator.sample_batch(300, min_bytes=6, ban=ban, seed=1)
    assert samples[0].data == generator.sample(min_bytes=6, ban=ban, seed=1).data
    assert all(re.fullmatch(rb"(?:y?z)*(?:y|yy|)x?", sample.data) and len(sample.data) >= 6 for sample in samples)
    for end in (b"zx", b"yyx", b"yy"):
        assert any(len(sample.data) == 6 and sample.data.endswith(end) for sample in samples)
    with pytest.raises(
        OptionError, match=r"nothing may follow; ban fewer strings than these 511, or lower min_bytes=6"
    ):
        generator.sample(b"zzx", min_bytes=6, ban=ban)


def test_where_nothing_may_follow_the_error_says_why(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """A model that can only stop cannot reach min_bytes."""
    table = np.zeros((257, 257))
    table[:, 256] = 1.0
    with pytest.raises(OptionError, match="nothing may follow; lower min_bytes=3, or give valid_utf8=False"):
        Generator(bigram_model(ByteCodec(), table)).sample(min_bytes=3)


def test_accept_draws_anew_and_leaves_the_other_strings_alone(generator: Generator) -> None:
    """What is kept meets the condition; a string accepted at once is the one without the condition."""
    free = generator.sample_batch(30, seed=6, max_bytes=40)
    kept = generator.sample_batch(30, seed=6, max_bytes=40, accept=lambda text: len(text) % 2 == 0)
    for sample, before in zip(kept, free, strict=True):
        assert len(sample.text) % 2 == 0
        if len(before.text) % 2 == 0:
            assert sample.data == before.data


def test_what_is_never_accepted_ends_with_an_error(generator: Generator) -> None:
    """Bounded, and the last string drawn is shown."""
    with pytest.raises(SamplingError, match="no string was accepted in 7 draws, the last was"):
        generator.sample(accept=lambda text: False, max_draws=7, max_bytes=5)


def test_novel_strings_are_no_documents(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """Copies are known and, if asked, drawn anew."""
    codec = ByteCodec()
    table = np.zeros((257, 257))
    table[256, [97, 98]] = 0.5
    table[:, 256] = 1.0
    table[256, 256] = 0.0
    model = bigram_model(codec, table)
    assert {sample.novelty for sample in Generator(model).sample_batch(5, seed=1)} == {None}
    with pytest.raises(OptionError, match="novel=True"):
        Generator(model).sample(novel=True)
    model.documents = DocumentSet.of([b"a"])
    drawn = Generator(model).sample_batch(50, seed=1)
    assert {(sample.text, sample.novelty) for sample in drawn} == {("a", "copy"), ("b", "novel")}
    assert {sample.text for sample in Generator(model).sample_batch(50, seed=1, novel=True)} == {"b"}


def test_invalid_bytes_may_be_spaces(random_model: Callable[..., LanguageModel]) -> None:
    """As in the original: a byte that is not valid is a space in the text, and itself in the data."""
    generator = Generator(random_model(ByteCodec()))
    replaced = generator.sample_batch(30, valid_utf8=False, seed=1)
    spaced = generator.sample_batch(30, valid_utf8=False, seed=1, errors="space")
    assert [sample.data for sample in spaced] == [sample.data for sample in replaced]
    assert any("\ufffd" in sample.text for sample in replaced)
    for sample in spaced:
        assert sample.text == re.sub("[\udc80-\udcff]", " ", sample.data.decode("utf-8", "surrogateescape"))


def test_a_limit_within_banned_characters_still_cuts_whole_ones() -> None:
    """A string that is cut is valid, whatever else is asked for."""
    codec = CharCodec("日本é")
    constraint = Constraint.of(codec, b"", valid_utf8=True, ban=["日日".encode()])
    state = constraint.after[constraint.start, codec.encode("日")[0]]
    assert constraint.may_end[state]
    assert not constraint.is_allowed[state, codec.encode("日")[0]]
    assert constraint.is_allowed[state, codec.encode("本")[0]]
