"""Exact prompts: the model's distribution over strings that begin with given bytes, whatever the codec.

A string that begins with the prompt is written by many sequences of tokens, and the prompt may end inside of one.
Each such sequence begins with one *cover*: the shortest run of tokens that spells the prompt, or the prompt and more.
So the probability that a string begins with the prompt is the sum over covers, and to draw a string given the prompt
is to draw a cover in proportion and go on from there. Covers are found byte by byte; at each byte only the likeliest
ways to get there are kept. A byte codec has one cover, and nothing is approximate.

Source: the same sum as in Vieira et al. 2024, "From Language Models over Tokens to Language Models over Characters".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.spelling import Spelling
from granular_lm.generation.strategies import entropy_bits
from granular_lm.runtime import State, select_rows
from granular_lm.scoring import StepModel

NO_TOKEN = -1


@dataclass(frozen=True, eq=False, slots=True)
class Cover:
    """Tokens that spell the prompt, or the prompt and more.

    Attributes:
        ids: The tokens, the last of which may reach past the prompt.
        log_probs: Natural logarithm of each token's probability.
        entropies: Entropy of the distribution that each token belongs to, bits.
    """

    ids: list[int]
    log_probs: list[float]
    entropies: list[float]


@dataclass(eq=False, slots=True)
class _Path:
    """Tokens up to a byte of the prompt: the last of them, and the path before it."""

    before: "_Path | None"
    token_id: int
    step_log_prob: float
    log_prob: float  # of all its tokens
    entropy: float = 0.0  # of the next token, bits; known when the model has read this one
    state: State | None = None  # after it, for as long as it is needed


@dataclass(eq=False, slots=True)
class _Place:
    """The paths to one byte of the prompt, read by the model."""

    paths: list[_Path]
    log_probs: NDArray[np.floating]  # of the next token, (paths, V)


class Prefix:
    """The covers of a prompt.

    Args:
        model: Whose tokens they are.
        data: The prompt.
        beam: How many paths are kept at each byte.

    Attributes:
        data: The prompt.
        log_probs: Natural logarithm of each cover's probability, shape (covers,).
        log_prob: That of a string's beginning with the prompt, the logarithm of their sum. It is exact if the beam left
            nothing out, and a little too small otherwise.
        lost: Natural logarithm of the probability of the likeliest path that the beam left out.
        extra: The bytes of each cover past the prompt.
    """

    def __init__(self, model: StepModel, data: bytes, *, beam: int) -> None:
        self.data = data
        self.lost = -np.inf
        self._model = model
        self._tokens = model.codec.derived(Spelling)
        places = self._read(beam)
        self._last = places[len(data)]
        self._paths = list(self._last.paths)
        self._last_ids = [NO_TOKEN] * len(self._paths)
        self._last_log_probs = [0.0] * len(self._paths)
        self.extra = [b""] * len(self._paths)
        for position, place in places.items():
            self._reach_past(position, place)
        self.log_probs = np.array([path.log_prob for path in self._paths]) + self._last_log_probs
        self.log_prob = float(np.logaddexp.reduce(self.log_probs))

    def cover(self, index: int) -> Cover:
        """Return the tokens of one cover."""
        path, last_id = self._paths[index], self._last_ids[index]
        ids, log_probs, entropies = [], [], []
        if last_id != NO_TOKEN:
            ids, log_probs, entropies = [last_id], [self._last_log_probs[index]], [path.entropy]
        while path.before is not None:
            ids.append(path.token_id)
            log_probs.append(path.step_log_prob)
            path = path.before
            entropies.append(path.entropy)
        return Cover(ids[::-1], log_probs[::-1], entropies[::-1])

    def whole(self) -> dict[tuple[int, ...], float]:
        """Return the covers that end with the prompt, each with the logarithm of its and the stop's probability."""
        stops = self._last.log_probs[:, self._model.codec.stop_id].tolist()
        ended = zip(self._last.paths, stops, strict=True)
        return {tuple(self.cover(index).ids): path.log_prob + stop for index, (path, stop) in enumerate(ended)}

    def after(self, chosen: Sequence[int]) -> tuple[NDArray[np.floating], State]:
        """Return what comes after some covers: log-probabilities, shape (chosen, V), and the state."""
        covers = sorted(set(chosen))
        exact = [index for index in covers if self._last_ids[index] == NO_TOKEN]
        longer = [index for index in covers if self._last_ids[index] != NO_TOKEN]
        log_probs = [self._last.log_probs[exact]] if exact else []
        states = [_states(self._paths[index] for index in exact)] if exact else []
        if longer:
            ids = np.array([self._last_ids[index] for index in longer])
            read, state = self._model.step(ids, _states(self._paths[index] for index in longer))
            log_probs.append(read)
            states.append(state)
        place_of = {index: row for row, index in enumerate([*exact, *longer])}
        rows = np.array([place_of[index] for index in chosen])
        joined = np.concatenate([h for h, _ in states], axis=1), np.concatenate([c for _, c in states], axis=1)
        return np.concatenate(log_probs)[rows], select_rows(joined, rows)

    def _read(self, beam: int) -> dict[int, _Place]:
        """Return the paths to the last bytes of the prompt, as many as a token may be long."""
        stop_id, state = self._model.codec.stop_id, self._model.initial_state(1)
        coming: dict[int, list[_Path]] = defaultdict(list)
        coming[0].append(_Path(_Path(None, stop_id, 0.0, 0.0, state=state), stop_id, 0.0, 0.0))
        places: dict[int, _Place] = {}
        for position in range(len(self.data) + 1):
            paths = sorted(coming.pop(position), key=attrgetter("log_prob"), reverse=True)
            if len(paths) > beam:
                self.lost = max(self.lost, paths[beam].log_prob)
                del paths[beam:]
            places[position] = self._step(paths)
            if position == 0:
                paths[0].before = None  # the stop that starts a string is no token of it
            for length, ids in self._tokens.at(self.data, position):
                coming[position + length].extend(_longer(places[position], ids))
            if passed := places.pop(position - self._tokens.longest, None):
                for path in passed.paths:
                    path.state = None
        return places

    def _step(self, paths: list[_Path]) -> _Place:
        """Let the model read the last token of each path."""
        ids = np.array([path.token_id for path in paths])
        log_probs, state = self._model.step(ids, _states(path.before for path in paths))
        for row, (path, entropy) in enumerate(zip(paths, entropy_bits(log_probs).tolist(), strict=True)):
            path.entropy = entropy
            path.state = select_rows(state, slice(row, row + 1))
        return _Place(paths, log_probs)

    def _reach_past(self, position: int, place: _Place) -> None:
        """Add the covers whose last token begins at a byte of the prompt and reaches past its end."""
        for token, token_id in self._tokens.reaching_past(self.data[position:]):
            for path, step_log_prob in zip(place.paths, place.log_probs[:, token_id].tolist(), strict=True):
                self._paths.append(path)
                self._last_ids.append(token_id)
                self._last_log_probs.append(step_log_prob)
                self.extra.append(token[len(self.data) - position :])


def _longer(place: _Place, ids: list[int]) -> Iterator[_Path]:
    """Yield the paths of a place, each made longer by each of some tokens."""
    for path, row in zip(place.paths, place.log_probs[:, ids].tolist(), strict=True):
        for token_id, step_log_prob in zip(ids, row, strict=True):
            yield _Path(path, token_id, step_log_prob, path.log_prob + step_log_prob)


def _states(paths: Iterable[_Path | None]) -> State:
    """Return the states of paths as a batch."""
    states = [path.state for path in paths if path is not None and path.state is not None]
    return np.concatenate([h for h, _ in states], axis=1), np.concatenate([c for _, c in states], axis=1)
