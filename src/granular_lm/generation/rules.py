"""What is drawn next, and where a string ends: the options of sampling, made ready for one model and one prompt."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.automata import START, occurrences, over_tokens, run
from granular_lm.codecs.utf8 import MISSING_BYTES, state_after
from granular_lm.errors import OptionError
from granular_lm.generation.constraints import Constraint
from granular_lm.generation.options import Options
from granular_lm.generation.prompts import Prefix
from granular_lm.generation.strategies import LogProbs, draw

Numbers = NDArray[np.floating]


class Draws(NamedTuple):
    """One token of each string, each array of shape (B,).

    Attributes:
        ids: The tokens.
        weights: What each weighed among those it was drawn from.
        totals: What all of those weighed.
        allowed: The model's probability of all tokens that were allowed.
    """

    ids: NDArray[np.int64]
    weights: Numbers
    totals: Numbers
    allowed: Numbers


class Rules:
    """The rules of one call.

    Args:
        codec: Of the model.
        options: What was asked for.
        prompt: What every string begins with.

    Raises:
        OptionError: The prompt leaves no room, or nothing may follow it.
    """

    def __init__(self, codec: Codec, options: Options, prompt: bytes) -> None:
        self.codec = codec
        self.options = options
        self.strategy = options.strategy
        self.constraint = Constraint.of(codec, prompt, valid_utf8=options.valid_utf8, ban=options.ban_bytes)
        self.stop_strings = StopStrings(codec, options.stop_bytes) if options.stop else None
        self._is_plain = self.strategy.changes_nothing
        least = len(prompt) + self._least_room(prompt)
        if options.max_bytes < least:
            raise OptionError(
                f"max_bytes={options.max_bytes} leaves no room after the prompt of {len(prompt)} bytes; "
                f"give at least {least}."
            )

    def draw(
        self,
        log_probs: NDArray[np.floating],
        states: NDArray[np.int32],
        num_bytes: NDArray[np.int64],
        uniforms: Numbers,
        *,
        step: int,
        is_seen: NDArray[np.bool_] | None,
    ) -> Draws:
        """Draw one token of each string.

        The limit on bytes has no part in it: a string is drawn as if there were none, and cut where it passes it.
        Leaving out what does not fit would make strings that end just before the limit too frequent.

        Args:
            log_probs: The model's, shape (B, V).
            states: Of the constraint, shape (B,).
            num_bytes: Of the strings so far, shape (B,).
            uniforms: Random numbers from 0 to 1, shape (B,).
            step: How many tokens have been drawn before.
            is_seen: Which tokens the strings already have, shape (B, V), if the strategy asks for it.

        Raises:
            OptionError: A string has nothing left that may follow.
        """
        is_allowed = self.constraint.is_allowed[states]
        if self.options.min_bytes:
            is_allowed[:, self.codec.stop_id] &= num_bytes >= self.options.min_bytes
        weights = np.exp(log_probs)
        weights *= is_allowed
        cumulative = weights.cumsum(axis=-1, dtype=np.float64)
        allowed = cumulative[:, -1]
        if not self._is_plain or not allowed.all():
            weights = np.exp(self._changed(log_probs, is_allowed, step=step, is_seen=is_seen))
            cumulative = weights.cumsum(axis=-1)
        ids = draw(cumulative, uniforms)
        return Draws(ids, weights[np.arange(len(ids)), ids], cumulative[:, -1], allowed)

    def draw_cover(self, prefix: Prefix, uniforms: Numbers) -> Draws:
        """Draw what covers the prompt, one cover for each random number; the ids are the indices of covers.

        The strategy is applied to the covers as it is to tokens.
        """
        if prefix.log_prob == -np.inf:  # impossible under the model; the prompt is written all the same
            one = np.ones(len(uniforms))
            return Draws(np.zeros(len(uniforms), dtype=np.int64), one, one, one)
        log_probs = (prefix.log_probs - prefix.log_prob)[None]
        is_allowed = np.array([[self.constraint.allows(extra) for extra in prefix.extra]])
        weights = np.exp(self._changed(log_probs, is_allowed, step=0, is_seen=None))
        cumulative = np.repeat(weights.cumsum(axis=-1), len(uniforms), axis=0)
        ids = draw(cumulative, uniforms)
        allowed = np.full(len(uniforms), np.exp(log_probs[is_allowed]).sum())
        return Draws(ids, weights[0, ids], cumulative[:, -1], allowed)

    def _least_room(self, prompt: bytes) -> int:
        """Return how many bytes have to fit after the prompt: what ends the character that it ends in, surely."""
        missing = int(MISSING_BYTES[state_after(prompt)]) if self.options.valid_utf8 else 0
        return missing - 1 + int(self.codec.token_lengths.max()) if missing else 1

    def _changed(
        self,
        log_probs: NDArray[np.floating],
        is_allowed: NDArray[np.bool_],
        *,
        step: int,
        is_seen: NDArray[np.bool_] | None,
    ) -> LogProbs:
        """Return the distribution to draw from, by way of logarithms: nothing is too small for those."""
        allowed = np.where(is_allowed, log_probs.astype(np.float64), -np.inf)
        if (allowed.max(axis=-1) == -np.inf).any():
            raise OptionError(
                "a string has come to where nothing may follow; "
                f"ban fewer strings, or lower min_bytes={self.options.min_bytes}."
            )
        return self.strategy.apply(allowed, step=step, is_seen=is_seen)


class StopStrings:
    """Strings before which a sample ends.

    Args:
        codec: Of the model.
        strings: What ends a sample, each at least one byte long.
    """

    def __init__(self, codec: Codec, strings: list[bytes]) -> None:
        self._strings = strings
        table, is_end = occurrences(strings)
        table[is_end] = np.flatnonzero(is_end)[:, None]  # once found, always found
        self._bytes, self._tokens, self._is_found = table, over_tokens(table, codec), is_end

    def start(self, data: bytes) -> int:
        """Return the state after bytes that follow the prompt; a string that began within the prompt is none."""
        return run(self._bytes, data, START)

    def after(self, states: NDArray[np.int32], ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the state of each string after one more token."""
        return self._tokens[states, ids]

    def is_found(self, states: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether one of the strings has been read."""
        return self._is_found[states]

    def cut(self, data: bytes, start: int) -> bytes:
        """Return what stands before the first of the strings, looked for from ``start``."""
        found = (data.find(string, start) for string in self._strings)
        return data[: min((position for position in found if position >= 0), default=len(data))]

    def certain(self, data: bytes) -> int:
        """Return how many of the bytes stay, whatever follows: the rest may begin one of the strings."""
        longest = min(len(data), max(map(len, self._strings)) - 1)
        for length in range(longest, 0, -1):
            if any(string.startswith(data[-length:]) for string in self._strings):
                return len(data) - length
        return len(data)
