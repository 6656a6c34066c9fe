"""Several strings being drawn at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.utf8 import (
    BETWEEN_CHARACTERS,
    MISSING_BYTES,
    REJECTED,
    state_after,
    token_transitions,
)
from granular_lm.errors import OptionError
from granular_lm.generation.sample import Sample
from granular_lm.generation.strategies import LogProbs, Strategy, draw
from granular_lm.runtime import State, select_rows
from granular_lm.scoring import StepModel
from granular_lm.text import to_bytes

UNIFORMS_AT_ONCE = 64
MOST_BYTES = 2**31


class Rules:
    """What may be drawn next, and how likely it then is.

    Args:
        codec: Of the model.
        strategy: Changes to the distribution.
        max_bytes: Longest string.
        valid_utf8: Whether every string has to be valid UTF-8.
    """

    def __init__(self, codec: Codec, strategy: Strategy, *, max_bytes: int, valid_utf8: bool) -> None:
        if not 1 <= max_bytes <= MOST_BYTES:
            raise OptionError(f"max_bytes={max_bytes} is not accepted; give a whole number from 1 to {MOST_BYTES}.")
        self.codec = codec
        self.strategy = strategy
        self.max_bytes = max_bytes
        self.valid_utf8 = valid_utf8
        no_constraint = np.zeros((REJECTED + 1, codec.vocab_size), dtype=np.uint8)
        self._transitions = token_transitions(codec) if valid_utf8 else no_constraint

    def state_after_prompt(self, data: bytes) -> int:
        """Return the state of the UTF-8 automaton after the prompt.

        Raises:
            OptionError: Nothing fits after the prompt, or not the rest of the character that it ends in.
        """
        state = state_after(data) if self.valid_utf8 else BETWEEN_CHARACTERS
        least = len(data) + max(1, int(MISSING_BYTES[state]))
        if self.max_bytes < least:
            raise OptionError(
                f"max_bytes={self.max_bytes} leaves no room after the prompt of {len(data)} bytes; "
                f"give at least {least}."
            )
        return state

    def distribution(self, log_probs: NDArray[np.float32], utf8_state: NDArray[np.uint8]) -> LogProbs:
        """Return the distribution to draw from, shape (B, V).

        The limit on bytes has no part in it: a string is drawn as if there were none, and cut where it passes it.
        Leaving out what does not fit would make strings that end just before the limit too frequent.

        Args:
            log_probs: The model's, shape (B, V).
            utf8_state: State of the UTF-8 automaton, shape (B,).
        """
        is_allowed = self._transitions[utf8_state] != REJECTED
        is_allowed[:, self.codec.stop_id] = utf8_state == BETWEEN_CHARACTERS
        return self.strategy.apply(np.where(is_allowed, log_probs.astype(np.float64), -np.inf))

    def utf8_state_after(self, utf8_state: NDArray[np.uint8], ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the state of the UTF-8 automaton after one more token."""
        after: NDArray[np.uint8] = self._transitions[utf8_state, ids]
        return after


@dataclass(slots=True)
class _Steps:
    """What happened to one string so far."""

    ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    sampling_log_probs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    finished: bool = False
    whole_characters: int = 0  # as many of the ids end between characters

    def cut_to_whole_characters(self) -> None:
        """Take back the tokens of a character that was begun and does not fit."""
        for steps in (self.ids, self.log_probs, self.sampling_log_probs, self.entropies):
            del steps[self.whole_characters :]


class Drawing:
    """A batch of strings, drawn token by token; a string that ends leaves the batch at once.

    Args:
        model: What to draw from.
        rules: What may be drawn.
        prompt: What each string begins with.
        seed: Of the random numbers.
        indices: Which of the seed's random streams to use: string ``i`` is the same in every batch.
    """

    _log_probs: NDArray[np.float32]  # of the next token, (B, V)
    _state: State
    _utf8_state: NDArray[np.uint8]  # (B,)
    _num_bytes: NDArray[np.int64]  # (B,)
    _block: NDArray[np.float64]  # random numbers, (strings, UNIFORMS_AT_ONCE)

    def __init__(self, model: StepModel, rules: Rules, prompt: str, *, seed: int, indices: Sequence[int]) -> None:
        self._model, self._rules = model, rules
        self._streams = [np.random.default_rng([seed, index]) for index in indices]
        self._steps = [_Steps() for _ in indices]
        self._active = np.arange(len(indices))
        self._num_drawn = 0
        self._read_prompt(prompt)

    @property
    def is_active(self) -> bool:
        """Whether any string is still being drawn."""
        return len(self._active) > 0

    def advance(self) -> None:
        """Draw the next token of every active string."""
        allowed = self._rules.distribution(self._log_probs, self._utf8_state)
        ids = draw(allowed, self._uniforms())
        num_bytes = self._num_bytes + self._rules.codec.token_lengths[ids]
        fits = num_bytes <= self._rules.max_bytes
        for index in self._active[~fits]:
            self._steps[index].cut_to_whole_characters()
        self._utf8_state = self._rules.utf8_state_after(self._utf8_state, ids)
        self._num_bytes = num_bytes
        self._record(np.flatnonzero(fits), ids, allowed[np.arange(len(ids)), ids])
        goes_on = fits & (ids != self._rules.codec.stop_id)
        if not goes_on.all():
            self._keep(np.flatnonzero(goes_on))
        if self.is_active:
            self._log_probs, self._state = self._model.step(ids[goes_on], self._state)

    def samples(self) -> list[Sample]:
        """Return the strings as they stand."""
        return [_sample(self._rules.codec, steps) for steps in self._steps]

    def _read_prompt(self, prompt: str) -> None:
        """Read the stop and the prompt once, for all strings."""
        data = to_bytes(prompt)
        utf8_state = self._rules.state_after_prompt(data)
        codec, count = self._rules.codec, len(self._active)
        self._utf8_state = np.full(count, BETWEEN_CHARACTERS, dtype=np.uint8)  # a prompt is never taken back
        state = self._model.initial_state(1)
        self._log_probs, state = self._model.step(np.array([codec.stop_id]), state)
        for token_id in codec.encode(prompt):
            self._record(np.arange(count), np.full(count, token_id), np.zeros(count))
            self._log_probs, state = self._model.step(np.array([token_id]), state)
        self._log_probs = np.repeat(self._log_probs, count, axis=0)
        self._state = select_rows(state, np.zeros(count, dtype=np.int64))
        self._utf8_state = np.full(count, utf8_state, dtype=np.uint8)
        self._num_bytes = np.full(count, len(data), dtype=np.int64)

    def _record(self, rows: NDArray[np.int64], ids: NDArray[np.int64], sampling_log_probs: NDArray[np.float64]) -> None:
        """Note one step of some of the active strings, before the model has read its token."""
        model_rows = np.broadcast_to(self._log_probs, (len(ids), self._log_probs.shape[-1]))
        log_probs = model_rows[np.arange(len(ids)), ids].tolist()
        entropies = np.broadcast_to(_entropy_bits(self._log_probs), len(ids)).tolist()
        for row in rows.tolist():
            steps = self._steps[self._active[row]]
            steps.log_probs.append(log_probs[row])
            steps.sampling_log_probs.append(float(sampling_log_probs[row]))
            steps.entropies.append(entropies[row])
            if ids[row] == self._rules.codec.stop_id:
                steps.finished = True
                continue
            steps.ids.append(int(ids[row]))
            if self._utf8_state[row] == BETWEEN_CHARACTERS:
                steps.whole_characters = len(steps.ids)

    def _keep(self, rows: NDArray[np.int64]) -> None:
        """Let all strings but these rows leave the batch."""
        self._active = self._active[rows]
        self._utf8_state = self._utf8_state[rows]
        self._num_bytes = self._num_bytes[rows]
        self._state = select_rows(self._state, rows)

    def _uniforms(self) -> NDArray[np.float64]:
        """Return the next random number of each active string, from its own stream."""
        position = self._num_drawn % UNIFORMS_AT_ONCE
        if position == 0:
            self._block = np.stack([stream.random(UNIFORMS_AT_ONCE) for stream in self._streams])
        self._num_drawn += 1
        uniforms: NDArray[np.float64] = self._block[self._active, position]
        return uniforms


def _entropy_bits(log_probs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return -Σ p log2 p of each row."""
    nats = np.maximum(log_probs.astype(np.float64), np.finfo(np.float64).min)  # 0 · log 0 is 0
    bits: NDArray[np.float64] = -(np.exp(nats) * nats).sum(axis=-1) / np.log(2)
    return bits


def _sample(codec: Codec, steps: _Steps) -> Sample:
    data = codec.decode_bytes(steps.ids)
    spans = codec.byte_spans(steps.ids)
    return Sample(
        text=data.decode("utf-8", "replace"),
        data=data,
        ids=steps.ids,
        log_probs=np.array(steps.log_probs),
        sampling_log_probs=np.array(steps.sampling_log_probs),
        entropies=np.array(steps.entropies),
        byte_spans=[*spans, (len(data), len(data))] if steps.finished else spans,
        finished=steps.finished,
    )
