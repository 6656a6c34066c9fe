"""Whether one codec is better than another, document by document.

The unit is a cluster of near-duplicate documents, the difference that of the bits two codecs spend on it. The
interval speaks of the documents alone: how much another draw of them would move the result, not another seed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EQUIVALENCE_MARGIN = 0.01
"""Bits per byte within which two codecs count as equivalent, declared before any result."""

Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Pair:
    """Two codecs on the same documents.

    Attributes:
        a: The first codec.
        b: The second.
        delta: Bits per byte of ``a`` minus those of ``b``.
        ci: 95 % interval of delta over documents.
        p: Two-sided p-value of delta = 0.
        verdict: ``"a better"``, ``"b better"``, ``"equivalent"`` or ``"undecided"``, with the codecs' names.
    """

    a: str
    b: str
    delta: float
    ci: tuple[float, float]
    p: float
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return the pair as JSON values."""
        return {
            "a": self.a,
            "b": self.b,
            "delta": self.delta,
            "ci": [bound if math.isfinite(bound) else None for bound in self.ci],  # JSON knows no infinity
            "p": self.p,
            "verdict": self.verdict,
        }


def compare_pair(
    a: str,
    b: str,
    bits_a: NDArray[np.float64],
    bits_b: NDArray[np.float64],
    num_bytes: NDArray[np.int64],
    clusters: NDArray[np.int64],
) -> Pair:
    """Return the paired difference of two codecs.

    Args:
        a: The first codec.
        b: The second.
        bits_a: Bits of each document under ``a``, shape (documents,).
        bits_b: Bits of each document under ``b``.
        num_bytes: Raw bytes of each document.
        clusters: Which documents are near-duplicates of one another: equal numbers, from 0.
    """
    differences = np.bincount(clusters, weights=bits_a - bits_b).astype(np.float64)
    sizes = np.bincount(clusters, weights=num_bytes).astype(np.float64)
    delta = math.fsum(differences) / math.fsum(sizes)
    error = delta_standard_error(differences, sizes)
    ci = (delta - Z_95 * error, delta + Z_95 * error)
    p = math.erfc(abs(delta) / error / math.sqrt(2)) if error > 0 else float(delta == 0)
    return Pair(a, b, delta, ci, p, _verdict(a, b, ci))


def delta_standard_error(differences: NDArray[np.float64], sizes: NDArray[np.float64]) -> float:
    """Return the standard error of Σd/ΣB over units by the delta method; infinite for a single unit.

    Source: the ratio estimator, Cochran, Sampling Techniques (1977), section 6.4.
    """
    count = len(sizes)
    if count < 2:
        return math.inf
    ratio = math.fsum(differences) / math.fsum(sizes)
    squares = math.fsum((differences - ratio * sizes) ** 2)
    return math.sqrt(count / (count - 1) * squares) / math.fsum(sizes)


def cluster_numbers(keys: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each document, the same for those with the same key, from 0."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def _verdict(a: str, b: str, ci: tuple[float, float]) -> str:
    low, high = ci
    if low >= -EQUIVALENCE_MARGIN and high <= EQUIVALENCE_MARGIN:
        return "equivalent"
    if high < 0:
        return f"{a} better"
    if low > 0:
        return f"{b} better"
    return "undecided"
