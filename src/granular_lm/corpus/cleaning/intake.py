"""The first reading of a corpus: documents take the steps, and little is noted of each."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.cleaning.options import CleaningOptions
from granular_lm.corpus.cleaning.steps import steps_of, take_steps
from granular_lm.corpus.cleaning.workers import Map
from granular_lm.corpus.hashes import TextHashes
from granular_lm.corpus.stream import in_chunks
from granular_lm.text import to_bytes

Mask = NDArray[np.bool_]


class Intake(Iterable[str]):
    """Documents that take the steps of a cleaning; those that pass are yielded as they became.

    Args:
        documents: Read once.
        options: Which steps.
        run: Takes the steps, as `map` does or in several processes.

    Attributes:
        counts: How many documents each step changed and dropped, shape (steps, 2).
        num_bytes: Raw bytes of all documents.

    Raises:
        OptionError: A step cannot be taken.
    """

    def __init__(self, documents: Iterable[str], options: CleaningOptions, run: Map) -> None:
        self._documents = documents
        self._options = options
        self._run = run
        self._passes = bytearray()
        self._hashes = TextHashes()
        self.num_bytes = 0
        self.counts = np.zeros((len(steps_of(options)), 2), dtype=np.int64)

    def __iter__(self) -> Iterator[str]:
        taken = self._run(partial(take_steps, self._options), in_chunks(map(self._weighed, self._documents)))
        return self._hashes.noting(chain.from_iterable(map(self._passed, taken)))

    def _weighed(self, text: str) -> str:
        self.num_bytes += len(to_bytes(text))
        return text

    def _passed(self, taken: tuple[list[str | None], NDArray[np.int64]]) -> list[str]:
        texts, counts = taken
        self.counts += counts
        self._passes += bytes(text is not None for text in texts)
        return [text for text in texts if text is not None]

    def is_first(self) -> Mask:
        """Return whether each document that passed was not met before, shape (documents that passed,)."""
        return self._hashes.is_first()

    def of_all(self, mask: Mask) -> Mask:
        """Return whether each document that was read is in a mask of those that passed."""
        is_passed = np.frombuffer(self._passes, dtype=bool)
        of_all = is_passed.copy()
        of_all[is_passed] = mask
        return of_all

    @property
    def num_documents(self) -> int:
        """All documents, passed or not."""
        return len(self._passes)
