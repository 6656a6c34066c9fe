"""Which part documents fall to: groups lined up by a keyed hash and cut, or clusters dealt out evenly over strata.

To deal, clusters are lined up by stratum and, in each, by the hash. One after another goes to the part that is furthest
behind its share, counted in documents. With three parts, none is ever off by more than 4/3 of the largest cluster, nor
by more than twice that cluster in one stratum; and a cluster that is too large for a small part goes to the largest.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.clusters import Indices


def last_of_parts(groups: NDArray[np.uint64], sizes: NDArray[np.int64], shares: Sequence[float]) -> NDArray[np.uint64]:
    """Return the last group of each part but the rest, where the parts follow one another.

    Args:
        groups: Their hashes, from the smallest on, more of them than shares.
        sizes: The documents of each group.
        shares: Of all documents, for each part.
    """
    ends = np.cumsum(sizes)
    cut, last = 0, []
    for left, share in zip(range(len(shares), 0, -1), shares, strict=True):
        filled = ends[cut - 1] if cut else 0
        cut = _nearest(ends, filled + share * ends[-1], cut + 1, len(groups) - left)
        last.append(groups[cut - 1])
    return np.array(last, dtype=np.uint64)


def _nearest(ends: NDArray[np.int64], goal: float, fewest: int, most: int) -> int:
    """Return how many groups, ``fewest`` to ``most``, end nearest to ``goal`` documents; the fewer of two."""
    above = int(np.searchsorted(ends, goal)) + 1
    return min((min(max(count, fewest), most) for count in (above - 1, above)), key=lambda n: abs(ends[n - 1] - goal))


def deal(hashes: NDArray[np.uint64], clusters: Indices, strata: Indices, shares: Sequence[float]) -> Indices:
    """Return which share each document falls to, shape (documents,).

    Args:
        hashes: What lines up clusters: the smallest hash of its documents stands for each.
        clusters: The number of each document's cluster.
        strata: The number of each document's stratum; a cluster is in the one that most of its documents are in, the
            first of several.
        shares: Of each part, which sum to 1.
    """
    _, place, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    least = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, place, hashes)
    order = np.lexsort((least, _most_frequent(place, strata)))
    part_of = np.empty(len(sizes), dtype=np.int64)
    part_of[order] = list(_furthest_behind(sizes[order].tolist(), shares))
    return part_of[place]


def _most_frequent(place: Indices, strata: Indices) -> Indices:
    """Return the stratum that is most frequent in each cluster."""
    width = int(strata.max(initial=0)) + 1
    pairs, counts = np.unique(place * width + strata, return_counts=True)
    cluster, stratum = np.divmod(pairs, width)
    order = np.lexsort((stratum, -counts, cluster))
    _, first = np.unique(cluster[order], return_index=True)
    most: Indices = stratum[order][first]
    return most


def _furthest_behind(sizes: Iterable[int], shares: Sequence[float]) -> Iterator[int]:
    """Yield the part of each cluster; the first of several that are as far behind."""
    behind = [0.0] * len(shares)
    for size in sizes:
        behind = [lag + share * size for lag, share in zip(behind, shares, strict=True)]
        chosen = behind.index(max(behind))
        behind[chosen] -= size
        yield chosen
