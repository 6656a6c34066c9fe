"""What a split can spread evenly over its parts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.clusters import Indices
from granular_lm.corpus.scripts import script_of
from granular_lm.errors import OptionError
from granular_lm.text import to_bytes

LENGTH_CLASSES = 4


def length_classes(lengths: Sequence[int]) -> Indices:
    """Return the quarter by length that each document is in, the shortest first."""
    longest = np.quantile(lengths, np.arange(1, LENGTH_CLASSES) / LENGTH_CLASSES, method="inverted_cdf")
    return np.searchsorted(longest, lengths)


def script_classes(scripts: Sequence[str]) -> Indices:
    """Return a number for the script of each document, in the order of their names."""
    numbers: Indices = np.unique(scripts, return_inverse=True)[1]
    return numbers


STRATA: dict[str, tuple[Callable[[str], Any], Callable[[Sequence[Any]], Indices]]] = {
    "length": (lambda text: len(to_bytes(text)), length_classes),
    "script": (lambda text: script_of(text) or "", script_classes),
}
"""By name, what is noted of a document, and the number of its stratum told from the notes of all."""


class StrataTally:
    """Notes of documents that pass by what their strata need.

    Args:
        names: From `STRATA`; a stratum is a combination of all.

    Raises:
        OptionError: A name is unknown.
    """

    def __init__(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in STRATA:
                raise OptionError(f"stratify={name!r} is not accepted; accepted: {', '.join(STRATA)}.")
        self._notes: dict[str, list[Any]] = {name: [] for name in names}
        self._count = 0

    def noting(self, documents: Iterable[str]) -> Iterator[str]:
        """Pass documents on."""
        for text in documents:
            self._count += 1
            for name, notes in self._notes.items():
                notes.append(STRATA[name][0](text))
            yield text

    def numbers(self) -> Indices:
        """Return the number of each document's stratum, shape (documents,)."""
        numbers: NDArray[np.int64] = np.zeros(self._count, dtype=np.int64)
        for name, notes in self._notes.items():
            classes = STRATA[name][1](notes)
            numbers = numbers * (int(classes.max(initial=0)) + 1) + classes
        return numbers
