"""Documents that are nearly there already.

Signatures stand in a file; of each document, some dozens of bytes are held. To compare only what may be alike,
signatures are cut into bands of several values: similar documents agree on all of some band, others hardly ever. In
each band, documents are lined up by it and then by the next, and each is compared with the one before it and with the
first of its band. So a pair may be missed, the rarer the more alike it is; what is found is as similar as asked for, by
the signatures.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.cleaning.packages import needed_for
from granular_lm.corpus.cleaning.signatures import NUM_VALUES, signatures
from granular_lm.corpus.cleaning.workers import Map
from granular_lm.corpus.clusters import Indices, joined
from granular_lm.corpus.stream import in_chunks
from granular_lm.mapped import ArrayWriter, map_array, release_pages

Hashes = NDArray[np.uint64]

ROWS_AT_ONCE = 2**14
PAIRS_AT_ONCE = 2**11  # of rows all over the file, and the system maps some pages around each
COST_OF_MISSES = 0.95
"""How much a pair that is missed counts against one that is compared in vain when bands are chosen."""


def near_duplicate_clusters(documents: Iterable[str], threshold: float, folder: Path, run: Map = map) -> Indices:
    """Return the first document of each document's cluster, shape (documents,).

    Two are in one cluster if their signatures are so similar, or if a chain of such pairs connects them.

    Args:
        documents: Read once.
        threshold: Jaccard similarity.
        folder: Where the signatures are kept meanwhile.
        run: Makes signatures, as `map` does or in several processes.

    Raises:
        OptionError: datasketch is not installed.
    """
    path = folder / "signatures"
    with ArrayWriter(path, np.uint32) as writer:
        for made in run(signatures, in_chunks(documents)):
            writer.append(made)
    return _clusters(map_array(path, np.uint32), threshold)


def _clusters(values: NDArray[np.uint32], threshold: float) -> Indices:
    """Return clusters, given all signatures one after another in a mapped array."""
    agreeing = np.ceil(threshold * NUM_VALUES)
    clusters = np.arange(len(values) // NUM_VALUES)
    following = None
    for band in reversed(_bands(threshold)):
        hashes = _band_hashes(values, band)
        for first, second in _candidates(hashes, hashes if following is None else following):
            is_open = clusters[first] != clusters[second]
            first, second = first[is_open], second[is_open]
            is_near = _agreements(values, first, second) >= agreeing
            clusters = joined(clusters, first[is_near], second[is_near])
        following = hashes
    return clusters


def _bands(threshold: float) -> list[slice]:
    """Return which values of a signature form each band; the library weighs pairs missed against pairs compared."""
    with needed_for("the search for near-duplicates"):
        from datasketch import MinHashLSH
    chosen = MinHashLSH(threshold=threshold, num_perm=NUM_VALUES, weights=(1 - COST_OF_MISSES, COST_OF_MISSES))
    return [slice(number * chosen.r, (number + 1) * chosen.r) for number in range(chosen.b)]


def _band_hashes(values: NDArray[np.uint32], band: slice) -> Hashes:
    """Return a hash of each document's values in a band."""
    factors = np.random.default_rng(0).integers(2**63, size=band.stop - band.start, dtype=np.uint64) * 2 + 1
    hashes = np.empty(len(values) // NUM_VALUES, dtype=np.uint64)
    for start in range(0, len(hashes), ROWS_AT_ONCE):
        rows = values[start * NUM_VALUES : (start + ROWS_AT_ONCE) * NUM_VALUES].reshape(-1, NUM_VALUES)
        hashes[start : start + len(rows)] = rows[:, band].astype(np.uint64) @ factors
        release_pages(values)
    return hashes


def _candidates(hashes: Hashes, following: Hashes) -> Iterator[tuple[Indices, Indices]]:
    """Yield pairs of documents that agree in a band: neighbours, and each with the first."""
    order = np.lexsort((following, hashes))
    lined_up = hashes[order]
    is_like_previous = np.append(False, lined_up[1:] == lined_up[:-1])[: len(order)]
    places = np.flatnonzero(is_like_previous)
    first_places = np.maximum.accumulate(np.where(is_like_previous, 0, np.arange(len(order))))
    yield order[places - 1], order[places]
    yield order[first_places[places]], order[places]


def _agreements(values: NDArray[np.uint32], first: Indices, second: Indices) -> NDArray[np.int64]:
    """Return in how many values the signatures of each pair agree."""
    made = values.reshape(-1, NUM_VALUES)
    agreements = np.empty(len(first), dtype=np.int64)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        some = slice(start, start + PAIRS_AT_ONCE)
        agreements[some] = np.count_nonzero(made[first[some]] == made[second[some]], axis=1)
        release_pages(values)
    return agreements
