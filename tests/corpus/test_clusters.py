"""Pairs joined to clusters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.clusters import joined, with_equal

SIZE = 12
pairs = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), max_size=15)


def obvious(start: list[int], links: list[tuple[int, int]]) -> list[int]:
    """Rename the members of one cluster after another until nothing changes."""
    clusters = list(start)
    for one, other in links:
        low, high = sorted((clusters[one], clusters[other]))
        clusters = [low if cluster == high else cluster for cluster in clusters]
    return clusters


@given(pairs, pairs)
def test_pairs_are_joined_as_by_an_obvious_loop(before: list[tuple[int, int]], links: list[tuple[int, int]]) -> None:
    """Each thing gets the smallest index that a chain of pairs leads to, from whatever clusters there were."""
    start = obvious(list(range(SIZE)), before)
    first, second = np.array(links, dtype=np.int64).reshape(-1, 2).T
    assert joined(np.array(start), first, second).tolist() == obvious(start, links)


def test_a_long_chain_is_one_cluster() -> None:
    """A chain of ten thousand pairs, shuffled, ends in its smallest member."""
    links = np.random.default_rng(0).permutation(9999)
    assert not joined(np.arange(10_000), links + 1, links).any()


@given(st.lists(st.sampled_from("abc"), min_size=SIZE, max_size=SIZE), pairs)
def test_equal_labels_are_one_cluster(labels: list[str], before: list[tuple[int, int]]) -> None:
    """All things of a label are joined, with whatever each was joined to."""
    start = obvious(list(range(SIZE)), before)
    links = [(labels.index(label), place) for place, label in enumerate(labels)]
    assert with_equal(np.array(start), np.array(labels)).tolist() == obvious(start, links)
