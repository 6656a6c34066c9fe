"""How long documents are."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

MOST_BINS = 40
ROUND_FACTORS = (1, 2, 5)


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long documents are.

    Attributes:
        mean: The mean length.
        median: That of an even number of documents lies halfway between the middle two.
        min: Of the shortest.
        max: Of the longest.
        p10: What a tenth of the documents do not exceed; p25, p75, p90 and p99 likewise.
        histogram: The first and the last length of each bin, and how many documents it has. All bins are equally
            wide, but for one at the end, of the longest hundredth or the longest document.
    """

    mean: float
    median: float
    min: int
    max: int
    p10: int
    p25: int
    p75: int
    p90: int
    p99: int
    histogram: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, counts: Counter[int]) -> "Lengths":
        """Return the lengths of documents, given how many there are of each length; at least one."""
        values = np.array(sorted(counts), dtype=np.int64)
        ends = np.cumsum([counts[value] for value in values.tolist()])
        documents = int(ends[-1])

        def ranked(rank: int) -> int:
            return int(values[np.searchsorted(ends, rank, side="right")])

        shares = {f"p{percent}": ranked(-(-documents * percent // 100) - 1) for percent in (10, 25, 75, 90, 99)}
        return cls(
            mean=sum(length * count for length, count in counts.items()) / documents,
            median=(ranked((documents - 1) // 2) + ranked(documents // 2)) / 2,
            min=int(values[0]),
            max=int(values[-1]),
            **shares,
            histogram=_histogram(counts, int(values[0]), ranked((documents - 1) * 99 // 100), int(values[-1])),
        )


def readable_length(length: float) -> str:
    """Return a length, or a median that may lie halfway between two, in full."""
    return f"{length:,.1f}".removesuffix(".0")


def _histogram(counts: Counter[int], shortest: int, long: int, longest: int) -> tuple[tuple[int, int, int], ...]:
    """Return bins of a round width from the shortest on, and one for what is longer than the bin of ``long``."""
    width = _round_width(long - shortest)
    first, last = shortest // width, long // width
    documents = [0] * (last - first + 2)
    for length, count in counts.items():
        documents[min(length // width, last + 1) - first] += count
    bins = [(at * width, (at + 1) * width - 1, documents[at - first]) for at in range(first, last + 1)]
    if documents[-1]:
        bins.append(((last + 1) * width, longest, documents[-1]))
    return tuple(bins)


def _round_width(span: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, ... with which a span takes at most `MOST_BINS` bins."""
    power = 1
    while True:
        for factor in ROUND_FACTORS:
            if span // (factor * power) + 2 <= MOST_BINS:
                return factor * power
        power *= 10
