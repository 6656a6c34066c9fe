"""What is drawn."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A string drawn from a model, with what the model thought of it.

    A step is a token drawn, or given by the prompt; the stop is one more step when `finished`.

    Attributes:
        text: The string; bytes that are not valid UTF-8 appear as U+FFFD.
        data: The same as raw bytes.
        ids: Its tokens, prompt included, the stop not.
        log_probs: Natural logarithm of each step's probability under the model at temperature 1, shape (steps,).
        sampling_log_probs: The same under the distribution drawn from; 0 for the prompt's tokens.
        entropies: Entropy of the model's next-token distribution at each step, in bits, shape (steps,).
        byte_spans: Which bytes of `data` each step stands for, as (start, end); empty for the stop.
        finished: Whether the stop was drawn; if not, the string grew past ``max_bytes`` and was cut.
    """

    text: str
    data: bytes
    ids: list[int]
    log_probs: NDArray[np.float64]
    sampling_log_probs: NDArray[np.float64]
    entropies: NDArray[np.float64]
    byte_spans: list[tuple[int, int]]
    finished: bool

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the probability of this very sequence of tokens under the model."""
        return math.fsum(self.log_probs)

    @property
    def probability(self) -> float:
        """Probability of this very sequence of tokens under the model."""
        return math.exp(self.log_prob)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        end = "" if self.finished else ", finished=False"
        return f"Sample({self.text!r}, log_prob={self.log_prob:.2f}{end})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, the raw bytes in hexadecimal."""
        return {
            "text": self.text,
            "data": self.data.hex(),
            "ids": self.ids,
            "log_prob": self.log_prob,
            "log_probs": self.log_probs.tolist(),
            "sampling_log_probs": self.sampling_log_probs.tolist(),
            "entropies": self.entropies.tolist(),
            "byte_spans": self.byte_spans,
            "finished": self.finished,
        }
