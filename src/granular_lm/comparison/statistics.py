"""Whether one codec is better than another.

Chance enters twice: other documents could have been drawn, of which the unit is a cluster of near-duplicates, and the
networks could have been trained from other seeds. A verdict has to stand against both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.ratio import Ratio, Sample
from granular_lm.comparison.resampling import Floats

EQUIVALENCE_MARGIN = 0.01
"""Bits per byte within which two codecs count as equivalent, declared before any result."""

SIGNIFICANCE = 0.05
RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two codecs on the same documents.

    Attributes:
        a: The first codec.
        b: The second.
        delta: Bits per byte of ``a`` minus those of ``b``, averaged over seeds.
        ci: 95 % interval of delta over seeds and documents; with one seed, over documents alone.
        ci_documents: 95 % interval over documents alone: other documents, but these very models.
        se_documents: Standard error over documents by the delta method.
        seed_sd: Standard deviation of the difference over seeds; None with one seed.
        p: Two-sided p-value of delta = 0, not adjusted.
        p_adjusted: The same after Holm over all pairs of the comparison.
        verdict: ``"a better"``, ``"b better"``, ``"equivalent"`` or ``"undecided"``, with the codecs' names.
    """

    a: str
    b: str
    delta: float
    ci: tuple[float, float]
    ci_documents: tuple[float, float]
    se_documents: float
    seed_sd: float | None
    p: float
    p_adjusted: float
    verdict: str

    @property
    def over(self) -> str:
        """What the interval is over."""
        return "documents" if self.seed_sd is None else "seeds and documents"

    def to_dict(self) -> dict[str, Any]:
        """Return the pair as JSON values; JSON knows no infinity, which becomes None."""
        intervals = {name: list(map(_finite, getattr(self, name))) for name in ("ci", "ci_documents")}
        return asdict(self) | intervals | {"se_documents": _finite(self.se_documents)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bits per byte of one codec.

    Attributes:
        bpb: Averaged over seeds.
        ci: 95 % interval over seeds and documents; with one seed, over documents alone.
        seed_sd: Standard deviation over seeds; None with one seed.
    """

    bpb: float
    ci: tuple[float, float]
    seed_sd: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON values."""
        return asdict(self) | {"ci": list(map(_finite, self.ci))}


def compare_all(
    bits: Mapping[str, Floats],
    num_bytes: NDArray[np.int64],
    clusters: NDArray[np.int64],
    pairs: Sequence[tuple[str, str]],
    *,
    seeds: Mapping[str, Sequence[int]] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[dict[str, Estimate], list[Pair]]:
    """Return the bits per byte of each codec, and the difference of each pair.

    Seed ``s`` of one codec is paired with seed ``s`` of the other: they read the same documents in the same order.
    A pair leaves out the seeds that only one of the two has.

    Args:
        bits: Bits of each document under each codec, shape (seeds, documents).
        num_bytes: Raw bytes of each document, at least one in all.
        clusters: Which documents are near-duplicates of one another: equal numbers, from 0.
        pairs: Which codec to compare with which; the two share at least one seed.
        seeds: Which seeds the rows of each codec are; 0, 1, 2 and so on if not given.
        resamples: How often documents are drawn anew, and as often signs.
        seed: Of these draws.
    """
    seeds = seeds or {name: range(len(rows)) for name, rows in bits.items()}
    sample = Sample.of(bits, seeds, num_bytes, clusters, resamples, seed)
    ratios = [sample.difference(a, b) for a, b in pairs]
    p_values = [ratio.p() for ratio in ratios]
    compared = zip(pairs, ratios, p_values, holm(p_values), strict=True)
    return (
        {name: _estimate(sample.codec(name)) for name in bits},
        [_pair(a, b, ratio, p, adjusted) for (a, b), ratio, p, adjusted in compared],
    )


def cluster_numbers(keys: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each document, the same for those with the same key, from 0."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values that may each be held against 5 % though several hypotheses were tested.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).

    Examples:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = least
    return adjusted


def _estimate(ratio: Ratio) -> Estimate:
    return Estimate(ratio.value, ratio.ci(), ratio.seed_sd)


def _pair(a: str, b: str, ratio: Ratio, p: float, p_adjusted: float) -> Pair:
    ci = ratio.ci()
    verdict = _verdict(a, b, ci, p_adjusted)
    return Pair(a, b, ratio.value, ci, ratio.ci_documents(), ratio.se, ratio.seed_sd, p, p_adjusted, verdict)


def _verdict(a: str, b: str, ci: tuple[float, float], p_adjusted: float) -> str:
    low, high = ci
    if low >= -EQUIVALENCE_MARGIN and high <= EQUIVALENCE_MARGIN:
        return "equivalent"
    if p_adjusted < SIGNIFICANCE and not low <= 0 <= high:
        return f"{a if high < 0 else b} better"
    return "undecided"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
