"""What a split can spread evenly over its parts."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.clusters import Indices
from granular_lm.corpus.scripts import script_of
from granular_lm.errors import OptionError
from granular_lm.text import to_bytes

LENGTH_CLASSES = 4


class Notes(Protocol):
    """Notes a number of each document, and tells its class from the notes of all."""

    def note(self, text: str) -> None:
        """Note the next document."""

    def classes(self) -> Indices:
        """Return the number of each document's class, shape (documents,)."""


class Lengths:
    """Classes are quarters by length, the shortest first."""

    def __init__(self) -> None:
        self._lengths = array("q")

    def note(self, text: str) -> None:
        """Note the bytes of a document."""
        self._lengths.append(len(to_bytes(text)))

    def classes(self) -> Indices:
        """Return the quarter of each document."""
        lengths = np.array(self._lengths)
        if not len(lengths):
            return lengths
        longest = np.quantile(lengths, np.arange(1, LENGTH_CLASSES) / LENGTH_CLASSES, method="inverted_cdf")
        return np.searchsorted(longest, lengths)


class Scripts:
    """Classes are scripts, in the order of their names; documents without one come first."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._met = array("q")

    def note(self, text: str) -> None:
        """Note the script of a document."""
        self._met.append(self._places.setdefault(script_of(text) or "", len(self._places)))

    def classes(self) -> Indices:
        """Return the rank of each document's script."""
        ranks = {name: rank for rank, name in enumerate(sorted(self._places))}
        rank_of = np.array([ranks[name] for name in self._places], dtype=np.int64)
        classes: Indices = rank_of[np.array(self._met)]
        return classes


STRATA: dict[str, Callable[[], Notes]] = {"length": Lengths, "script": Scripts}
"""By name, what a split can be stratified by."""


def check_strata(names: Sequence[str]) -> None:
    """Raise `OptionError` for a name that is none of `STRATA`."""
    for name in names:
        if name not in STRATA:
            raise OptionError(f"stratify={name!r} is not accepted; accepted: {', '.join(STRATA)}.")


class StrataTally:
    """Notes of documents that pass by what their strata need.

    Args:
        names: From `STRATA`; a stratum is a combination of all.

    Raises:
        OptionError: A name is unknown.
    """

    def __init__(self, names: Sequence[str]) -> None:
        check_strata(names)
        self._notes = {name: STRATA[name]() for name in names}
        self._count = 0

    def noting(self, documents: Iterable[str]) -> Iterator[str]:
        """Pass documents on."""
        for text in documents:
            self._count += 1
            for notes in self._notes.values():
                notes.note(text)
            yield text

    def numbers(self) -> Indices:
        """Return the number of each document's stratum, shape (documents,)."""
        numbers: NDArray[np.int64] = np.zeros(self._count, dtype=np.int64)
        for notes in self._notes.values():
            classes = notes.classes()
            numbers = numbers * (int(classes.max(initial=0)) + 1) + classes
        return numbers
