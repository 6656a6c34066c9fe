"""The mean of the weights along the way, which predicts new text better than the last of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

AVERAGED_SHARE = 0.15
"""Roughly the share of the updates so far that the mean reaches back over."""


class WeightAverage:
    """A running mean of parameters that forgets in proportion to its age.

    Update t moves the mean by 1 / (1 + `AVERAGED_SHARE` (t - 1)) of the way to the present weights, so it need not be
    known how long a run will be, and the wild beginning is soon forgotten. Source: Shamir and Zhang 2013,
    polynomial-decay averaging.

    Args:
        parameters: By name; the mean starts as a copy of them.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._names = list(parameters)
        self._parameters = [parameter.detach() for parameter in parameters.values()]
        self._mean = [parameter.clone() for parameter in self._parameters]

    def update(self, step: int) -> None:
        """Take in the weights after update ``step``, counted from 1."""
        torch._foreach_lerp_(self._mean, self._parameters, 1.0 / (1.0 + AVERAGED_SHARE * (step - 1)))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Have the parameters be the mean for a while."""
        present = [parameter.clone() for parameter in self._parameters]
        self._copy(self._mean, self._parameters)
        try:
            yield
        finally:
            self._copy(present, self._parameters)

    def tensors(self) -> dict[str, Tensor]:
        """Return the mean, by name."""
        return dict(zip(self._names, self._mean, strict=True))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Set the mean to what `tensors` returned."""
        self._copy([tensors[name] for name in self._names], self._mean)

    @staticmethod
    def _copy(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)
