"""How a distribution is changed before a token is drawn from it: pure functions.

Each takes and returns natural logarithms of probabilities, float64, shape (B, V), each row summing to one; what is
removed is minus infinity. `Strategy` applies them in the order: temperature, top-k, top-p, min-p.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from granular_lm.errors import OptionError

LogProbs = NDArray[np.float64]


def normalise(log_probs: LogProbs) -> LogProbs:
    """Return rows shifted so that their probabilities sum to one."""
    shifted = log_probs - log_probs.max(axis=-1, keepdims=True)
    normalised: LogProbs = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


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
    order = np.argsort(-log_probs, axis=-1, kind="stable")
    ranked = np.take_along_axis(log_probs, order, axis=-1)
    mass_before = np.cumsum(np.exp(ranked), axis=-1) - np.exp(ranked)
    ranked = np.where(mass_before < p, ranked, -np.inf)
    out = np.empty_like(log_probs)
    np.put_along_axis(out, order, ranked, axis=-1)
    return normalise(out)


def keep_min_p(log_probs: LogProbs, p: float) -> LogProbs:
    """Return the tokens at least ``p`` times as likely as the most likely one.

    Source: Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling".
    """
    least = log_probs.max(axis=-1, keepdims=True) + math.log(p)
    return normalise(np.where(log_probs >= least, log_probs, -np.inf))


@dataclass(frozen=True, kw_only=True, slots=True)
class Strategy:
    """Which changes to make, in the order of the attributes.

    Attributes:
        temperature: 1 draws from the model as it is, 0 takes the most likely token at each step.
        top_k: Keep this many tokens.
        top_p: Keep the fewest tokens with this share of the probability.
        min_p: Keep tokens at least this share as likely as the most likely one.

    Raises:
        OptionError: A number is out of range.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if not _is_number(self.temperature) or not 0 <= self.temperature < math.inf:
            raise OptionError(f"temperature={self.temperature!r} is not accepted; give 0 (most likely) or more.")
        if self.top_k is not None and (not isinstance(self.top_k, int) or self.top_k < 1):
            raise OptionError(f"top_k={self.top_k!r} is not accepted; give a whole number of at least 1.")
        for name in ("top_p", "min_p"):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or not 0 < value <= 1):
                raise OptionError(f"{name}={value!r} is not accepted; give a number above 0, at most 1.")

    def apply(self, log_probs: LogProbs) -> LogProbs:
        """Return the distribution to draw from."""
        changed = normalise(log_probs)
        if self.temperature != 1:
            changed = apply_temperature(changed, self.temperature)
        if self.top_k is not None:
            changed = keep_top_k(changed, self.top_k)
        if self.top_p is not None:
            changed = keep_top_p(changed, self.top_p)
        if self.min_p is not None:
            changed = keep_min_p(changed, self.min_p)
        return changed


def draw(log_probs: LogProbs, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return one token of each row: the first whose cumulative probability exceeds the row's uniform number."""
    cumulative = np.cumsum(np.exp(log_probs), axis=-1)
    thresholds = uniforms[:, None] * cumulative[:, -1:]  # the last sum may miss one by rounding
    drawn: NDArray[np.int64] = (cumulative <= thresholds).sum(axis=-1)
    return drawn


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _only(log_probs: LogProbs, kept: NDArray[np.int64]) -> LogProbs:
    out = np.full_like(log_probs, -np.inf)
    np.put_along_axis(out, kept, np.take_along_axis(log_probs, kept, axis=-1), axis=-1)
    return out
