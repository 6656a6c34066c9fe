"""Counts of a corpus against the obvious way to count."""

import json
import statistics
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.split import near_duplicate_key
from granular_lm.corpus.statistics import EMOJI, CorpusStatistics, Lengths, corpus_statistics
from granular_lm.errors import CorpusError
from granular_lm.text import to_bytes, to_text

any_text = st.text(st.characters(exclude_categories=())) | st.binary().map(to_text)
corpora = st.lists(any_text | st.sampled_from(["", "a", "A", "a 1", "é", "☕", "👩‍🚀"]), min_size=1)


def is_utf8(data: bytes) -> bool:
    return data.decode("utf-8", "replace").encode() == data


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def obvious_lengths(lengths: list[int]) -> Lengths:
    return Lengths(sum(lengths) / len(lengths), statistics.median(lengths), max(lengths))


@settings(deadline=None)
@given(corpora)
def test_lengths_are_those_of_the_standard_library(documents: list[str]) -> None:
    """Totals, means, medians and maxima are those of the documents' raw bytes and characters."""
    found = corpus_statistics(iter(documents))
    num_bytes = [len(to_bytes(text)) for text in documents]
    num_characters = [len(text) for text in documents]
    assert (found.documents, found.bytes, found.characters) == (
        len(documents),
        sum(num_bytes),
        sum(num_characters),
    )
    assert found.bytes_per_document == obvious_lengths(num_bytes)
    assert found.characters_per_document == obvious_lengths(num_characters)
    assert found.empty_documents == num_bytes.count(0)


@settings(deadline=None)
@given(corpora)
def test_bytes_and_characters_are_counted_in_the_raw_text(documents: list[str]) -> None:
    """Byte counts derived from characters are those of the joined bytes."""
    found = corpus_statistics(documents)
    raw = Counter(b"".join(map(to_bytes, documents)))
    characters = Counter(character for text in documents for character in text)
    assert (found.distinct_bytes, found.distinct_characters) == (len(raw), len(characters))
    assert dict(found.most_frequent_bytes).items() <= raw.items()
    assert dict(found.most_frequent_characters).items() <= characters.items()
    for pairs, counts in ((found.most_frequent_bytes, raw), (found.most_frequent_characters, characters)):
        assert [count for _, count in pairs] == sorted(counts.values(), reverse=True)[:20]


@settings(deadline=None)
@given(corpora)
def test_shares_are_counted_document_by_document(documents: list[str]) -> None:
    """Shares of documents and characters are those of a loop over each."""
    found = corpus_statistics(documents)
    characters = "".join(documents)
    assert found.non_ascii_document_share == share(sum(not text.isascii() for text in documents), len(documents))
    assert found.emoji_document_share == share(sum(map(bool, map(EMOJI.search, documents))), len(documents))
    assert found.non_ascii_character_share == share(sum(c > "\x7f" for c in characters), len(characters))
    assert found.emoji_character_share == share(len(EMOJI.findall(characters)), len(characters))
    assert found.invalid_utf8_documents == sum(not is_utf8(to_bytes(text)) for text in documents)


@settings(deadline=None)
@given(corpora)
def test_duplicates_are_documents_less_distinct_ones(documents: list[str]) -> None:
    """Exact duplicates share their bytes, near-duplicates their key."""
    found = corpus_statistics(documents)
    assert found.exact_duplicates == len(documents) - len(set(map(to_bytes, documents)))
    first_of_bytes = {to_bytes(text): text for text in reversed(documents)}.values()
    distinct_keys = {to_bytes(near_duplicate_key(text)) for text in first_of_bytes}
    assert found.near_duplicates == len(documents) - len(distinct_keys)
    assert found.near_duplicates >= found.exact_duplicates


def test_a_corpus_counted_by_hand() -> None:
    """The counts are those of 3 + 3 + 3 + 5 + 0 + 1 bytes and 2 + 2 + 1 + 4 + 0 + 1 characters."""
    found = corpus_statistics(["aé", "aé", "☕", "A É!", "", "\udcff"])
    assert found == CorpusStatistics(
        documents=6,
        bytes=15,
        characters=10,
        bytes_per_document=Lengths(mean=2.5, median=3.0, max=5),
        characters_per_document=Lengths(mean=10 / 6, median=1.5, max=4),
        distinct_bytes=11,
        distinct_characters=8,
        most_frequent_bytes=(
            *((0xC3, 3), (0x61, 2), (0xA9, 2)),
            *((byte, 1) for byte in (0x20, 0x21, 0x41, 0x89, 0x95, 0x98, 0xE2, 0xFF)),
        ),
        most_frequent_characters=(("a", 2), ("é", 2), *((c, 1) for c in " !AÉ☕\udcff")),
        non_ascii_document_share=5 / 6,
        emoji_document_share=1 / 6,
        non_ascii_character_share=0.5,
        emoji_character_share=0.1,
        exact_duplicates=1,
        near_duplicates=2,
        empty_documents=1,
        invalid_utf8_documents=1,
    )


@settings(deadline=None)
@given(corpora)
def test_the_dictionary_is_json(documents: list[str]) -> None:
    """The dictionary comes back unchanged from JSON and holds every field."""
    found = corpus_statistics(documents)
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert found.to_dict()["bytes_per_document"]["max"] == found.bytes_per_document.max
    assert found.to_dict().keys() == vars(found).keys()


@settings(deadline=None)
@given(corpora, st.randoms(use_true_random=False))
def test_the_order_of_the_documents_has_no_influence(documents: list[str], random: Random) -> None:
    """A shuffled corpus has the same statistics."""
    before = corpus_statistics(documents)
    random.shuffle(documents)
    assert corpus_statistics(documents) == before


@pytest.mark.parametrize("text", ["😀", "☕", "❤️", "1️⃣", "1\u20e3", "🇫🇷", "👩‍🚀", "👍🏽", "©️", "⭐", "🫠", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_emoji_are_found(text: str) -> None:
    """Pictures, symbols with U+FE0F, keycaps, flags, joined and toned emoji each count."""
    assert corpus_statistics([text]).emoji_document_share == 1


@pytest.mark.parametrize("text", ["a1#*", "é", "©™®", "→ ↔", "…–•", "日本", "مرحبا", "हिन्दी", "\u200d", "\udcf0\udc9f"])
def test_text_is_no_emoji(text: str) -> None:
    """Letters, digits, typographic signs, plain arrows and the bare joiner do not count."""
    assert corpus_statistics([text]).emoji_document_share == 0


def test_an_empty_corpus_is_refused() -> None:
    """There are no statistics of nothing."""
    with pytest.raises(CorpusError, match="has 0 documents"):
        corpus_statistics([])
