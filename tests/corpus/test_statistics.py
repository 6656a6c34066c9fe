"""Counts of a corpus against the obvious way to count."""

import dataclasses
import json
import lzma
import statistics
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.scripts import script_of
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.corpus.statistics import EMOJI, CorpusStatistics, Lengths, ScriptCount, corpus_statistics
from granular_lm.corpus.statistics import emoji as emoji_module
from granular_lm.corpus.statistics.emoji import emoji_in, emoji_unit
from granular_lm.corpus.statistics.lengths import MOST_BINS
from granular_lm.corpus.statistics.sample import DocumentSample
from granular_lm.errors import CorpusError
from granular_lm.text import to_bytes, to_text

any_text = st.text(st.characters(exclude_categories=())) | st.binary().map(to_text)
corpora = st.lists(
    any_text | st.sampled_from(["", "a", "A", "a 1", "é", "☕", "👩‍🚀", "b\r", "да, a", "東京"]), min_size=1
)
ORDERED = {"sample", "compressed_shares"}
"""What depends on the order of the documents: what is said of their sequence."""


def is_utf8(data: bytes) -> bool:
    return data.decode("utf-8", "replace").encode() == data


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def check_lengths(found: Lengths, lengths: list[int]) -> None:
    assert (found.mean, found.median) == (sum(lengths) / len(lengths), statistics.median(lengths))
    assert (found.min, found.max) == (min(lengths), max(lengths))
    quantiles = np.percentile(lengths, [10, 25, 75, 90, 99], method="inverted_cdf").tolist()
    assert [found.p10, found.p25, found.p75, found.p90, found.p99] == quantiles
    check_histogram(found, lengths)


def check_histogram(found: Lengths, lengths: list[int]) -> None:
    """Check that bins follow each other, hold what they say, and are equally wide up to the longest hundredth."""
    bins = found.histogram
    assert len(bins) <= MOST_BINS + 1
    assert bins[0][0] <= min(lengths) <= bins[0][1]
    assert bins[-1][0] <= max(lengths) <= bins[-1][1]
    assert all(before[1] + 1 == after[0] for before, after in pairwise(bins))
    assert all(count == sum(first <= length <= last for length in lengths) for first, last, count in bins)
    long = np.percentile(lengths, 99, method="lower")  # of few documents not the longest, which p99 is
    assert len({last - first for first, last, _ in bins if first <= long}) == 1


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
    check_lengths(found.bytes_per_document, num_bytes)
    check_lengths(found.characters_per_document, num_characters)
    assert found.empty_documents == num_bytes.count(0)


@settings(deadline=None)
@given(corpora)
def test_bytes_and_characters_are_counted_in_the_raw_text(documents: list[str]) -> None:
    """Byte counts derived from characters are those of the joined bytes."""
    found = corpus_statistics(documents)
    raw = Counter(b"".join(map(to_bytes, documents)))
    characters = Counter(character for text in documents for character in text)
    assert (found.distinct_bytes, found.distinct_characters) == (len(raw), len(characters))
    assert list(found.byte_counts) == [raw[byte] for byte in range(256)]
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
    assert found.cr_documents == sum(text[-1:] == "\r" for text in documents)


@settings(deadline=None)
@given(corpora)
def test_scripts_are_counted_letter_by_letter(documents: list[str]) -> None:
    """Letters by script, and documents by the script of most of their letters, are those of asking for each alone."""
    found = corpus_statistics(documents)
    letters = Counter(script for script in map(script_of, "".join(documents)) if script)
    by_document = Counter(map(script_of, documents))
    assert {script.name: script.letters for script in found.scripts} == letters
    assert {script.name: script.documents for script in found.scripts} == {name: by_document[name] for name in letters}
    assert found.scriptless_documents == by_document[None]
    assert [script.letters for script in found.scripts] == sorted(letters.values(), reverse=True)


@settings(deadline=None)
@given(corpora)
def test_emoji_are_counted_cluster_by_cluster(documents: list[str]) -> None:
    """Totals and the most frequent are those of the clusters of each document that hold an emoji character."""
    regex = pytest.importorskip("regex")
    found = corpus_statistics(documents)
    clusters = Counter(each for text in documents for each in regex.findall(r"\X", text) if EMOJI.search(each))
    assert (found.emoji, found.distinct_emoji) == (clusters.total(), len(clusters))
    assert dict(found.most_frequent_emoji).items() <= clusters.items()


@settings(deadline=None)
@given(corpora)
def test_a_small_corpus_is_its_own_sample(documents: list[str]) -> None:
    """Where everything fits, the sample is the corpus in its order, and compressed as the file of its lines."""
    found = corpus_statistics(iter(documents))
    file = b"".join(to_bytes(text) + b"\n" for text in documents)
    assert list(found.sample) == documents
    assert (found.sample_documents, found.sample_bytes) == (len(documents), found.bytes)
    shares = {"zlib": len(zlib.compress(file)) / len(file), "xz": len(lzma.compress(file)) / len(file)}
    assert found.compressed_shares == (shares if found.bytes else {})


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
    """The counts are those of 3 + 3 + 3 + 5 + 0 + 1 bytes and 2 + 2 + 1 + 4 + 0 + 1 characters.

    The bins of lengths are one byte wide; the documents in Latin script are the two of "aé" and that of "A É!".
    """
    found = corpus_statistics(["aé", "aé", "☕", "A É!", "", "\udcff"])
    assert dataclasses.replace(found, compressed_shares={}) == CorpusStatistics(
        documents=6,
        bytes=15,
        characters=10,
        bytes_per_document=Lengths(
            mean=2.5,
            median=3.0,
            min=0,
            max=5,
            p10=0,
            p25=1,
            p75=3,
            p90=5,
            p99=5,
            histogram=((0, 0, 1), (1, 1, 1), (2, 2, 0), (3, 3, 3), (4, 5, 1)),
        ),
        characters_per_document=Lengths(
            mean=10 / 6,
            median=1.5,
            min=0,
            max=4,
            p10=0,
            p25=1,
            p75=2,
            p90=4,
            p99=4,
            histogram=((0, 0, 1), (1, 1, 2), (2, 2, 2), (3, 4, 1)),
        ),
        byte_counts=tuple(
            {0x20: 1, 0x21: 1, 0x41: 1, 0x61: 2, 0x89: 1, 0x95: 1, 0x98: 1, 0xA9: 2, 0xC3: 3, 0xE2: 1, 0xFF: 1}.get(
                at, 0
            )
            for at in range(256)
        ),
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
        cr_documents=0,
        scripts=(ScriptCount(name="Latin", documents=3, letters=6),),
        scriptless_documents=3,
        emoji=1,
        emoji_unit="grapheme",
        distinct_emoji=1,
        most_frequent_emoji=(("☕", 1),),
        sample=("aé", "aé", "☕", "A É!", "", "\udcff"),
        sample_documents=6,
        sample_bytes=15,
        compressed_shares={},
    )


@settings(deadline=None)
@given(corpora)
def test_the_dictionary_is_json(documents: list[str]) -> None:
    """The dictionary comes back unchanged from JSON and holds every field but the sample."""
    found = corpus_statistics(documents)
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert found.to_dict()["bytes_per_document"]["max"] == found.bytes_per_document.max
    assert found.to_dict().keys() == vars(found).keys() - {"sample"}


@settings(deadline=None)
@given(corpora, st.randoms(use_true_random=False))
def test_the_order_of_the_documents_has_no_influence(documents: list[str], random: Random) -> None:
    """A shuffled corpus has the same statistics, all but what a compressor makes of the sequence."""
    before = vars(corpus_statistics(documents))
    random.shuffle(documents)
    after = vars(corpus_statistics(documents))
    assert {name: after[name] for name in after if name not in ORDERED} == {
        name: before[name] for name in before if name not in ORDERED
    }
    assert sorted(after["sample"]) == sorted(before["sample"])


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


@pytest.mark.parametrize("text", ["👩‍🚀", "🇫🇷", "👍🏽", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧"])
def test_an_emoji_is_one_however_long_it_is(text: str) -> None:
    """Joined, toned, flagged and keycapped, it is counted once."""
    assert emoji_in(f"a{text}{text} é") == [text, text]


@pytest.fixture
def without_regex(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "regex", None)
    caches = (emoji_module._find_clusters, emoji_module.emoji_unit)
    for cached in caches:
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("without_regex")
def test_without_the_package_emoji_are_characters() -> None:
    """Parts of an emoji count by themselves, and the result says so."""
    assert emoji_unit() == "character"
    assert emoji_in("a👩‍🚀 b") == ["👩", "🚀"]
    found = corpus_statistics(["a👩‍🚀 b"])
    assert (found.emoji_unit, found.emoji, found.emoji_document_share) == ("character", 2, 1)


@given(st.permutations(range(9)), st.lists(st.integers(1, 30), min_size=9, max_size=9), st.integers(2, 60))
def test_a_sample_is_the_smallest_hashes_that_fit(order: list[int], lengths: list[int], room: int) -> None:
    """Sorted by hash, it is as many as fit with their line ends, each cut to fit by itself; then in their order."""
    texts = {number: (str(number) * length)[: room - 1] for number, length in enumerate(lengths)}
    sample = DocumentSample(room)
    for number in order:
        sample.add(bytes([number]), str(number) * lengths[number])
    kept = [number for number in range(9) if sum(len(texts[at]) + 1 for at in range(number + 1)) <= room]
    assert sample.documents() == [texts[number] for number in order if number in kept]


@given(st.lists(st.integers(0, 10**7) | st.integers(0, 50), min_size=1))
def test_lengths_of_any_size(lengths: list[int]) -> None:
    """Quantiles are those of numpy, and few bins are enough for the longest documents."""
    check_lengths(Lengths.of(Counter(lengths)), lengths)


@given(st.lists(st.sampled_from([b"\x01", b"\x02", b"\x03"])), st.integers(1, 40), st.randoms(use_true_random=False))
def test_copies_are_sampled_alike_in_any_order(digests: list[bytes], room: int, random: Random) -> None:
    """Which documents are kept does not depend on their order, even where there are copies."""

    def kept(digests: list[bytes]) -> list[str]:
        sample = DocumentSample(room)
        for digest in digests:
            sample.add(digest, "abc"[digest[0] - 1] * digest[0])
        return sample.documents()

    before = kept(digests)
    random.shuffle(digests)
    assert sorted(kept(digests)) == sorted(before)
