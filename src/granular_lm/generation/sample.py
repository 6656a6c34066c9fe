"""What is drawn."""

import codecs
import math
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

ERRORS = {"replace": "replace", "space": "granular_lm.space"}
"""What bytes that are not valid UTF-8 may look like, and how Python calls that: U+FFFD, or a space for each byte."""

EndedBy = Literal["stop", "stop_string", "max_bytes"]
Novelty = Literal["novel", "copy"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A string drawn from a model, with what the model thought of it.

    A step is a token drawn, or one that covers the prompt; the stop is one more step when it was drawn.

    Attributes:
        text: The string; what bytes that are not valid UTF-8 look like is an option of sampling.
        data: The same as raw bytes.
        ids: Its tokens, the prompt's included, the stop not. A sample that ended before a stop string has those of the
            stop string as well, and one that was cut inside of a token has that.
        log_probs: Natural logarithm of each step's probability under the model at temperature 1, shape (steps,).
        sampling_log_probs: The same under the distribution drawn from, given the prompt: 0 for the prompt's tokens,
            but for the last of them where there was a choice of tokens to cover the prompt with.
        entropies: Entropy of the model's next-token distribution at each step, in bits, shape (steps,).
        masked: Share of the model's probability that was not allowed at each step, by validity, banned strings or
            ``min_bytes``, shape (steps,).
        byte_spans: Which bytes of `data` each step stands for, as (start, end); empty for the stop and for what is
            past the end of `data`.
        ended_by: ``"stop"`` if the model ended the string, ``"stop_string"`` before one of those asked for,
            ``"max_bytes"`` if it grew too long and was cut.
        novelty: Whether the string is, byte for byte, a document that the model was trained on; None where the model
            does not know its documents.
    """

    text: str
    data: bytes
    ids: list[int]
    log_probs: NDArray[np.float64]
    sampling_log_probs: NDArray[np.float64]
    entropies: NDArray[np.float64]
    masked: NDArray[np.float64]
    byte_spans: list[tuple[int, int]]
    ended_by: EndedBy
    novelty: Novelty | None = None

    @property
    def finished(self) -> bool:
        """Whether the model ended the string itself."""
        return self.ended_by == "stop"

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
        end = "" if self.finished else f", ended_by={self.ended_by!r}"
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
            "masked": self.masked.tolist(),
            "byte_spans": self.byte_spans,
            "finished": self.finished,
            "ended_by": self.ended_by,
            "novelty": self.novelty,
        }


def decoded(data: bytes, errors: str) -> str:
    """Return the text of bytes, ``errors`` being one of `ERRORS`."""
    return data.decode("utf-8", ERRORS[errors])


def _as_spaces(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return " " * (error.end - error.start), error.end


codecs.register_error(ERRORS["space"], _as_spaces)


def novelty(data: bytes, documents: Container[bytes] | None) -> Novelty | None:
    """Return whether a string is a document that the model was trained on, if those are known."""
    if documents is None:
        return None
    return "copy" if data in documents else "novel"
