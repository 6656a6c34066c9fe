"""A document in a few characters."""

import pytest

from granular_lm.codecs.excerpts import beginning, difference


@pytest.mark.parametrize(
    ("raw", "decoded", "shown", "becomes"),
    [
        ("A" + "b" * 99, "a" + "b" * 99, "A" + "b" * 39 + "…", "a" + "b" * 39 + "…"),
        ("b" * 99 + "A", "b" * 99 + "a", "…" + "b" * 12 + "A", "…" + "b" * 12 + "a"),
        ("b" * 99 + "A", "b" * 99, "…" + "b" * 12 + "A", "…" + "b" * 12),
        ("a  b", "a b", "a  b", "a b"),
        ("", "x", "", "x"),
        ("same", "same", "same", "same"),
    ],
)
def test_the_first_difference_is_in_what_is_shown(raw: str, decoded: str, shown: str, becomes: str) -> None:
    """At the beginning, at the end, where something is missing or too much; an ellipsis tells of every cut."""
    assert difference(raw.encode(), decoded.encode()) == (shown, becomes)


def test_characters_are_not_cut_in_two() -> None:
    """Bytes that differ within a character show the character."""
    assert difference("aé".encode(), "aè".encode()) == ("aé", "aè")
    assert difference("aé".encode(), b"a\xc3") == ("aé", "a\udcc3")


@pytest.mark.parametrize(("length", "is_cut"), [(40, False), (41, True)])
def test_a_short_document_is_shown_whole(length: int, is_cut: bool) -> None:
    """An ellipsis stands only where something is left out."""
    assert beginning("a" * length).endswith("…") == is_cut
