"""What happened at each step of several strings.

Drawing has no need of log-probabilities and entropies, only of logits; the rest is worked out afterwards, for many rows
at a time: for one string alone that is some hundreds of steps at once.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.generation.rules import Draws

ROWS_AT_ONCE = 256
STEPS_AT_FIRST = 64
ROUNDING = 1e-9
"""Sums in another order are off by less; so little is no share that was masked."""

Number = TypeVar("Number", bound=np.generic)

STEP = np.dtype(
    [
        ("id", np.int32),
        ("log_prob", np.float64),
        ("sampling_log_prob", np.float64),
        ("entropy", np.float64),
        ("masked", np.float64),
    ]
)


class Steps:
    """A table of steps, one column for each string.

    Args:
        num_strings: How many strings.
    """

    def __init__(self, num_strings: int) -> None:
        self._table = np.empty((STEPS_AT_FIRST, num_strings), dtype=STEP)
        self._num_steps = np.zeros(num_strings, dtype=np.int64)
        self._waiting: list[tuple[NDArray[np.int64], Draws]] = []
        self._num_rows = 0  # that wait
        self._num_worked_out = 0

    def note(self, strings: NDArray[np.int64], draws: Draws) -> None:
        """Note one more step of the strings that have not ended.

        Args:
            strings: Which, shape (B,): a string that is missing once is never there again.
            draws: What was drawn; kept for a while, not copied.
        """
        self._waiting.append((strings, draws))
        self._num_rows += len(strings)
        if self._num_rows >= ROWS_AT_ONCE:
            self._work_out()

    def of(self, string: int) -> NDArray[np.void]:
        """Return the steps of one string, a structured array of type `STEP`."""
        if self._waiting:
            self._work_out()
        return self._table[: self._num_steps[string], string]

    def _work_out(self) -> None:
        every_strings, every_draws = zip(*self._waiting, strict=True)
        *every, every_changed = zip(*every_draws, strict=True)
        strings, ids, logits, weights, allowed = map(_joined, (every_strings, *every))
        totals = weights.sum(axis=-1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            sums = np.vecdot(weights, logits)
        if np.isnan(sums).any():  # 0 · log 0 is 0
            sums = np.vecdot(weights, np.maximum(logits, np.finfo(logits.dtype).min))
        expected = sums / totals
        of_ids = logits[np.arange(len(ids)), ids].astype(np.float64)
        steps = np.empty(len(ids), dtype=STEP)
        steps["id"] = ids
        steps["log_prob"] = of_ids - np.log(totals)
        with np.errstate(divide="ignore"):  # where all that is allowed is too small a number
            steps["sampling_log_prob"] = of_ids - np.log(allowed)
        if any(changed is not None for changed in every_changed):
            self._put_changed(steps["sampling_log_prob"])
        steps["entropy"] = (np.log(totals) - expected) / math.log(2)
        masked = 1 - allowed / totals
        steps["masked"] = np.where(masked > ROUNDING, masked, 0.0)
        self._put(strings, steps)
        self._waiting, self._num_rows = [], 0

    def _put(self, strings: NDArray[np.int64], steps: NDArray[np.void]) -> None:
        """Put steps where they belong: whatever string is left has as many as there were."""
        rows = np.repeat(np.arange(len(self._waiting)), [len(strings) for strings, _ in self._waiting])
        rows += self._num_worked_out
        self._num_worked_out += len(self._waiting)
        while self._num_worked_out > len(self._table):
            self._table = np.concatenate([self._table, np.empty_like(self._table)])
        self._table[rows, strings] = steps
        self._num_steps[strings] = rows + 1  # where a string is there several times, the last one stays

    def _put_changed(self, sampling_log_probs: NDArray[np.float64]) -> None:
        """Put in the probabilities of what was not drawn from the model as it is."""
        start = 0
        for _, draws in self._waiting:
            rows = slice(start, start + len(draws.ids))
            start = rows.stop
            if draws.sampling_log_probs is not None:
                sampling_log_probs[rows] = draws.sampling_log_probs


def _joined(arrays: Sequence[NDArray[Number]]) -> NDArray[Number]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
