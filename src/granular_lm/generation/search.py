"""The most likely strings, by a search that knows when it has proved its answer.

Each step makes a beginning less likely, so a beginning that is already less likely than the strings found can be left
out without loss. What the width of the beam makes the search leave out is noted: if the likeliest of that is less
likely than the strings found, no other string can be more likely, and the answer is proved.
"""

import math
from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from granular_lm.errors import SamplingError
from granular_lm.generation.prompts import Prefix
from granular_lm.generation.rules import Rules
from granular_lm.generation.sample import Sample, decoded, novelty
from granular_lm.generation.strategies import entropy_bits
from granular_lm.runtime import State, log_softmax, select_rows
from granular_lm.scoring import StepModel, read_from

FIRST_BEAM, WIDEST_BEAM, WIDENING = 256, 16_384, 4
MOST_CELLS = 2**23
"""Of the table of beginnings and tokens: some hundred megabytes."""


@dataclass(slots=True)
class Found:
    """The likeliest strings so far, each with the likeliest way to divide it into tokens.

    Attributes:
        n: How many are wanted.
        strings: Natural logarithm of the probability, and the tokens, by the bytes.
        lost: Natural logarithm of the probability of the likeliest beginning that was left out.
    """

    n: int
    strings: dict[bytes, tuple[float, list[int]]] = field(default_factory=dict)
    lost: float = -math.inf

    @property
    def bound(self) -> float:
        """What a string has to be more likely than, to be wanted."""
        log_probs = sorted((log_prob for log_prob, _ in self.strings.values()), reverse=True)
        return log_probs[self.n - 1] if len(log_probs) >= self.n else -math.inf

    @property
    def is_proved(self) -> bool:
        """Whether no string that was left out can be among the ``n`` likeliest."""
        return self.lost <= self.bound

    def add(self, data: bytes, log_prob: float, ids: list[int]) -> None:
        """Take in a string."""
        if data not in self.strings or self.strings[data][0] < log_prob:
            self.strings[data] = log_prob, ids


@dataclass(slots=True)
class _Beginnings:
    """Strings that have not ended, a row each.

    Attributes:
        ids: The tokens of each.
        log_probs: Natural logarithm of the probability of each, shape (B,).
        next_log_probs: Of the next token, shape (B, V).
        state: The model's.
        states: Of the constraint, shape (B,).
        num_bytes: Of each, shape (B,).
    """

    ids: list[list[int]]
    log_probs: NDArray[np.float64]
    next_log_probs: NDArray[np.floating]
    state: State
    states: NDArray[np.int32]
    num_bytes: NDArray[np.int64]


def most_likely(model: StepModel, rules: Rules, prompt: bytes, *, n: int, beam: int | None) -> list[list[int]]:
    """Return the tokens of the ``n`` most likely strings, the likeliest first.

    Args:
        model: What gives the probabilities.
        rules: What a string may be.
        prompt: What it begins with.
        n: How many.
        beam: How many beginnings are followed; None for as many as prove the answer.

    Raises:
        SamplingError: There are fewer strings, or the widest beam proves nothing.
    """
    width, found = beam or FIRST_BEAM, Found(n)
    _search(model, rules, prompt, width, found)
    while beam is None and not found.is_proved:
        if width * WIDENING > min(WIDEST_BEAM, MOST_CELLS // rules.codec.vocab_size):
            raise SamplingError(
                f"following {width} beginnings proves nothing: one that was left out has a probability of "
                f"{math.exp(found.lost):.2g}, the strings found have {math.exp(found.bound):.2g}; "
                "give a beam, a longer prompt, or a smaller n."
            )
        width, found.lost = width * WIDENING, -math.inf
        _search(model, rules, prompt, width, found)
    if len(found.strings) < n:
        raise SamplingError(
            f"only {len(found.strings)} of {n} strings of at most max_bytes={rules.max_bytes} were found; "
            "raise max_bytes or beam, or lower n."
        )
    best = sorted(found.strings.values(), key=lambda each: -each[0])[:n]
    return [ids for _, ids in best]


def described(model: StepModel, ids: list[int], documents: Container[bytes] | None) -> Sample:
    """Return a finished string as a sample that nothing about was drawn."""
    codec, steps = model.codec, [*ids, model.codec.stop_id]
    reading = read_from(model, model.initial_state(1))
    read = (reading.read(np.array([token_id])) for token_id in (codec.stop_id, *ids))
    log_probs = log_softmax(np.concatenate(list(read)))
    data = codec.decode_bytes(ids)
    return Sample(
        text=decoded(data, "replace"),
        data=data,
        ids=ids,
        log_probs=log_probs[np.arange(len(steps)), steps].astype(np.float64),
        sampling_log_probs=np.zeros(len(steps)),
        entropies=entropy_bits(log_probs),
        masked=np.zeros(len(steps)),
        byte_spans=[*codec.byte_spans(ids), (len(data), len(data))],
        ended_by="stop",
        novelty=novelty(data, documents),
    )


def _search(model: StepModel, rules: Rules, prompt: bytes, width: int, found: Found) -> None:
    """Follow the likeliest ``width`` beginnings, token by token, until none can lead to a string that is wanted."""
    prefix = Prefix(model, prompt, beam=width)
    found.lost = max(found.lost, prefix.lost)
    beginnings = _after_prompt(rules, prefix, width, found)
    while beginnings is not None:
        _take_finished(rules, beginnings, found)
        beginnings = _longer(model, rules, beginnings, width, found)


def _after_prompt(rules: Rules, prefix: Prefix, width: int, found: Found) -> _Beginnings | None:
    """Return the likeliest covers of the prompt that are allowed."""
    most = rules.max_bytes - len(prefix.data)
    fits = np.array([len(extra) <= most and rules.constraint.allows(extra) for extra in prefix.extra])
    chosen = _likeliest(np.where(fits, prefix.log_probs, -np.inf), width, found).tolist()
    if not chosen:
        return None
    next_log_probs, state = prefix.after(chosen)
    extra = [prefix.extra[cover] for cover in chosen]
    return _Beginnings(
        [prefix.cover(cover).ids for cover in chosen],
        prefix.log_probs[chosen],
        next_log_probs,
        state,
        np.array([rules.constraint.state_after(each) for each in extra], dtype=np.int32),
        len(prefix.data) + np.array([len(each) for each in extra]),
    )


def _take_finished(rules: Rules, beginnings: _Beginnings, found: Found) -> None:
    """Take in the strings that end here."""
    log_probs = beginnings.log_probs + beginnings.next_log_probs[:, rules.codec.stop_id]
    log_probs[~rules.constraint.may_end[beginnings.states]] = -np.inf
    log_probs[beginnings.num_bytes < rules.options.min_bytes] = -np.inf
    for row in np.argsort(-log_probs).tolist():
        if log_probs[row] <= found.bound:
            break
        ids = beginnings.ids[row]
        found.add(rules.codec.decode_bytes(ids), float(log_probs[row]), ids)


def _longer(model: StepModel, rules: Rules, beginnings: _Beginnings, width: int, found: Found) -> _Beginnings | None:
    """Return the likeliest beginnings that are one token longer."""
    is_allowed = rules.constraint.is_allowed[beginnings.states]
    is_allowed &= beginnings.num_bytes[:, None] + rules.codec.token_lengths <= rules.max_bytes
    is_allowed[:, rules.codec.stop_id] = False
    log_probs = beginnings.log_probs[:, None] + beginnings.next_log_probs
    chosen = _likeliest(np.where(is_allowed, log_probs, -np.inf).ravel(), width, found)
    if not len(chosen):
        return None
    rows, ids = np.divmod(chosen, rules.codec.vocab_size)
    next_log_probs, state = model.step(ids, select_rows(beginnings.state, rows))
    return _Beginnings(
        [[*beginnings.ids[row], token_id] for row, token_id in zip(rows.tolist(), ids.tolist(), strict=True)],
        log_probs.ravel()[chosen],
        next_log_probs,
        state,
        rules.constraint.after[beginnings.states[rows], ids],
        beginnings.num_bytes[rows] + rules.codec.token_lengths[ids],
    )


def _likeliest(log_probs: NDArray[np.float64], width: int, found: Found) -> NDArray[np.int64]:
    """Return which of some beginnings to follow, at most ``width``, and note the best of those left out."""
    wanted = np.flatnonzero(log_probs > found.bound)
    if len(wanted) <= width:
        return wanted
    by_rank = wanted[np.argsort(-log_probs[wanted], kind="stable")]
    found.lost = max(found.lost, float(log_probs[by_rank[width]]))
    return by_rank[:width]
