"""What happened at each step of several strings.

Drawing has no need of log-probabilities and entropies, only of logits; the rest is worked out afterwards, for many rows
at a time: for one string alone that is some hundreds of steps at once.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.generation.rules import Draws, Numbers

ROWS_AT_ONCE = 256
STEPS_AT_FIRST = 64
TINY = 1e-30
"""A weight below has lost digits in single precision, which its logarithm still has."""

Number = TypeVar("Number", bound=np.generic)


class Figures(NamedTuple):
    """What is told of steps, each array of shape (steps,).

    Attributes:
        log_probs: Natural logarithm of the token's probability under the model.
        sampling_log_probs: The same under the distribution that it was drawn from.
        entropies: Entropy of the model's distribution, in bits.
        masked: Share of the model's probability that was not allowed.
    """

    log_probs: NDArray[np.float64]
    sampling_log_probs: NDArray[np.float64]
    entropies: NDArray[np.float64]
    masked: NDArray[np.float64]


class Steps:
    """A table of steps, one column for each string.

    Args:
        num_strings: How many strings.
    """

    def __init__(self, num_strings: int) -> None:
        self._ids = np.empty((STEPS_AT_FIRST, num_strings), dtype=np.int32)
        self._figures = np.empty((len(Figures._fields), *self._ids.shape))
        self._num_steps = np.zeros(num_strings, dtype=np.int64)
        self._num_worked_out = 0
        self._strings = np.arange(num_strings)  # that what waits is of
        self._waiting: list[Draws] = []

    def note(self, strings: NDArray[np.int64], draws: Draws) -> None:
        """Note one more step of the strings that have not ended.

        Args:
            strings: Which, shape (B,): a string that is missing once is never there again. The same array as before
                where they are the same; it must not be changed.
            draws: What was drawn; kept for a while, not copied.
        """
        if strings is not self._strings:
            self._work_out()
            self._strings = strings
        self._waiting.append(draws)
        if len(self._waiting) * len(strings) >= ROWS_AT_ONCE:
            self._work_out()

    def ids(self, string: int) -> list[int]:
        """Return the tokens drawn for a string."""
        self._work_out()
        ids: list[int] = self._ids[: self._num_steps[string], string].tolist()
        return ids

    def figures(self, string: int, count: int) -> NDArray[np.float64]:
        """Return the first steps of a string, a row for each field of `Figures`; it is not to be kept or changed."""
        self._work_out()
        return self._figures[:, :count, string]

    def _work_out(self) -> None:
        """Empty what waits into the table: whatever string is left has had as many steps as there were."""
        if not self._waiting:
            return
        start = self._num_worked_out
        self._num_worked_out = end = start + len(self._waiting)
        while end > len(self._ids):
            self._ids = np.concatenate([self._ids, np.empty_like(self._ids)])
            self._figures = np.concatenate([self._figures, np.empty_like(self._figures)], axis=1)
        shape = len(self._waiting), len(self._strings)
        self._ids[start:end, self._strings] = _joined([draws.ids for draws in self._waiting]).reshape(shape)
        for row, figures in zip(self._figures, _figures(self._waiting), strict=True):
            row[start:end, self._strings] = figures.reshape(shape)
        self._num_steps[self._strings] = end
        self._waiting = []


def _figures(every_draws: Sequence[Draws]) -> Figures:
    """Return the figures of steps, one behind the other."""
    every_ids, every_logits, every_weights, every_factors, every_allowed, every_changed = zip(*every_draws, strict=True)
    ids, logits, weights, allowed = map(_joined, (every_ids, every_logits, every_weights, every_allowed))
    with np.errstate(divide="ignore", invalid="ignore"):
        removed = np.vecdot(weights, 1 - _joined(_widened(every_factors, every_weights)))
        totals = allowed + removed
        expected = np.vecdot(weights, logits) / totals
        if np.isnan(expected).any():  # 0 · log 0 is 0
            expected = np.vecdot(weights, np.maximum(logits, np.finfo(logits.dtype).min)) / totals
        rows = np.arange(len(ids))
        drawn = weights[rows, ids].astype(np.float64)
        of_ids = np.log(drawn)  # not the logits, which are not quite what the sums are of: no share is above 1 then
        if drawn.min() < TINY:
            of_ids = np.where(drawn < TINY, logits[rows, ids], of_ids)
        sampling_log_probs = of_ids - np.log(allowed)  # which may be too small a number
    if any(changed is not None for changed in every_changed):
        _put_changed(sampling_log_probs, every_draws)
    log_totals = np.log(totals)
    return Figures(
        log_probs=of_ids - log_totals,
        sampling_log_probs=sampling_log_probs,
        entropies=np.maximum(log_totals - expected, 0) / math.log(2),
        masked=removed / totals,
    )


def _put_changed(sampling_log_probs: NDArray[np.float64], every_draws: Sequence[Draws]) -> None:
    """Put in the probabilities of what was not drawn from the model as it is."""
    start = 0
    for draws in every_draws:
        rows = slice(start, start + len(draws.ids))
        start = rows.stop
        if draws.sampling_log_probs is not None:
            sampling_log_probs[rows] = draws.sampling_log_probs


def _widened(every_factors: Sequence[Numbers], every_weights: Sequence[Numbers]) -> Sequence[Numbers]:
    """Return the factors with a row for each string, where those of several steps are to be joined."""
    if len(every_factors) == 1:
        return every_factors
    return [
        factors if len(factors) == len(weights) else factors.repeat(len(weights), axis=0)
        for factors, weights in zip(every_factors, every_weights, strict=True)
    ]


def _joined(arrays: Sequence[NDArray[Number]]) -> NDArray[Number]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
