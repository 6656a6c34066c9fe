"""How far training has come, and the learning rate there: pure functions."""

import math
from dataclasses import dataclass
from numbers import Integral

from granular_lm.checks import check_number, take_plain_numbers
from granular_lm.errors import OptionError

DEFAULT_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """When training ends: after a time, a number of passes, or a number of bytes. Exactly one is set.

    Attributes:
        seconds: Wall clock, evaluations included.
        epochs: Passes over the training documents; a fraction is fine.
        max_bytes: Raw bytes of the documents read, counted again at each pass.

    Raises:
        OptionError: None or several are set, or one is not positive.
    """

    seconds: float | None = None
    epochs: float | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        limits = {"max_time": self.seconds, "epochs": self.epochs, "max_bytes": self.max_bytes}
        given = {name: value for name, value in limits.items() if value is not None}
        if len(given) != 1:
            met = ", ".join(f"{name}={value}" for name, value in given.items()) or "none"
            raise OptionError(f"a budget is one of max_time=..., epochs=... and max_bytes=...; met: {met}.")
        [(name, value)] = given.items()
        check_number(name, value, "a number above 0", within=lambda limit: limit > 0)

    @classmethod
    def of(
        cls, *, max_time: float | None = None, epochs: float | None = None, max_bytes: int | None = None
    ) -> "Budget":
        """Return the budget that is given; five minutes if none is."""
        if max_time is None and epochs is None and max_bytes is None:
            max_time = DEFAULT_SECONDS
        if isinstance(max_time, Integral):  # 40 and 40.0 are one budget, and have to be written alike
            max_time = float(max_time)
        if isinstance(epochs, Integral):
            epochs = float(epochs)
        return cls(seconds=max_time, epochs=epochs, max_bytes=max_bytes)

    def progress(self, *, seconds: float, bytes_seen: int, corpus_bytes: int) -> float:
        """Return the share of the budget that is used, from 0; 1 or more is the end."""
        if self.seconds is not None:
            return seconds / self.seconds
        return bytes_seen / self.num_bytes(corpus_bytes)

    def num_bytes(self, corpus_bytes: int) -> float:
        """Return the bytes to read; no finite number if the budget is a time."""
        if self.epochs is not None:
            return self.epochs * corpus_bytes
        return math.inf if self.max_bytes is None else self.max_bytes


def learning_rate_factor(progress: float, *, warmup: float) -> float:
    """Return the share of the full learning rate: up linearly over ``warmup``, then down linearly to 0.

    Examples:
        >>> [learning_rate_factor(p, warmup=0.1) for p in (0.05, 0.1, 0.325, 1.0)]
        [0.5, 1.0, 0.75, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    return max(0.0, (1.0 - progress) / (1.0 - warmup))
