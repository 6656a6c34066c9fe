"""What happened at each step of several strings.

Drawing has no need of log-probabilities and entropies, so they are worked out afterwards, for many rows at a time:
for one string alone that is some hundreds of steps at once.
"""

import numpy as np
from numpy.typing import NDArray

from granular_lm.generation.rules import Draws
from granular_lm.generation.strategies import entropy_bits

ROWS_AT_ONCE = 256
STEPS_AT_FIRST = 64
ROUNDING = 1e-5
"""Probabilities in single precision miss one by less in their sum; so little is no share that was masked."""

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
        self._waiting: list[tuple[NDArray[np.int64], NDArray[np.floating], Draws]] = []
        self._num_waiting = 0

    def note(self, strings: NDArray[np.int64], log_probs: NDArray[np.floating], draws: Draws) -> None:
        """Note one more step of some strings.

        Args:
            strings: Which, shape (B,).
            log_probs: The model's, shape (B, V); kept for a while, not copied.
            draws: What was drawn.
        """
        self._waiting.append((strings, log_probs, draws))
        self._num_waiting += len(strings)
        if self._num_waiting >= ROWS_AT_ONCE:
            self._work_out()

    def of(self, string: int) -> NDArray[np.void]:
        """Return the steps of one string, a structured array of type `STEP`."""
        if self._waiting:
            self._work_out()
        return self._table[: self._num_steps[string], string]

    def _work_out(self) -> None:
        strings = np.concatenate([strings for strings, _, _ in self._waiting])
        log_probs = np.concatenate([log_probs for _, log_probs, _ in self._waiting])
        ids = np.concatenate([draws.ids for _, _, draws in self._waiting])
        allowed = np.concatenate([draws.allowed for _, _, draws in self._waiting])
        numbers = self._numbers()
        steps = np.empty(len(ids), dtype=STEP)
        steps["id"] = ids
        steps["log_prob"] = log_probs[np.arange(len(ids)), ids]
        steps["sampling_log_prob"] = self._sampling_log_probs(steps["log_prob"])
        steps["entropy"] = entropy_bits(log_probs)
        steps["masked"] = np.where(1 - allowed > ROUNDING, 1 - allowed, 0.0)
        self._table[numbers, strings] = steps
        self._waiting, self._num_waiting = [], 0

    def _sampling_log_probs(self, log_probs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of each waiting row's probability as drawn."""
        parts, start = [], 0
        for _, _, draws in self._waiting:
            rows = slice(start, start + len(draws.ids))
            start = rows.stop
            changed = draws.sampling_log_probs
            parts.append(log_probs[rows] - np.log(draws.allowed) if changed is None else changed)
        return np.concatenate(parts)

    def _numbers(self) -> NDArray[np.int64]:
        """Return which step of its string each waiting row is, and count them."""
        numbers = []
        for strings, _, _ in self._waiting:
            numbers.append(self._num_steps[strings])
            self._num_steps[strings] += 1
        while self._num_steps.max() > len(self._table):
            self._table = np.concatenate([self._table, np.empty_like(self._table)])
        return np.concatenate(numbers)
