"""Near-duplicates: signatures, bands and clusters against what is obvious."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.cleaning.duplicates import near_duplicate_clusters
from granular_lm.corpus.cleaning.signatures import NUM_VALUES, SHINGLE, folded, shingle_hashes, signatures
from granular_lm.corpus.cleaning.workers import WAITING_EACH, workers

FACTOR = 0x9E3779B97F4A7C15
any_text = st.text(st.characters(exclude_categories=()))


def shingles(text: str) -> set[str]:
    """Return all pieces of a text, or the whole of one that is shorter."""
    return {text[start : start + SHINGLE] for start in range(max(len(text) - SHINGLE + 1, 1))}


def similarity(one: str, other: str) -> float:
    a, b = shingles(folded(one)), shingles(folded(other))
    return len(a & b) / len(a | b)


def obvious_hash(piece: str) -> int:
    """Return the upper half of a polynomial of the code points, modulo 2^64."""
    value = 0
    for point in [*map(ord, piece), *[2**32 - 1] * (SHINGLE - len(piece))]:
        value = (value + point) * FACTOR % 2**64
    return value >> 32


@given(any_text)
def test_hashes_are_those_of_an_obvious_loop(text: str) -> None:
    """Each piece of a text is hashed, and nothing else."""
    assert set(chain(*(each.tolist() for each in shingle_hashes(text)))) == set(map(obvious_hash, shingles(text)))


@given(st.lists(any_text, max_size=5))
def test_signatures_are_those_of_the_library(texts: list[str]) -> None:
    """A row is the MinHash that gets the pieces of the folded text one by one."""
    for text, row in zip(texts, signatures(texts), strict=True):
        minhash = MinHash(num_perm=NUM_VALUES, hashfunc=obvious_hash, scheme="affine32")
        for piece in shingles(folded(text)):
            minhash.update(piece)
        assert row.tolist() == minhash.hashvalues.tolist()


def test_a_long_text_is_hashed_in_parts() -> None:
    """The pieces across the borders of what is held at a time are not lost."""
    numbers = np.random.default_rng(0).integers(1, 2**16 - 2**12, 300_000)
    text = "".join(map(chr, np.where((numbers >= 0xD800) & (numbers < 0xE000), 65, numbers).tolist()))
    hashed = list(shingle_hashes(text))
    assert set(np.concatenate(hashed).tolist()) == set(map(obvious_hash, shingles(text)))
    assert max(map(len, hashed)) <= 2**11


def test_the_estimate_is_near_the_similarity(bios: list[str]) -> None:
    """The share of equal values in two signatures is the Jaccard similarity, give or take chance."""
    changed = [f"{text[: len(text) // 2]} and {text[len(text) // 3 :]}" for text in bios]
    share = (signatures(bios) == signatures(changed)).mean(axis=1)
    true = np.array([similarity(one, other) for one, other in zip(bios, changed, strict=True)])
    assert np.abs(share - true).max() < 5 * 0.5 / NUM_VALUES**0.5
    assert abs((share - true).mean()) < 0.01


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_clusters_are_those_of_comparing_all(bios: list[str], tmp_path: Path, threshold: float) -> None:
    """What is joined is joined by a chain of pairs as similar as asked for; pairs far above that are never missed."""
    documents = bios[:150] + [f"{text}!" for text in bios[:50]] + [f"{text[:-3]} x" for text in bios[50:100]]
    clusters = near_duplicate_clusters(documents, threshold, tmp_path)
    made = signatures(documents)
    estimate = (made[:, None] == made[None]).mean(axis=2)
    for document, first in enumerate(clusters.tolist()):
        assert first == reached(estimate >= threshold, document, clusters == first)
    missed = (estimate > threshold + 0.5 * (1 - threshold)) & (clusters[:, None] != clusters[None])
    assert not missed.any()
    assert len(set(clusters.tolist())) < len(documents) - 50


def reached(near: np.ndarray, start: int, members: np.ndarray) -> int:
    """Return the smallest index that a chain of near pairs of members leads to."""
    met = np.zeros(len(near), dtype=bool)
    met[start] = True
    while (grown := met | (near[met].any(axis=0) & members)).sum() > met.sum():
        met = grown
    return int(np.flatnonzero(met)[0])


def test_variants_of_one_document_are_one_cluster(tmp_path: Path) -> None:
    """Case, width, white space and little changes make near-duplicates; other texts are none."""
    text = "Coffee, cats and compilers; writes about all three in Lisbon"
    documents = ["x", text, text.upper(), f" {text}\n", f"{text}!", "", "another thing entirely", "X "]
    assert near_duplicate_clusters(documents, 0.8, tmp_path).tolist() == [0, 1, 1, 1, 1, 5, 6, 0]


def test_many_alike_and_none(tmp_path: Path) -> None:
    """A thousand variants of a text are one cluster, found among others; no documents have no clusters."""
    words = "the quick brown fox jumps over the lazy dog while many other animals look on in wonder and delight"
    documents = list(
        chain.from_iterable((f"{words} {number}", f"{number} unlike {number**3}") for number in range(999))
    )
    clusters = near_duplicate_clusters(documents, 0.8, tmp_path)
    assert not clusters[::2].any()
    assert clusters[1::2].all()
    assert len(near_duplicate_clusters([], 0.8, tmp_path)) == 0


def test_processes_make_no_difference(bios: list[str], tmp_path: Path) -> None:
    """Two processes, with other hash seeds, give the clusters that one gives."""
    documents = [*bios, *(f"{text}." for text in bios)] * 3
    alone = near_duplicate_clusters(documents, 0.8, tmp_path)
    with workers(2) as run:
        assert near_duplicate_clusters(documents, 0.8, tmp_path, run).tolist() == alone.tolist()


def test_few_chunks_wait_for_processes() -> None:
    """However many items there are, no more are taken than keep the processes busy, and results keep their order."""
    taken: list[int] = []
    with workers(2) as run:
        results = run(abs, (taken.append(number) or -number for number in range(100)))  # type: ignore[func-returns-value]
        assert [next(results) for _ in range(10)] == list(range(10))
        assert len(taken) <= 10 + 2 * WAITING_EACH
        assert list(results) == list(range(10, 100))
