"""An n-gram model over bytes: what counting short contexts achieves.

Modified Kneser-Ney, interpolated: each count is lowered by one of three discounts, and what that sets free goes to
the next shorter context, in the end to all symbols alike. Grams shorter than the longest are counted by how many
different symbols were seen before them.

A document is its bytes and a stop; before its first byte stand stops alone. A gram is one integer, nine bits a symbol:
the nearest symbol of the context first, the predicted symbol last. So a shorter context is the front of a longer one,
and grams that share a context lie side by side.

Source: Chen & Goodman, An Empirical Study of Smoothing Techniques for Language Modeling (1998), section 3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from granular_lm.checks import check_integer
from granular_lm.corpus.stream import in_chunks
from granular_lm.errors import CorpusError
from granular_lm.text import to_bytes

NUM_SYMBOLS = 257  # 256 bytes and the stop
STOP = 256
BITS = 9
MASK = 2**BITS - 1
MAX_ORDER = 6  # with the predicted symbol, 63 bits
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Level:
    """The grams with one length of context, and those contexts.

    Attributes:
        grams: Sorted, shape (grams,).
        discounted: The count of each gram, less its discount.
        contexts: Sorted, shape (contexts,).
        totals: The counts of each context's grams, summed.
        freed: Their discounts, summed.
    """

    grams: NDArray[np.int64]
    discounted: NDArray[np.float64]
    contexts: NDArray[np.int64]
    totals: NDArray[np.float64]
    freed: NDArray[np.float64]

    @classmethod
    def of(cls, grams: NDArray[np.int64], counts: NDArray[np.int64]) -> Self:
        lowered_by = np.array(discounts(counts))[np.minimum(counts, 3) - 1]
        contexts = grams >> BITS
        starts = _starts(contexts)
        totals, freed = (np.add.reduceat(each, starts, dtype=np.float64) for each in (counts, lowered_by))
        return cls(grams, counts - lowered_by, contexts[starts], totals, freed)

    def interpolate(
        self, contexts: NDArray[np.int64], symbols: NDArray[np.int64], shorter: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the probability of each symbol in its context, from that in the next shorter context."""
        context, is_known = _find(self.contexts, contexts)
        gram, is_counted = _find(self.grams, contexts << BITS | symbols)
        mass = np.where(is_counted, self.discounted[gram], 0.0) + self.freed[context] * shorter
        return np.where(is_known, mass / self.totals[context], shorter)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NGramModel:
    """A distribution over byte strings, learned by counting.

    Args:
        levels: By length of context, from none at all to ``order`` bytes.
    """

    levels: Sequence[_Level]

    @classmethod
    def train(cls, documents: Iterable[str], order: int = 5) -> Self:
        """Count what follows what in the documents.

        Args:
            documents: What to learn from. Each of their bytes takes some ten of memory, and up to 170 where nothing
                repeats itself.
            order: Bytes of context.

        Raises:
            CorpusError: There are no documents.
            OptionError: The order is not from 0 to 6.
        """
        check_integer("order", order, least=0, most=MAX_ORDER)
        grams, counts = _counted(documents, order)
        levels = [_Level.of(grams, counts)]
        for _ in range(order):
            grams, counts = _shortened(grams)
            levels.append(_Level.of(grams, counts))
        return cls(levels[::-1])

    def bits(self, documents: Iterable[str]) -> NDArray[np.float64]:
        """Return the bits of each document, the stop included, shape (documents,)."""
        return np.concatenate([np.empty(0), *map(self._bits, in_chunks(documents))])

    def probabilities(self, context: bytes) -> NDArray[np.float64]:
        """Return the probability of each byte, and last of the stop, in a document that began with ``context``."""
        contexts, _, _ = _positions([context], self._order)
        return self._probabilities(np.repeat(contexts[-1], NUM_SYMBOLS), np.arange(NUM_SYMBOLS))

    @property
    def _order(self) -> int:
        return len(self.levels) - 1

    def _bits(self, documents: Sequence[str]) -> NDArray[np.float64]:
        contexts, symbols, starts = _positions(list(map(to_bytes, documents)), self._order)
        nearby = np.argsort(contexts)  # neighbours are looked up in the same place: several times as fast
        bits = np.empty(len(contexts))
        bits[nearby] = -np.log2(self._probabilities(contexts[nearby], symbols[nearby]))
        return np.add.reduceat(bits, starts)

    def _probabilities(self, contexts: NDArray[np.int64], symbols: NDArray[np.int64]) -> NDArray[np.float64]:
        probability = np.full(len(contexts), 1 / NUM_SYMBOLS)
        for length, level in enumerate(self.levels):
            probability = level.interpolate(contexts >> BITS * (self._order - length), symbols, probability)
        return probability


def discounts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return what is taken from counts of 1, of 2, and of 3 and more.

    Few grams, or unusual ones, may give a discount that is not above 0; then all three are fixed ones.
    """
    ones, twos, threes, fours = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].tolist()
    if not (ones and twos and threes):
        return FALLBACK_DISCOUNTS
    share = ones / (ones + 2 * twos)
    found = (1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes)
    return found if min(found) > 0 else FALLBACK_DISCOUNTS


def _positions(raw: Sequence[bytes], order: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the context and the symbol at every position of the documents, and where each document starts."""
    symbols = np.frombuffer(b"\0".join(raw) + b"\0", dtype=np.uint8).astype(np.int64)
    lengths = np.array([len(data) + 1 for data in raw])
    ends = np.cumsum(lengths)
    symbols[ends - 1] = STOP
    starts = ends - lengths
    into = np.arange(len(symbols)) - np.repeat(starts, lengths)
    contexts = np.zeros_like(symbols)
    for back in range(1, order + 1):
        contexts = contexts << BITS | np.where(into >= back, np.roll(symbols, back), STOP)
    return contexts, symbols, starts


def _counted(documents: Iterable[str], order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct grams of the documents, sorted, and how often each occurs."""
    met = bytearray()
    for chunk in in_chunks(documents):
        contexts, symbols, _ = _positions(list(map(to_bytes, chunk)), order)
        met += (contexts << BITS | symbols).tobytes()
    if not met:
        raise CorpusError("an n-gram model cannot be counted on 0 documents; give at least one.")
    grams = np.frombuffer(met, dtype=np.int64)
    grams.sort()
    starts = _starts(grams)
    return grams[starts], np.diff(starts, append=len(grams))


def _shortened(grams: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the grams without the furthest symbol of their context, sorted, and how many were shortened to each."""
    return np.unique(grams >> 2 * BITS << BITS | grams & MASK, return_counts=True)


def _starts(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each distinct value of a sorted array begins."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1]))


def _find(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each value stands in a sorted array, and whether it does."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, known[place] == wanted
