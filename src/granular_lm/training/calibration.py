"""How sure a trained network may be: one factor on its logits, chosen by development text.

A network that has read its text several times is surer of what follows than it has reason to be. To multiply all
logits by one number mends most of that, and as they are linear in the output layer, that layer can hold it: the
model stays an ordinary one. Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2, where
the number is one over the temperature.
"""

import numpy as np
from numpy.typing import NDArray

SHARPNESS = (0.7, 0.73, 0.76, 0.79, 0.82, 0.85, 0.88, 0.91, 0.94, 0.97, 1.0, 1.03, 1.06)
"""What logits may be multiplied by. The best of these is within 0.0003 bits per byte of the best number."""

FEWEST_BYTES = 1000
"""Of development text: what suits less than that says too little about other text."""


def candidates(development_bytes: int, *, tie_embeddings: bool) -> tuple[float, ...]:
    """Return the factors to choose from.

    With tied embeddings there is no choice: the output layer is also what the network reads.
    """
    return (1.0,) if tie_embeddings or development_bytes < FEWEST_BYTES else SHARPNESS


def sharpened(weights: dict[str, NDArray[np.float32]], factor: float) -> dict[str, NDArray[np.float32]]:
    """Return parameters that give the logits of ``weights`` times ``factor``.

    Examples:
        >>> sharpened({"head.weight": np.ones((2, 2)), "head.bias": np.ones(2)}, 0.5)["head.bias"]
        array([0.5, 0.5])
    """
    if factor == 1.0:
        return weights
    return {**weights, **{name: weights[name] * np.float32(factor) for name in ("head.weight", "head.bias")}}
