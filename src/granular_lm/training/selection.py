"""Which weights of a run are kept: those under which development documents need the fewest bits."""

import math

import numpy as np
from numpy.typing import NDArray

from granular_lm.network import LSTMNetwork
from granular_lm.training.averaging import WeightAverage
from granular_lm.training.calibration import FEWEST_BYTES, Surprise, is_close, sharpened
from granular_lm.training.development import DevelopmentSet, affordable_bytes
from granular_lm.training.options import NATS_PER_BIT, TrainingOptions
from granular_lm.training.parallel import Parallel
from granular_lm.training.state import RunState

MOST_READINGS = 4  # of the development documents in one evaluation; one is enough as a rule


class Selection:
    """Evaluates the mean weights now and then, and keeps the best of them.

    Args:
        network: What is trained.
        parallel: Reads with it.
        development: What it reads; None keeps the weights of the last evaluation.
        state: Where the run stands, and where it is noted what was found.
        options: When to evaluate, and for how long in vain.

    Attributes:
        average: The mean of the weights.
        best_weights: That mean at the lowest development loss so far, calibrated; None before the first.
    """

    def __init__(
        self,
        network: LSTMNetwork,
        parallel: Parallel,
        development: DevelopmentSet | None,
        state: RunState,
        options: TrainingOptions,
    ) -> None:
        self.average = WeightAverage(dict(network.named_parameters()))
        self.best_weights: dict[str, NDArray[np.float32]] | None = None
        self._network, self._parallel, self._development = network, parallel, development
        self._state, self._options = state, options

    def is_due(self) -> bool:
        """Whether it is time for another evaluation; it tells so once."""
        due = self.num_due()
        is_due = due > self._state.evaluations
        self._state.evaluations = max(due, self._state.evaluations)
        return is_due

    def num_due(self) -> int:
        """Return how many evaluations there should have been by now."""
        if self._options.eval_every is not None:
            return self._state.bytes_seen // self._options.eval_every + (self._state.progress >= 1.0)
        return int(self._state.progress * self._options.evaluations)

    def evaluate(self, expected_bytes: float) -> tuple[float, float]:
        """Return what development documents need under the mean weights, in the training precision.

        The same documents are read each time: a seeded sample, as large as the run can afford.

        Args:
            expected_bytes: What the run will read, as far as can be told now; the first evaluation goes by it.

        Returns:
            Bits per byte, and what the logits are multiplied by for that: the factor that suits these documents best.
        """
        if self._development is None:
            return math.nan, 1.0
        if not self._state.development_bytes:
            self._state.development_bytes = affordable_bytes(expected_bytes)
        with self.average.in_place():
            found, factor = self._calibrated(self._development)
        return found.nats / NATS_PER_BIT / max(self._state.evaluated_bytes, 1), factor

    def keep_if_best(self, valid_bpb: float, sharpness: float) -> bool:
        """Keep the mean weights if nothing kept before is better, and tell whether they were kept.

        Args:
            valid_bpb: What `evaluate` returned; NaN is kept only where there is nothing to judge by.
            sharpness: Likewise.
        """
        state = self._state
        state.since_best += 1
        if self._development is not None and not valid_bpb < state.best_valid_bpb:
            return False
        with self.average.in_place():
            self.best_weights = sharpened(self._network.to_weights(), sharpness)
        state.best_step = state.step
        state.best_valid_bpb = valid_bpb
        state.best_sharpness = sharpness
        state.since_best = 0
        return True

    def is_out_of_patience(self) -> bool:
        """Whether the lowest development loss is as many evaluations ago as end a run early."""
        return self._options.patience is not None and self._state.since_best >= self._options.patience

    def _calibrated(self, development: DevelopmentSet) -> tuple[Surprise, float]:
        """Read the development documents with the factor of the last evaluation, and again if another suits them."""
        state = self._state
        for _ in range(MOST_READINGS):
            factor = state.sharpness
            found, state.evaluated_bytes = development.read(self._parallel, state.development_bytes, factor)
            # Tied embeddings are read by the network, too.
            if state.evaluated_bytes >= FEWEST_BYTES and not self._network.config.tie_embeddings:
                state.sharpness = found.better(factor)
            if is_close(state.sharpness, factor):
                break
        return found, factor
