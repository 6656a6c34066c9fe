"""What chance alone makes of bits per byte: other documents, other signs, other seeds.

All that is drawn for a comparison is drawn once, so every codec and every pair meets the same draws.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

ENTRIES_AT_ONCE = 2**20  # of the matrix of draws, 8 bytes each
CLUSTERS, SIGNS, WIDTHS, SEEDS = range(4)  # what is drawn, each from a stream of its own

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Draws:
    """Bits per byte of each codec under each draw, arrays of shape (seeds, resamples).

    Attributes:
        resampled: Of as many clusters as there are, drawn with replacement.
        flipped: Of all clusters, the sign of each one's bits drawn: what differences look like that mean nothing.
        resamples: Number of draws.
        seed: Of everything drawn.
    """

    resampled: dict[str, Floats]
    flipped: dict[str, Floats]
    resamples: int
    seed: int

    @classmethod
    def of(cls, sums: Mapping[str, Floats], sizes: Floats, resamples: int, seed: int) -> Self:
        """Draw.

        Args:
            sums: Bits of each cluster under each codec, shape (seeds, clusters).
            sizes: Raw bytes of each cluster.
            resamples: Number of draws.
            seed: Another one gives other draws.
        """
        table = np.column_stack([*(row for rows in sums.values() for row in rows), sizes])
        drawn = _products(_multiplicities, table, resamples, _stream(seed, CLUSTERS))
        flipped = _products(_signs, table, resamples, _stream(seed, SIGNS)) / sizes.sum()
        drawn /= np.maximum(drawn[:, -1:], 1.0)  # where clusters are few, those drawn may all be empty
        return cls(
            resampled=_by_codec(sums, drawn),
            flipped=_by_codec(sums, flipped),
            resamples=resamples,
            seed=seed,
        )

    def widths(self, freedom: float, clusters: int) -> Floats:
        """Return what to multiply the deviations of resamples with.

        They take the variance of the clusters for certain, and divide by their number where it should be one less.
        Factors make up for both: they turn a normal distribution into Student's t.
        """
        variances = _stream(self.seed, WIDTHS).chisquare(freedom, self.resamples) / freedom
        return np.sqrt(clusters / max(clusters - 1, 1) / variances)

    def of_seeds(self, seeds: int) -> Floats:
        """Return how far the mean of some seeds lies off, in their standard deviations; zeros for one seed."""
        if seeds == 1:
            return np.zeros(self.resamples)
        return _stream(self.seed, SEEDS, seeds).standard_t(seeds - 1, self.resamples) / math.sqrt(seeds)


def _by_codec(sums: Mapping[str, Floats], drawn: Floats) -> dict[str, Floats]:
    """Return the columns of each codec, shape (seeds, resamples)."""
    ends = np.cumsum([len(rows) for rows in sums.values()])
    return {name: drawn[:, end - len(rows) : end].T for (name, rows), end in zip(sums.items(), ends, strict=True)}


def _products(
    draw: Callable[[int, int, np.random.Generator], Floats],
    table: Floats,
    resamples: int,
    rng: np.random.Generator,
) -> Floats:
    """Return draws times table, a few at a time, shape (resamples, columns)."""
    clusters = len(table)
    at_once = max(1, ENTRIES_AT_ONCE // clusters)
    counts = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    return np.concatenate([draw(count, clusters, rng) @ table for count in counts])


def _multiplicities(resamples: int, clusters: int, rng: np.random.Generator) -> Floats:
    """Return how often each cluster is drawn, shape (resamples, clusters)."""
    drawn = np.empty((resamples, clusters))
    for row in drawn:
        row[:] = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
    return drawn


def _signs(resamples: int, clusters: int, rng: np.random.Generator) -> Floats:
    """Return 1 or -1 for each cluster, shape (resamples, clusters)."""
    words = -(-clusters // 32)  # whole ones, so that it makes no difference how many rows are drawn at a time
    packed = np.frombuffer(rng.bytes(resamples * words * 4), dtype=np.uint8).reshape(resamples, -1)
    return np.unpackbits(packed, axis=1, count=clusters).astype(np.float64) * 2 - 1


def _stream(*names: int) -> np.random.Generator:
    return np.random.default_rng(names)
