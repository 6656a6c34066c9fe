"""Bits over bytes, and how far chance moves that ratio.

Deviations over documents are those of clusters drawn with replacement, widened for what few or very unequal clusters
leave unknown of their own variance. Seeds are too few to be drawn with replacement: their deviations are those of
Student's t with the standard deviation that was met.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.resampling import Draws, Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ratio:
    """The bits per byte of a codec, or the difference of two.

    Attributes:
        value: Averaged over seeds.
        se: Standard error over documents, by the delta method.
        seed_sd: Standard deviation over seeds; None with one.
        by_documents: Deviations due to other documents, shape (resamples,).
        by_seeds: Deviations due to other seeds, shape (resamples,).
        flipped: Values where the sign of every cluster was drawn, shape (resamples,).
        share: What is left of deviations over documents beside those over seeds, so that nothing counts twice.
    """

    value: float
    se: float
    seed_sd: float | None
    by_documents: Floats
    by_seeds: Floats
    flipped: Floats
    share: float

    def ci_documents(self) -> tuple[float, float]:
        """Return the 95 % interval over documents; infinite for a single cluster."""
        return self._interval(self.by_documents)

    def ci(self) -> tuple[float, float]:
        """Return that over seeds and documents, or over documents where few seeds agree by luck."""
        low, high = self._interval(self.by_documents * self.share + self.by_seeds)
        least, most = self.ci_documents()
        return min(low, least), max(high, most)

    def p(self) -> float:
        """Return the two-sided p-value of 0, over documents or over both, whichever is larger."""
        return max(map(self._p_value, (self.flipped, self.flipped * self.share + self.by_seeds)))

    def _interval(self, deviations: Floats) -> tuple[float, float]:
        if math.isinf(self.se):
            return -math.inf, math.inf
        low, high = self.value + np.quantile(deviations, [0.025, 0.975])
        return float(low), float(high)

    def _p_value(self, by_chance: Floats) -> float:
        least = abs(self.value) * (1 - 1e-9)  # all signs alike give the value itself, but for rounding
        return (1 + int((np.abs(by_chance) >= least).sum())) / (1 + len(by_chance))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sample:
    """The documents of a comparison by clusters: what each codec and each pair is worth.

    Attributes:
        sums: Bits of each cluster under each codec, shape (seeds, clusters).
        seeds: Which seeds these are.
        sizes: Raw bytes of each cluster.
        draws: What chance makes of them.
    """

    sums: Mapping[str, Floats]
    seeds: Mapping[str, Sequence[int]]
    sizes: Floats
    draws: Draws

    @classmethod
    def of(
        cls,
        bits: Mapping[str, Floats],
        seeds: Mapping[str, Sequence[int]],
        num_bytes: NDArray[np.int64],
        clusters: NDArray[np.int64],
        resamples: int,
        seed: int,
    ) -> Self:
        """Sum over the documents of each cluster, and draw."""
        sums = {name: np.array([np.bincount(clusters, weights=row) for row in rows]) for name, rows in bits.items()}
        sizes = np.bincount(clusters, weights=num_bytes).astype(np.float64)
        return cls(sums, seeds, sizes, Draws.of(sums, sizes, resamples, seed))

    def codec(self, name: str) -> Ratio:
        """Return the bits per byte of a codec."""
        draws = self.draws
        return self._ratio(self.sums[name], draws.resampled[name].mean(axis=0), draws.flipped[name].mean(axis=0))

    def difference(self, a: str, b: str) -> Ratio:
        """Return the bits per byte of one codec minus those of another, over the seeds that both have."""
        shared = [seed for seed in self.seeds[a] if seed in self.seeds[b]]
        of_a, of_b = ([list(self.seeds[name]).index(seed) for seed in shared] for name in (a, b))
        resampled, flipped = (
            (drawn[a][of_a] - drawn[b][of_b]).mean(axis=0) for drawn in (self.draws.resampled, self.draws.flipped)
        )
        return self._ratio(self.sums[a][of_a] - self.sums[b][of_b], resampled, flipped)

    def _ratio(self, rows: Floats, resampled: Floats, flipped: Floats) -> Ratio:
        by_seed = rows.sum(axis=1) / self.sizes.sum()
        value, mean = float(by_seed.mean()), rows.mean(axis=0)
        seed_sd = float(by_seed.std(ddof=1)) if len(rows) > 1 else None
        se = delta_standard_error(mean, self.sizes)
        return Ratio(
            value=value,
            se=se,
            seed_sd=seed_sd,
            by_documents=(resampled - value) * self.draws.widths(degrees_of_freedom(mean, self.sizes), len(mean)),
            by_seeds=self.draws.of_seeds(len(rows)) * (seed_sd or 0.0),
            flipped=flipped,
            share=_share(rows, self.sizes, se),
        )


def delta_standard_error(differences: Floats, sizes: Floats) -> float:
    """Return the standard error of Σd/ΣB over units by the delta method; infinite for a single unit.

    Source: the ratio estimator, Cochran, Sampling Techniques (1977), section 6.4.
    """
    if len(sizes) < 2:
        return math.inf
    squares = float(_squared_residuals(differences, sizes).sum())
    return math.sqrt(len(sizes) / (len(sizes) - 1) * squares) / float(sizes.sum())


def _squared_residuals(differences: Floats, sizes: Floats) -> Floats:
    squares: Floats = (differences - differences.sum() / sizes.sum() * sizes) ** 2
    return squares


def degrees_of_freedom(differences: Floats, sizes: Floats) -> float:
    """Return the degrees of freedom of the standard error: fewer where a few units make most of it.

    Source: Satterthwaite, An Approximate Distribution of Estimates of Variance Components (1946).
    """
    squares = _squared_residuals(differences, sizes)
    most, spread = max(len(sizes) - 1, 1), float(squares.var())
    return min(most, 2 * len(sizes) * float(squares.mean()) ** 2 / spread) if spread > 0 else most


def _share(rows: Floats, sizes: Floats, se: float) -> float:
    """Return how much smaller the standard error over documents is without what is particular to each seed.

    What one seed makes of one document moves the ratio of that seed, so the spread over seeds has it already.
    """
    seeds = len(rows)
    if seeds == 1 or not 0 < se < math.inf:
        return 1.0
    particular = sum(delta_standard_error(row, sizes) ** 2 for row in rows - rows.mean(axis=0)) / (seeds - 1)
    return math.sqrt(max(0.0, 1 - particular / seeds / se**2))
