"""What may be drawn next: tables over the states of an automaton and the tokens of a codec.

One automaton keeps strings valid UTF-8 and free of banned strings. States from which no string can end well are taken
out of it beforehand, so whatever is drawn can be finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.automata import START, States, occurrences, over_tokens, run
from granular_lm.codecs.utf8 import BETWEEN_CHARACTERS, NEXT_STATE, REJECTED, state_after
from granular_lm.errors import OptionError

ANY_BYTE = np.zeros((1, 256), dtype=np.int32)
GONE = -1
ENDLESS = 2**40
"""Counted as the most bytes that may follow, where there is no end to it."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """Which tokens may follow, and which state they lead to.

    Attributes:
        start: The state after the prompt.
        next_state: After a byte, shape (states, 256); the last state is where all ends up that is not allowed.
        after: The state after a token, shape (states, V).
        is_allowed: Whether a token may follow, shape (states, V).
        weights: The same as factors, 1 or 0, float32.
        may_end: Whether a string may end in a state, shape (states,): the stop may follow, a limit may cut.
    """

    start: int
    next_state: States
    after: States
    is_allowed: NDArray[np.bool_]
    weights: NDArray[np.float32]
    may_end: NDArray[np.bool_]

    @classmethod
    def of(cls, codec: Codec, prompt: bytes, *, valid_utf8: bool, ban: Sequence[bytes] = ()) -> "Constraint":
        """Return the constraint on what follows a prompt; the prompt itself may be anything.

        Args:
            codec: Of the model.
            prompt: What the string begins with.
            valid_utf8: Whether the string has to be valid UTF-8.
            ban: Strings that must not occur, even if they begin within the prompt.

        Raises:
            OptionError: Nothing at all may follow the prompt.
        """
        start = state_after(prompt) if valid_utf8 else BETWEEN_CHARACTERS
        if not ban:
            return replace(codec.derived(_valid_utf8 if valid_utf8 else _any_bytes), start=start)
        utf8 = NEXT_STATE if valid_utf8 else ANY_BYTE
        banned, is_end = occurrences(ban)
        after_prompt = start * len(banned) + run(banned, prompt)
        table, states = _product(utf8, banned, is_end, after_prompt)
        may_end = np.append(states // len(banned) == BETWEEN_CHARACTERS, False)
        constraint = _over_tokens(codec, _trimmed(table, may_end), may_end)
        start = int(np.searchsorted(states, after_prompt))
        if not constraint.is_allowed[start].any():
            raise OptionError(f"the {len(ban)} strings of ban=... leave nothing that may follow the prompt; ban fewer.")
        return replace(constraint, start=start)

    def state_after(self, extra: bytes) -> int:
        """Return the state after bytes that follow the prompt."""
        return run(self.next_state, extra, self.start)

    def allows(self, extra: bytes, *, more: int = 0) -> bool:
        """Whether bytes may follow the prompt, and so many more after them."""
        state = self.state_after(extra)
        has_room = more <= 0 or self.most_bytes is None or self.most_bytes[state] >= more
        return state != len(self.next_state) - 1 and bool(has_room)

    @cached_property
    def most_bytes(self) -> NDArray[np.int64] | None:
        """How many bytes may follow each state at most, `GONE` where none may end; None if none has an end."""
        table = self.next_state
        goes_on = np.arange(len(table)) < len(table) - 1
        while (fewer := goes_on & goes_on[table].any(axis=1)).sum() < goes_on.sum():
            goes_on = fewer
        if goes_on[:-1].all():
            return None
        most = np.where(goes_on, ENDLESS, np.where(self.may_end, 0, GONE))
        while True:
            after = most[table].max(axis=1)
            longer = np.where(goes_on | (after == GONE), most, np.maximum(most, after + 1))
            if (longer == most).all():
                return most
            most = longer


def _valid_utf8(codec: Codec) -> Constraint:
    return _of_one_automaton(codec, NEXT_STATE)


def _any_bytes(codec: Codec) -> Constraint:
    return _of_one_automaton(codec, np.vstack([ANY_BYTE, ANY_BYTE + 1]))


def _of_one_automaton(codec: Codec, table: NDArray[np.integer]) -> Constraint:
    may_end = np.zeros(len(table), dtype=bool)
    may_end[BETWEEN_CHARACTERS] = True
    return _over_tokens(codec, table.astype(np.int32), may_end)


def _over_tokens(codec: Codec, table: States, may_end: NDArray[np.bool_]) -> Constraint:
    after = over_tokens(table, codec)
    is_allowed = after != len(table) - 1
    is_allowed[:, codec.stop_id] = may_end
    return Constraint(START, table, after, is_allowed, is_allowed.astype(np.float32), may_end)


def _product(
    utf8: NDArray[np.integer], banned: States, is_end: NDArray[np.bool_], after_prompt: int
) -> tuple[States, NDArray[np.int64]]:
    """Return the automaton that follows both at once, and which pairs its states are: utf8 · states of banned + banned.

    Only the pairs that can be reached are in it, so it is hardly larger than the larger of the two.
    """

    def following(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        first, second = utf8[pairs // len(banned)].astype(np.int64), banned[pairs % len(banned)]
        return np.where((first == REJECTED) | is_end[second], GONE, first * len(banned) + second)

    states = frontier = np.unique(np.array([START, after_prompt]))
    while len(frontier):
        frontier = np.setdiff1d(following(frontier), [GONE, *states])
        states = np.union1d(states, frontier)
    table = following(states)
    table = np.where(table == GONE, len(states), np.searchsorted(states, table)).astype(np.int32)
    return np.vstack([table, np.full((1, 256), len(states), dtype=np.int32)]), states


def _trimmed(table: States, may_end: NDArray[np.bool_]) -> States:
    """Return the automaton without the states from which no state is reached in which a string may end."""
    lives = may_end
    while (more := lives | lives[table].any(axis=1)).sum() > lives.sum():
        lives = more
    return np.where(lives[table], table, np.int32(len(table) - 1))
