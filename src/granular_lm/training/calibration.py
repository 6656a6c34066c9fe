"""How sure a trained network may be: one factor on its logits, chosen by development text.

A network that has read its text several times is surer of what follows than it has reason to be: what comes surprises
it more than it expects, that is, more than the entropy of its own distributions. To multiply all logits by one number
mends most of that, and as they are linear in the output layer, that layer can hold it: the model stays an ordinary
one. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2, where the number is one over
the temperature.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST, MOST = 0.1, 2.0
LONGEST_STEP = 0.4  # Newton's method goes too far where distributions are far too sure
CLOSE = 0.02
"""Factors that differ by less than this share are as good as one another, to some 0.0004 bits per byte."""

FEWEST_BYTES = 1000
"""Of development text: what suits less than that says too little about other text."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """What the distributions before some tokens say of them, in sums over the tokens.

    Attributes:
        nats: -ln p of what came.
        entropy: The mean of -ln p under each distribution, in nats.
        variance: The variance of ln p under each distribution.
    """

    nats: float = 0.0
    entropy: float = 0.0
    variance: float = 0.0

    def __add__(self, other: Self) -> "Surprise":
        return Surprise(self.nats + other.nats, self.entropy + other.entropy, self.variance + other.variance)

    def better(self, factor: float) -> float:
        """Return the factor that would have suited these tokens, where logits had been multiplied by ``factor``.

        That is a step of Newton's method: the derivatives of the nats by the logarithm of the factor are nats -
        entropy and, next to it, the variance.

        Examples:
            >>> Surprise(nats=12.0, entropy=10.0, variance=20.0).better(1.0)
            0.9
        """
        if not self.variance > 0 or not math.isfinite(self.nats):
            return factor
        step = min(max((self.nats - self.entropy) / self.variance, -LONGEST_STEP), LONGEST_STEP)
        return min(max(factor * (1 - step), LEAST), MOST)


def surprise_sums(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the three sums of a `Surprise`, shape (3,).

    Args:
        logits: Shape (N, V).
        targets: What came, shape (N,).
    """
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    weighted = p * log_p
    mean = weighted.sum(-1)
    variance = (weighted * log_p).sum(-1) - mean**2
    came = log_p.gather(-1, targets[:, None]).squeeze(-1)
    return torch.stack([-came.sum(), -mean.sum(), variance.sum()])


def is_close(factor: float, other: float) -> bool:
    """Return whether two factors are as good as one another."""
    return abs(factor / other - 1) < CLOSE


def sharpened(weights: dict[str, NDArray[np.float32]], factor: float) -> dict[str, NDArray[np.float32]]:
    """Return parameters that give the logits of ``weights`` times ``factor``; not for tied embeddings.

    Examples:
        >>> sharpened({"head.weight": np.ones((2, 2)), "head.bias": np.ones(2)}, 0.5)["head.bias"]
        array([0.5, 0.5])
    """
    if factor == 1.0:
        return weights
    return {**weights, **{name: weights[name] * np.float32(factor) for name in ("head.weight", "head.bias")}}
