"""Where a training run stands."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class RunState:
    """Where a run stands between two batches: with the tensors, all that a checkpoint needs.

    Attributes:
        step: Updates, skipped ones included.
        epoch: Pass over the training documents.
        batch: Batches of that pass that are done.
        bytes_seen: Raw bytes read.
        progress: Share of the budget used.
        seconds: Wall clock, as of the last update.
        evaluations: How many there have been.
        since_best: Evaluations since the lowest development loss.
        skipped: Updates whose gradient was not a finite number.
        skipped_in_a_row: Those since the last good update.
        development_bytes: What each evaluation may read; 0 before the first.
        evaluated_bytes: What the last one read.
        best_step: Updates before the lowest development loss.
        best_valid_bpb: Lowest development loss.
        best_sharpness: What the logits of the weights with that loss were multiplied by.
        sharpness: What suited the development documents at the last evaluation.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    bytes_seen: int = 0
    progress: float = 0.0
    seconds: float = 0.0
    evaluations: int = 0
    since_best: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    development_bytes: int = 0
    evaluated_bytes: int = 0
    best_step: int = 0
    best_valid_bpb: float = math.inf
    best_sharpness: float = 1.0
    sharpness: float = 1.0

    def restore(self, values: Mapping[str, Any]) -> None:
        """Set every attribute, in place: others look at this state, too."""
        for name, value in values.items():
            setattr(self, name, value)
