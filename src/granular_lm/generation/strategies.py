"""How a distribution is changed before a token is drawn from it: pure functions.

Each takes and returns natural logarithms of probabilities, float64, shape (B, V), each row summing to one; what is
removed is minus infinity. `Strategy` applies them in the order: repetition penalty, temperature, top-k, top-p, min-p,
typical.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.checks import check_integer, check_number, take_plain_numbers
from granular_lm.errors import OptionError

LogProbs = NDArray[np.float64]
BLOCK = 32  # tokens


def normalise(log_probs: LogProbs) -> LogProbs:
    """Return rows shifted so that their probabilities sum to one."""
    shifted = log_probs - log_probs.max(axis=-1, keepdims=True)
    normalised: LogProbs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def entropy_bits(log_probs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return -Σ p log2 p of each row, shape (B,)."""
    nats = np.maximum(log_probs, np.finfo(log_probs.dtype).min)  # 0 · log 0 is 0
    bits: NDArray[np.float64] = np.einsum("bv,bv->b", np.exp(nats), nats) / -math.log(2)
    return bits


def penalise_repetition(log_probs: LogProbs, is_seen: NDArray[np.bool_], penalty: float) -> LogProbs:
    """Return the probabilities of the tokens seen raised to a power, normalised.

    Source: Keskar et al. 2019, "CTRL", section 4.1. There, scores that happen to be positive are divided; logarithms
    of probabilities never are positive, so the outcome does not hang on where the zero of the scores lies.

    Args:
        log_probs: Shape (B, V).
        is_seen: Which tokens each string already has, shape (B, V).
        penalty: The power: above 1 makes repetition rarer, 1 changes nothing.
    """
    with np.errstate(over="ignore"):  # so large a power leaves nothing of what is seen
        return normalise(np.where(is_seen, log_probs * penalty, log_probs))


def apply_temperature(log_probs: LogProbs, temperature: float) -> LogProbs:
    """Return p^(1/T), normalised; 0 leaves the most likely token alone, the lowest id of several."""
    if temperature == 0:
        return keep_top_k(log_probs, 1)
    with np.errstate(over="ignore"):  # at a temperature next to 0 all but the likeliest become impossible
        return normalise((log_probs - log_probs.max(axis=-1, keepdims=True)) / temperature)


def keep_top_k(log_probs: LogProbs, k: int) -> LogProbs:
    """Return the ``k`` most likely tokens, exactly ``k`` of them: between equals the lower id stays."""
    kept = np.argsort(-log_probs, axis=-1, kind="stable")[:, :k]
    return normalise(_only(log_probs, kept))


def keep_top_p(log_probs: LogProbs, p: float) -> LogProbs:
    """Return the fewest most likely tokens whose probabilities sum to at least ``p``.

    Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", section 3.1.
    """
    return _first_with_mass(log_probs, np.argsort(-log_probs, axis=-1, kind="stable"), p)


def keep_min_p(log_probs: LogProbs, p: float) -> LogProbs:
    """Return the tokens at least ``p`` times as likely as the most likely one.

    Source: Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling".
    """
    least = log_probs.max(axis=-1, keepdims=True) + math.log(p)
    return normalise(np.where(log_probs >= least, log_probs, -np.inf))


def keep_typical(log_probs: LogProbs, p: float) -> LogProbs:
    """Return the tokens whose surprise is nearest to the entropy, the fewest whose probabilities sum to ``p``.

    Source: Meister et al. 2023, "Locally Typical Sampling", section 4.
    """
    probs = np.exp(log_probs)
    surprise = -np.where(probs > 0, log_probs, 0.0)
    entropy = (probs * surprise).sum(axis=-1, keepdims=True)
    distance = np.where(probs > 0, np.abs(surprise - entropy), np.inf)
    return _first_with_mass(log_probs, np.argsort(distance, axis=-1, kind="stable"), p)


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """Which changes to make, in the order that the module names.

    Attributes:
        temperature: 1 draws from the model as it is, 0 takes the most likely token; a list is gone through step by
            step, again and again.
        top_k: Keep this many tokens.
        top_p: Keep the fewest tokens with this share of the probability.
        min_p: Keep tokens at least this share as likely as the most likely one.
        typical_p: Keep tokens of about average surprise with this share of the probability.
        repetition_penalty: Power that the probability of a token already seen is raised to.

    Raises:
        OptionError: A number is out of range.
    """

    temperature: float | Sequence[float] = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        given = _temperatures(self.temperature)
        if not given or not all(0 <= each < math.inf for each in given):
            raise OptionError(
                f"temperature={self.temperature!r} is not accepted; give a number from 0 (greedy), or a list of them."
            )
        object.__setattr__(self, "temperature", given if len(given) > 1 else given[0])
        check_number(
            "repetition_penalty", self.repetition_penalty, "a number from 1 (none)", within=lambda power: power >= 1
        )
        if self.top_k is not None:
            check_integer("top_k", self.top_k, least=1)
        for name in ("top_p", "min_p", "typical_p"):
            if (value := getattr(self, name)) is not None:
                check_number(name, value, "a number above 0, at most 1", within=lambda share: 0 < share <= 1)

    @property
    def changes_nothing(self) -> bool:
        """Whether strings are drawn from the model as it is."""
        kept = (self.top_k, self.top_p, self.min_p, self.typical_p)
        is_plain = self.repetition_penalty == 1 and all(temperature == 1 for temperature in self._temperatures)
        return is_plain and all(each is None for each in kept)

    def apply(self, log_probs: LogProbs, *, step: int = 0, is_seen: NDArray[np.bool_] | None = None) -> LogProbs:
        """Return the distribution to draw from.

        Args:
            log_probs: Shape (B, V).
            step: How many tokens have been drawn before.
            is_seen: Which tokens each string already has, shape (B, V), for the repetition penalty.
        """
        changed = normalise(log_probs)
        if self.repetition_penalty != 1 and is_seen is not None:
            changed = penalise_repetition(changed, is_seen, self.repetition_penalty)
        temperature = self._temperatures[step % len(self._temperatures)]
        if temperature != 1:
            changed = apply_temperature(changed, temperature)
        if self.top_k is not None:
            changed = keep_top_k(changed, self.top_k)
        if self.top_p is not None:
            changed = keep_top_p(changed, self.top_p)
        if self.min_p is not None:
            changed = keep_min_p(changed, self.min_p)
        if self.typical_p is not None:
            changed = keep_typical(changed, self.typical_p)
        return changed

    @property
    def _temperatures(self) -> Sequence[float]:
        return [self.temperature] if isinstance(self.temperature, float | int) else self.temperature


def draw(weights: NDArray[np.floating], uniforms: NDArray[np.floating]) -> tuple[NDArray[np.int64], LogProbs]:
    """Return one token of each row, in proportion to its weight, and what each row weighs.

    It is the first token at which the sum of the weights so far exceeds the row's share of the whole.

    Args:
        weights: At least 0, shape (B, V).
        uniforms: Which share of the whole, at least 0 and below 1, shape (B,).
    """
    if len(weights) == 1:
        cumulative = np.add.accumulate(weights[0], dtype=np.float64)
        whole = cumulative[-1:]
        chosen = cumulative.searchsorted(uniforms * whole, side="right")
        if chosen[0] == len(cumulative):  # the share of the smallest of numbers rounds up to the whole
            chosen = cumulative.searchsorted(whole)
        return chosen, whole
    # Sums from token to token are slow, so first those from block to block, then those within one block of each row.
    size, rows = weights.shape[-1], np.arange(len(weights))
    blocks = np.add.reduceat(weights, np.arange(0, size, BLOCK), axis=-1, dtype=np.float64).cumsum(axis=-1)
    wholes = blocks[:, -1]
    thresholds = uniforms * wholes
    chosen = (blocks > thresholds[:, None]).argmax(axis=-1)
    thresholds -= np.where(chosen > 0, blocks[rows, chosen - 1], 0.0)
    first = chosen * BLOCK
    places = (rows * size + first)[:, None] + np.arange(BLOCK)  # the last block's may lie in the next row
    is_above = weights.ravel().take(places, mode="clip").cumsum(axis=-1, dtype=np.float64) > thresholds[:, None]
    within = is_above.argmax(axis=-1)
    drawn = first + within
    is_drawn = is_above[rows, within] & (drawn < size)
    if not is_drawn.all():  # where rounding lets no sum exceed the threshold, or there is no weight at all
        for row in np.flatnonzero(~is_drawn):
            drawn[row : row + 1], _ = draw(weights[row : row + 1], uniforms[row : row + 1])
    return drawn, wholes


def _temperatures(given: object) -> list[float]:
    """Return a temperature, or those of a list, as floats; none at all where something else is among them."""
    if isinstance(given, np.ndarray):
        given = np.atleast_1d(given).tolist()
    each: list[Any] = list(given) if isinstance(given, Sequence) and not isinstance(given, bytes) else [given]
    try:
        return [float(value) for value in each] if all(map(_is_number, each)) else []
    except OverflowError:  # a whole number of hundreds of digits
        return []


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _only(log_probs: LogProbs, kept: NDArray[np.int64]) -> LogProbs:
    out = np.full_like(log_probs, -np.inf)
    np.put_along_axis(out, kept, np.take_along_axis(log_probs, kept, axis=-1), axis=-1)
    return out


def _first_with_mass(log_probs: LogProbs, order: NDArray[np.int64], p: float) -> LogProbs:
    """Return the first tokens in an order, as many as it takes for a probability of ``p``."""
    ranked = np.take_along_axis(log_probs, order, axis=-1)
    mass_before = np.cumsum(np.exp(ranked), axis=-1) - np.exp(ranked)
    out = np.empty_like(log_probs)
    np.put_along_axis(out, order, np.where(mass_before < p, ranked, -np.inf), axis=-1)
    return normalise(out)
