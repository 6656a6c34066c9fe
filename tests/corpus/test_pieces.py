"""Long texts piece by piece, against the whole at once."""

import unicodedata
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.cleaning.scrubbing import scrub
from granular_lm.corpus.cleaning.signatures import folded
from granular_lm.corpus.pieces import in_pieces, single_spaced
from granular_lm.corpus.split import near_duplicate_key

any_text = st.text(st.characters(exclude_categories=()))
words = st.sampled_from(
    ["e", "\u0301", "가", "\u11a8", "İ", "Σ", "ﬁ", "\u00a8", "\u2009", "\u3000", "\x1c", "\r\n", "\t", " ", "@ada",
     "https://t.co/x", "www.", "12", "☕", "\ud83d", "Я",
     "+", "0049", "170", "1234567", "-", "(", "$", "_", ".", "x.com"]
)  # fmt: skip
spaced = st.lists(words).map("".join) | any_text


@given(spaced, st.integers(1, 5))
def test_pieces_are_the_text(text: str, size: int) -> None:
    """They come to the text, and each but the first begins with white space."""
    with mock.patch("granular_lm.corpus.pieces.PIECE_CHARACTERS", size):
        pieces = list(in_pieces(text))
    assert "".join(pieces) == text
    assert all(piece[0].isspace() and piece[0].isascii() for piece in pieces[1:])


@settings(max_examples=500)
@given(st.lists(words, max_size=40).map("".join), st.integers(1, 5))
def test_a_text_is_scrubbed_piece_by_piece_as_at_once(text: str, size: int) -> None:
    """Traces beside the borders of pieces are found, and no others."""
    expected = scrub(text)
    with mock.patch("granular_lm.corpus.pieces.PIECE_CHARACTERS", size):
        assert scrub(text) == expected


NUMBERS = "call +49 170 123 4567, (030) 12 34 56 or 06 12 34 56 78; $ 212 555 1234 is a price, 1 212 555 1234 5 none"


@pytest.mark.parametrize("size", range(1, len(NUMBERS)))
def test_no_number_is_cut(size: int) -> None:
    """Wherever a piece may begin, phone numbers stay whole and amounts stay amounts."""
    with mock.patch("granular_lm.corpus.pieces.PIECE_CHARACTERS", size):
        assert scrub(NUMBERS) == ("call <phone>, <phone> or <phone>; $ 212 555 1234 is a price, 1 212 555 1234 5 none")


@given(spaced, st.integers(1, 5))
def test_a_text_is_folded_piece_by_piece_as_at_once(text: str, size: int) -> None:
    """Neither the folded text of signatures nor the key of near-duplicates shows where pieces meet."""
    expected = folded(text), near_duplicate_key(text)
    with mock.patch("granular_lm.corpus.pieces.PIECE_CHARACTERS", size):
        assert (folded(text), near_duplicate_key(text)) == expected
    assert expected[0] == " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@pytest.mark.parametrize("gap", [" ", "\n\t ", "\u3000"])
def test_a_long_text_is_cut(gap: str) -> None:
    """A text of a million characters is in several pieces where white space of ASCII lets it be, else in one."""
    text = gap.join(["word"] * 250_000)
    assert (len(list(in_pieces(text))) > 1) == gap.isascii()
    assert single_spaced(in_pieces(text)) == " ".join(["word"] * 250_000)
