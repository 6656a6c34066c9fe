"""What is drawn next, and where a string ends: the options of sampling, made ready for one model and one prompt."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.automata import START, occurrences, over_tokens, run
from granular_lm.codecs.utf8 import MISSING_BYTES, state_after
from granular_lm.errors import ModelError, OptionError
from granular_lm.generation.constraints import Constraint
from granular_lm.generation.options import Options
from granular_lm.generation.prompts import Prefix
from granular_lm.generation.strategies import LogProbs, draw

Numbers = NDArray[np.floating]
Integers = NDArray[np.integer] | int
"""One number for each string; for a single string a number that is no array, which is several times as quick."""

MOST, LEAST = 60.0, 1e-10
"""Up to which largest logit, and from which sum of what is allowed, exponentials are used as they are.

No sum of them is too large a number then, and none that matters is too small a one.
"""

STOP_LENGTH = 2**40
"""Counted as the bytes of the stop: so one look at the length tells that a string is too long or has ended."""


class Draws(NamedTuple):
    """One token of each string, and what it was drawn from.

    Attributes:
        ids: The tokens, shape (B,).
        logits: The model's, or those less the largest of each string, shape (B, V).
        weights: The exponentials of those, shape (B, V).
        factors: Which tokens were allowed, 1 or 0, shape (B, V) or (1, V).
        allowed: Sum of the weights of all tokens that were allowed, shape (B,).
        sampling_log_probs: Natural logarithm of each token's probability as drawn; None if that is the model's among
            what was allowed. Shape (B,).
    """

    ids: NDArray[np.int64]
    logits: Numbers
    weights: Numbers
    factors: NDArray[np.float32]
    allowed: Numbers
    sampling_log_probs: Numbers | None


class Covers(NamedTuple):
    """One cover of the prompt for each string, each array of shape (B,).

    Attributes:
        indices: Which covers.
        log_probs: Natural logarithm of their probability as drawn, given the prompt.
        masked: Share of the covers' probability that was not allowed.
    """

    indices: NDArray[np.int64]
    log_probs: Numbers
    masked: Numbers


class Rules:
    """The rules of one call.

    Args:
        codec: Of the model.
        options: What was asked for.
        prompt: What every string begins with.

    Attributes:
        lengths: Bytes of each token, `STOP_LENGTH` for the stop, shape (V,).
        max_bytes: How long a string may be.

    Raises:
        OptionError: The prompt leaves no room, or nothing may follow it.
    """

    def __init__(self, codec: Codec, options: Options, prompt: bytes) -> None:
        self.codec = codec
        self.options = options
        self.constraint = Constraint.of(codec, prompt, valid_utf8=options.valid_utf8, ban=options.ban_bytes)
        self.stop_strings = StopStrings(codec, options.stop_bytes) if options.stop else None
        self._is_plain = options.changes_nothing
        self.lengths = codec.token_lengths.astype(np.int64)
        self.lengths[codec.stop_id] = STOP_LENGTH
        self.max_bytes = options.limit(len(prompt))
        least = len(prompt) + self._least_room(prompt)
        if self.max_bytes < least:
            raise OptionError(
                f"max_bytes={self.max_bytes} leaves no room after the prompt of {len(prompt)} bytes; "
                f"give at least {least}."
            )

    def draw(
        self,
        logits: NDArray[np.floating],
        factors: NDArray[np.float32],
        uniforms: Numbers,
        *,
        step: int,
        is_seen: NDArray[np.bool_] | None,
    ) -> Draws:
        """Draw one token of each string.

        The limit on bytes has no part in it: a string is drawn as if there were none, and cut where it passes it.
        Leaving out what does not fit would make strings that end just before the limit too frequent.

        Args:
            logits: The model's, shape (B, V); the largest of each string may be taken off, in place.
            factors: Which tokens may follow, 1 or 0, shape (B, V) or (1, V).
            uniforms: Random numbers from 0 to 1, shape (B,).
            step: How many tokens have been drawn before.
            is_seen: Which tokens the strings already have, shape (B, V), if the strategy asks for it.

        Raises:
            OptionError: A string has nothing left that may follow.
        """
        if self._is_plain and logits.item(logits.argmax()) < MOST:
            weights = np.exp(logits)
            ids, allowed = draw(weights * factors, uniforms)
            if _least(allowed) > LEAST:
                return Draws(ids, logits, weights, factors, allowed, None)
        logits -= logits.max(axis=-1, keepdims=True)
        weights = np.exp(logits)
        allowed = (weights * factors).sum(axis=-1, dtype=np.float64)
        changed = self._changed(logits, factors > 0, step=step, is_seen=is_seen)
        ids, _ = draw(np.exp(changed), uniforms)
        return Draws(ids, logits, weights, factors, allowed, changed[np.arange(len(ids)), ids])

    def draw_covers(self, prefix: Prefix, uniforms: Numbers) -> Covers:
        """Draw a cover of the prompt for each random number; the strategy is applied to covers as it is to tokens."""
        none = np.zeros(len(uniforms))
        if prefix.log_prob == -np.inf:  # impossible under the model; the prompt is written all the same
            return Covers(none.astype(np.int64), none, none)
        log_probs = (prefix.log_probs - prefix.log_prob)[None]
        more = self.options.min_bytes - len(prefix.data)
        is_allowed = np.array([[self.constraint.allows(extra, more=more - len(extra)) for extra in prefix.extra]])
        changed = self._changed(log_probs, is_allowed, step=0, is_seen=None)
        indices, _ = draw(np.repeat(np.exp(changed), len(uniforms), axis=0), uniforms)
        return Covers(indices, changed[0, indices], none + np.exp(log_probs[~is_allowed]).sum())

    def _least_room(self, prompt: bytes) -> int:
        """Return how many bytes have to fit after the prompt: those that end the character that it ends in."""
        missing = int(MISSING_BYTES[state_after(prompt)]) if self.options.valid_utf8 else 0
        return max(1, missing)

    def _ways_out(self) -> str:
        """Return which of the options given may be loosened."""
        ways = [f"ban fewer strings than these {len(self.options.ban)}"] if self.options.ban else []
        ways += [f"lower min_bytes={self.options.min_bytes}"] if self.options.min_bytes else []
        ways += ["give valid_utf8=False"] if self.options.valid_utf8 else []
        return ", or ".join(ways) or "the model gives no token a probability"

    def _changed(
        self,
        logits: NDArray[np.floating],
        is_allowed: NDArray[np.bool_],
        *,
        step: int,
        is_seen: NDArray[np.bool_] | None,
    ) -> LogProbs:
        """Return the distribution to draw from, by way of logarithms: nothing is too small for those."""
        if np.isnan(logits).any():
            raise ModelError("the model gives NaN for a probability; its weights are no use, train it again.")
        allowed = np.where(is_allowed, logits.astype(np.float64), -np.inf)
        if (allowed.max(axis=-1) == -np.inf).any():
            raise OptionError(f"a string has come to where nothing may follow; {self._ways_out()}.")
        return self.options.apply(allowed, step=step, is_seen=is_seen)


def _least(values: NDArray[np.floating]) -> np.floating:
    """Return the smallest of some numbers; NaN if one of them is."""
    least: np.floating = values[0] if len(values) == 1 else np.minimum.reduce(values)
    return least


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

    def after(self, states: Integers, ids: Integers) -> Integers:
        """Return the state of each string after one more token."""
        after = self._tokens[states, ids]
        return after if isinstance(after, np.ndarray) else int(after)

    def is_found(self, states: Integers) -> NDArray[np.bool_] | np.bool_:
        """Whether one of the strings has been read."""
        is_found: NDArray[np.bool_] | np.bool_ = self._is_found[states]
        return is_found

    def cut(self, data: bytes, start: int) -> bytes:
        """Return what stands before the string that is complete first, looked for from ``start``."""
        state = START
        for end in range(start, len(data)):
            state = int(self._bytes[state, data[end]])
            if self._is_found[state]:
                complete = data[start : end + 1]
                return data[: end + 1 - max(len(each) for each in self._strings if complete.endswith(each))]
        return data

    def begun(self, data: bytes) -> int:
        """Return how many bytes at the end of ``data`` may begin one of the strings."""
        longest = min(len(data), max(map(len, self._strings)) - 1)
        beginnings = (length for length in range(longest, 0, -1) if self._begins_with(data[-length:]))
        return next(beginnings, 0)

    def _begins_with(self, data: bytes) -> bool:
        return any(string.startswith(data) for string in self._strings)
