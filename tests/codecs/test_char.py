"""The character codec: a vocabulary, and bytes for the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.codecs.char import CharCodec
from granular_lm.errors import CodecError, OptionError
from granular_lm.text import to_bytes


def test_characters_below_the_count_are_spelled_in_bytes() -> None:
    """Of 'aab', with min_count 2, a is a character and b its byte."""
    codec = CharCodec.train(["aab"], min_count=2)
    assert codec.characters == ["a"]
    assert codec.encode("ab") == [257, ord("b")]


def test_ids_do_not_depend_on_the_order_of_the_documents() -> None:
    """The vocabulary is in code point order, whatever came first."""
    assert CharCodec.train(["zé", "aé", "zaé"]).to_config() == CharCodec.train(["zaé", "aé", "zé"]).to_config()


def test_unseen_emoji_costs_its_four_bytes() -> None:
    """A character that training never saw is four tokens, not an unknown one."""
    codec = CharCodec.train(["plain text plain text"])
    assert codec.encode("🤖") == list("🤖".encode())


@given(text=st.text(st.characters() | st.sampled_from("éa\udc80\udcff\ud800漢😀"), max_size=30))
def test_spelling_matches_the_obvious_loop(text: str) -> None:
    """The table look-up gives what encoding one character at a time would."""
    codec = CharCodec("aé漢")
    expected = []
    for character in text:
        known = {c: 257 + i for i, c in enumerate(codec.characters)}
        expected += [known[character]] if character in known else list(to_bytes(character))
    assert codec.encode(text) == expected


@pytest.mark.parametrize("characters", [["ab"], ["\ud800"], ["a", "a"]])
def test_impossible_vocabularies_are_refused(characters: list[str]) -> None:
    """A string of two characters, a surrogate and a repeated character are no vocabulary."""
    with pytest.raises(CodecError, match="vocabulary"):
        CharCodec(characters)


@pytest.mark.parametrize("min_count", [0, -1, 1.5, True])
def test_min_count_is_a_positive_whole_number(min_count: object) -> None:
    """Any other count is refused, with the value met."""
    with pytest.raises(OptionError, match="min_count="):
        CharCodec.train(["a"], min_count=min_count)  # type: ignore[arg-type]
