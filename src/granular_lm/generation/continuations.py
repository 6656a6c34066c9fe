"""What may come next after a text, as whole characters, the likeliest first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.automata import run
from granular_lm.codecs.utf8 import BETWEEN_CHARACTERS, NEXT_STATE, REJECTED, begun_character, state_after
from granular_lm.generation.prompts import Prefix
from granular_lm.runtime import State
from granular_lm.scoring import StepModel


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the next token adds to a text, with the tokens that complete the character it ends in.

    Attributes:
        text: What is added; empty for the end of the string. A character that the text has begun is in it whole.
        data: The bytes that are added.
        probability: That the model goes on with these tokens, the likeliest that write it.
    """

    text: str
    data: bytes
    probability: float


class _Beginnings(NamedTuple):
    """All ways to divide a text into tokens, read by the model."""

    log_weights: NDArray[np.floating]  # of each, given the text that was asked about, (K,)
    log_probs: NDArray[np.floating]  # of the next token, (K, V)
    state: State


class _Candidate(NamedTuple):
    """Bytes that may follow, by one token or another.

    Attributes:
        extra: The bytes.
        probability: Of all those tokens.
        reads: What lets the model read each of them.
    """

    extra: bytes
    probability: float
    reads: list[Callable[[], _Beginnings]]

    def read(self) -> _Beginnings:
        """Return all ways to have come here."""
        log_weights, log_probs, states = zip(*(read() for read in self.reads), strict=True)
        state = tuple(np.concatenate(each, axis=1) for each in zip(*states, strict=True))
        return _Beginnings(np.concatenate(log_weights), np.concatenate(log_probs), (state[0], state[1]))


def continuations(model: StepModel, data: bytes, n: int, *, beam: int) -> list[Continuation]:
    """Return the ``n`` likeliest continuations that are valid UTF-8.

    Best first: a token that ends inside of a character is replaced by what may follow it, which is never likelier.

    Args:
        model: What gives the probabilities.
        data: The text so far.
        n: How many; there may be fewer.
        beam: How many ways to divide the text into tokens are followed at each byte.
    """
    start, begun, found, order = state_after(data), begun_character(data), dict[bytes, float](), count()
    queue = [(-each.probability, next(order), each) for each in _first(model, data, beam)]
    queue.sort()
    while queue and len(found) < n:
        _, _, candidate = heappop(queue)
        extra, probability = candidate.extra, candidate.probability
        if probability == 0:
            break
        state = run(NEXT_STATE, extra, start)
        if state == BETWEEN_CHARACTERS:
            found.setdefault(extra, probability)
        elif state != REJECTED and extra:
            for each in _next(model, extra, candidate.read()):
                heappush(queue, (-each.probability, next(order), each))
    return [
        Continuation((begun + extra).decode() if extra else "", extra, probability)
        for extra, probability in found.items()
    ]


def _first(model: StepModel, data: bytes, beam: int) -> list[_Candidate]:
    """Return what one token may add to the text."""
    prefix = Prefix(model, data, beam=beam)
    log_weights = prefix.log_probs - (prefix.log_prob if np.isfinite(prefix.log_prob) else 0.0)
    covers_of: dict[bytes, list[int]] = {}
    for cover, extra in enumerate(prefix.extra):
        covers_of.setdefault(extra, []).append(cover)

    def reader(covers: list[int]) -> Callable[[], _Beginnings]:
        return lambda: _Beginnings(log_weights[covers], *prefix.after(covers))

    exact = _Candidate(b"", 1.0, [reader(covers_of.pop(b""))])
    reaching_past = [
        _Candidate(extra, float(np.exp(log_weights[covers]).sum()), [reader(covers)])
        for extra, covers in covers_of.items()
    ]
    return _merged([*reaching_past, *_next(model, b"", exact.read())])


def _next(model: StepModel, extra: bytes, beginnings: _Beginnings) -> list[_Candidate]:
    """Return what one more token may add."""
    log_weights, log_probs, state = beginnings
    probabilities = np.exp(log_weights[:, None] + log_probs).sum(axis=0)

    def reader(token_id: int) -> Callable[[], _Beginnings]:
        def read() -> _Beginnings:
            after = model.step(np.full(len(log_weights), token_id), state)
            return _Beginnings(log_weights + log_probs[:, token_id], *after)

        return read

    return _merged(
        _Candidate(extra + model.codec.token_bytes(token_id), probability, [reader(token_id)])
        for token_id, probability in enumerate(probabilities.tolist())
        if token_id != model.codec.stop_id or not extra
    )


def _merged(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Return one candidate for all tokens that add the same bytes."""
    by_extra: dict[bytes, _Candidate] = {}
    for each in candidates:
        if (known := by_extra.get(each.extra)) is not None:
            each = _Candidate(each.extra, known.probability + each.probability, known.reads + each.reads)
        by_extra[each.extra] = each
    return list(by_extra.values())
