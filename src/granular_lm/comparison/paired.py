"""Two entries on the same documents: what the page draws for the pair that is chosen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.results import Comparison
from granular_lm.comparison.statistics import Pair
from granular_lm.page.plotting import axis, figure, log_axis

MOST_POINTS = 2000
NUM_BINS = 48
SHOWN_QUANTILE = 0.99
"""Differences beyond it count as part of the outermost bars."""


def paired_data(comparison: Comparison) -> dict[str, Any] | None:
    """Return the bits of some documents under each entry, and for each pair the histogram over all documents.

    The best two entries come first. None if there is no pair.
    """
    if not comparison.pairs:
        return None
    bits = {entry: np.mean([job.bits for job in comparison.of_entry(entry)], axis=0) for entry in comparison.entries}
    chosen = _some(len(comparison.num_bytes))
    ranking = comparison.ranking()
    best_first = sorted(comparison.pairs, key=lambda pair: ranking.index(pair.a) + ranking.index(pair.b))
    return {
        "bytes": comparison.num_bytes[chosen].tolist(),
        "bits": {entry: values[chosen].round(2).tolist() for entry, values in bits.items()},
        "axis": log_axis("", np.concatenate([values[chosen] for values in bits.values()]).tolist()),
        "layout": figure([], xaxis=axis(), yaxis=axis())["layout"],
        "pairs": [_histogram(pair, bits) for pair in best_first],
    }


def _some(num_documents: int) -> NDArray[np.int64]:
    """Return the documents that are drawn as points: all, or some of them at random."""
    drawn = np.random.default_rng(0).permutation(num_documents)[:MOST_POINTS]
    return np.sort(drawn)


def _histogram(pair: Pair, bits: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Return how many documents differ by how much, in bars of equal width about zero."""
    differences = bits[pair.a] - bits[pair.b]
    reach = float(np.quantile(np.abs(differences), SHOWN_QUANTILE)) or 1.0
    edges = np.linspace(-reach, reach, NUM_BINS + 1)
    counts, _ = np.histogram(np.clip(differences, -reach, reach), bins=edges)
    return {
        "a": pair.a,
        "b": pair.b,
        "places": ((edges[:-1] + edges[1:]) / 2).round(3).tolist(),
        "counts": counts.tolist(),
        "a_is_cheaper": float(np.mean(differences < 0)),
        "b_is_cheaper": float(np.mean(differences > 0)),
    }
