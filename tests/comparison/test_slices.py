"""Test documents by kind."""

from itertools import chain, compress, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.comparison.slices import slice_rows, slices
from granular_lm.corpus.scripts import script_of
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.text import to_bytes


def chosen(train: list[str], test: list[str]) -> dict[str, list[str]]:
    """Return the documents of each slice."""
    masks = slices(train, test)
    return {name: list(compress(test, mask)) for name, mask in masks.items()}


def windows(text: str) -> set[bytes]:
    data = to_bytes(text)
    return {data[start : start + 8] for start in range(len(data) - 7)}


def plainly_seen(train: list[str], test: list[str]) -> list[bool]:
    """The definition, read out."""
    keys = set(map(near_duplicate_key, train))
    met = set[bytes]().union(*map(windows, train))
    shares = [len(windows(text) & met) / max(len(windows(text)), 1) for text in test]
    return [near_duplicate_key(text) in keys or share >= 0.8 for text, share in zip(test, shares, strict=True)]


def test_slices_come_in_a_fixed_order_and_empty_ones_are_left_out() -> None:
    """Of ASCII documents of two lengths, none of them trained on, these slices are left."""
    assert list(slices(["x"], ["abc", "abd", "abcdef", "abcdeg"])) == ["unseen", "ASCII", "length 1/4", "length 3/4"]


def test_a_near_duplicate_is_seen_however_short_it_is() -> None:
    """Another number makes no other document."""
    assert chosen(["Hi, 29", "Hello there"], ["hi 30", "ho"])["seen"] == ["hi 30"]


@pytest.mark.parametrize(("new", "name"), [(2, "seen"), (3, "unseen")])
def test_a_document_pieced_together_from_training_text_is_seen(new: int, name: str) -> None:
    """Of 10 windows, new bytes at the end make as many new: 8 known ones are 80 %, 7 are not."""
    text = "abcdefghijklmnopq"
    test = text[: 17 - new] + "XYZ"[:new]
    assert len(windows(test)) == 10
    assert chosen(["..." + text + "..."], [test])[name] == [test]


def test_a_window_does_not_reach_from_one_document_into_the_next() -> None:
    """What two neighbours would spell together was never trained on."""
    assert "seen" not in chosen(["abcdef", "ghijkl"], ["abcdefghijkl"])


def test_a_repeated_window_counts_once() -> None:
    """Twenty known windows that are all the same do not outweigh two distinct new ones."""
    assert "seen" not in chosen(["a" * 8], ["a" * 27 + "bc"])


@given(
    st.lists(st.text("ab ", max_size=30), max_size=8),
    st.lists(st.text("abé", max_size=30), min_size=1, max_size=8).filter(any),
)
def test_seen_is_as_defined(train: list[str], test: list[str]) -> None:
    """The vectorised search finds what sets of windows find."""
    expected = compress(test, plainly_seen(train, test))
    assert list(filter(None, chosen(train, test).get("seen", []))) == list(filter(None, expected))


def test_training_documents_are_read_once_and_in_pieces(bios: list[str]) -> None:
    """A generator of more documents than are read at once gives the masks that a list gives."""
    train, test = bios[:500] * 5, bios[450:]
    expected = plainly_seen(bios[:500], test)
    assert slices(iter(train), test)["seen"].tolist() == expected
    assert not all(expected)


def test_characters_decide() -> None:
    """Plain text is ASCII, an accent is not, and an emoji is both not ASCII and an emoji."""
    found = chosen([], ["plain", "café", "coffee ☕"])
    assert (found["ASCII"], found["non-ASCII"], found["emoji"]) == (["plain"], ["café", "coffee ☕"], ["coffee ☕"])


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_lengths_are_quarters_and_equal_lengths_stay_together(sizes: list[int]) -> None:
    """Each document is in one quarter, quarters do not overlap in length, and each holds what its rank allows."""
    test = ["é" * size for size in sizes]
    parts = {name: texts for name, texts in chosen([], test).items() if name.startswith("length")}
    assert sorted(chain.from_iterable(parts.values())) == sorted(test)
    assert all(max(shorter) < min(longer) for shorter, longer in pairwise(parts.values()))
    by_size = sorted(test)
    for name, texts in parts.items():
        end = int(name[len("length ")]) * len(test) / 4
        assert by_size[max(0, int(np.ceil(end)) - 1)] == max(texts)


def test_distinct_lengths_give_equal_quarters() -> None:
    """Eight lengths are two a quarter."""
    test = ["x" * size for size in (5, 3, 8, 1, 2, 7, 4, 6)]
    assert chosen([], test)["length 2/4"] == ["xxx", "xxxx"]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Ada Lovelace, née Byron", "Latin"),
        ("привет, Ada", "Cyrillic"),
        ("東京都", "Han"),
        ("カタカナー", "Katakana"),
        ("ﾊﾝｶｸ", "Katakana"),
        ("ひらがな", "Hiragana"),
        ("한국어", "Hangul"),
        ("हिन्दी", "Devanagari"),
        ("ไทย", "Thai"),
        ("𝓗𝓮𝓵𝓵𝓸 Ａ", "Latin"),
        ("ꯃꯤꯇꯩ", "Meetei Mayek"),
        ("abпр", None),
        ("123 ☕ !", None),
        ("", None),
        ("\udcff\udcfe", None),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str | None) -> None:
    """More than half of the letters decide; digits, signs and emoji have no say."""
    assert script_of(text) == script


def test_a_script_needs_20_documents_and_a_hundredth() -> None:
    """Of 2 200 documents, 22 are enough for a slice, 21 are not; of 21, 20 are."""
    test = ["Ж"] * 22 + ["θ"] * 21 + ["x"] * 2157
    assert [name for name in slices([], test) if name.startswith("script")] == ["script Latin", "script Cyrillic"]
    assert "script Thai" in slices([], ["ไ"] * 20 + ["x"])
    assert "script Thai" not in slices([], ["ไ"] * 19 + ["x"])


def test_rows_are_sums_over_sums() -> None:
    """Bits 3 and 5 over 1 and 3 bytes are 2 bits per byte, not the mean of 3 and 5/3."""
    masks = {"all": np.array([True, True]), "one": np.array([False, True])}
    rows = slice_rows(masks, np.array([3.0, 5.0]), np.array([1, 3]))
    assert rows == {
        "all": {"documents": 2, "bytes": 4, "bpb": 2.0},
        "one": {"documents": 1, "bytes": 3, "bpb": 5 / 3},
    }
