"""Things that belong together because a chain of pairs connects them."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def joined(clusters: Indices, first: Indices, second: Indices) -> Indices:
    """Return clusters with the members of some pairs brought together.

    Args:
        clusters: The smallest index in the cluster of each thing, shape (things,); ``arange`` if each is alone.
        first: One of each pair, shape (pairs,).
        second: The other of each pair.

    Examples:
        >>> joined(np.arange(5), np.array([3, 1]), np.array([4, 3]))
        array([0, 1, 2, 1, 1])
    """
    clusters = clusters.copy()
    while True:
        one, other = clusters[first], clusters[second]
        if np.array_equal(one, other):
            return clusters
        np.minimum.at(clusters, np.maximum(one, other), np.minimum(one, other))
        _point_to_smallest(clusters)


def with_equal(clusters: Indices, labels: NDArray[np.generic]) -> Indices:
    """Return clusters with all things of one label brought together."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return joined(clusters, first[place], np.arange(len(labels)))


def _point_to_smallest(clusters: Indices) -> None:
    """Follow each thing's pointer to the end, twice as far each time."""
    while not np.array_equal(further := clusters[clusters], clusters):
        clusters[:] = further
