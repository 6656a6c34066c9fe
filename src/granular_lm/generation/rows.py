"""Where the strings that are being drawn have come to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from granular_lm.generation.rules import Integers, Rules


class Rows:
    """The rows of a batch: where each string is in the automata of the rules, and how long it is.

    Args:
        rules: What may be drawn.
        given: Bytes of the prompt.
        extra: What each string has after them.
    """

    def __init__(self, rules: Rules, given: int, extra: Sequence[bytes]) -> None:
        self._rules = rules
        self._after = rules.constraint.after
        self._num_bytes = _numbers([given + len(each) for each in extra])
        self._states = _numbers([rules.constraint.state_after(each) for each in extra])
        self._stop_states = _numbers([rules.stop_strings.start(each) if rules.stop_strings else 0 for each in extra])

    @property
    def num_bytes(self) -> NDArray[np.integer]:
        """The bytes of each string, its stop counted as `STOP_LENGTH`, shape (B,)."""
        return np.atleast_1d(self._num_bytes)

    def factors(self) -> NDArray[np.float32]:
        """Return 1 for each token that may follow and 0 for the others; it is not to be changed.

        Its shape is (B, V), or (1, V) where all strings are in one state, as they mostly are between characters.
        """
        rules, states = self._rules, self._states
        if not isinstance(states, int) and (states == states[0]).all():
            states = int(states[0])
        weights = rules.constraint.weights
        factors = weights[states : states + 1] if isinstance(states, int) else weights[states]
        if rules.options.min_bytes:
            factors = factors * self._is_long_enough()
        return factors

    def _is_long_enough(self) -> NDArray[np.bool_]:
        """Return which tokens leave a string that has ``min_bytes``, or may have them in the end."""
        rules, least = self._rules, self._rules.options.min_bytes
        is_long = np.ones((*np.shape(self._num_bytes), len(rules.lengths)), dtype=bool)
        if (most := rules.constraint.most_bytes) is not None:
            is_long = np.expand_dims(self._num_bytes, -1) + rules.lengths + most[self._after[self._states]] >= least
        is_long[..., rules.codec.stop_id] = self._num_bytes >= least
        return is_long

    def append(self, ids: NDArray[np.int64]) -> None:
        """Add one token to each string."""
        rules, last = self._rules, ids if len(ids) > 1 else ids.item()
        if isinstance(last, int):
            self._num_bytes += rules.lengths.item(last)
            self._states = self._after.item(self._states, last)
        else:
            self._num_bytes = self._num_bytes + rules.lengths[last]
            self._states = self._after[self._states, last]
        if rules.stop_strings is not None:
            self._stop_states = rules.stop_strings.after(self._stop_states, last)

    def has_ended(self) -> NDArray[np.bool_] | None:
        """Return which strings are too long or have come to a stop, shape (B,); None if it is none of them."""
        has_ended: NDArray[np.bool_] | np.bool_ | bool = self._num_bytes > self._rules.max_bytes
        if self._rules.stop_strings is not None:
            has_ended = has_ended | self._rules.stop_strings.is_found(self._stop_states)
        if not isinstance(has_ended, np.ndarray):
            return np.atleast_1d(has_ended) if has_ended else None
        return has_ended if np.count_nonzero(has_ended) else None

    def keep(self, order: NDArray[np.int64]) -> None:
        """Keep some of the strings, in the order given."""
        self._num_bytes, self._states, self._stop_states = (
            _numbers(np.atleast_1d(each)[order]) for each in (self._num_bytes, self._states, self._stop_states)
        )


def _numbers(values: Sequence[int] | NDArray[np.integer]) -> Integers:
    return np.array(values, dtype=np.int64) if len(values) != 1 else int(values[0])
