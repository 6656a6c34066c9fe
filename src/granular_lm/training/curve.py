"""The record of a training run: what `metrics.jsonl` and the learning curves hold."""

import json
from pathlib import Path
from typing import Any

from granular_lm.files import replaced_file
from granular_lm.training.trainer import Progress, Trainer

POINTS = 200
"""Roughly how many points a run is recorded in, however long it is."""


class MetricsRecorder:
    """A training callback that averages updates into points.

    Attributes:
        points: One dictionary for each point: ``step``, ``progress``, ``seconds``, ``bytes_seen``,
            ``bytes_per_second``, ``train_bpb``, ``learning_rate``, ``grad_norm`` and, where measured, ``valid_bpb``.
    """

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []
        self._bits, self._bytes, self._since = 0.0, 0, 0.0

    def __call__(self, trainer: Trainer, told: Progress) -> None:
        """Take in one update."""
        self._bits += told.train_bits
        self._bytes += told.num_bytes
        due = int(told.progress * POINTS) > (int(self.points[-1]["progress"] * POINTS) if self.points else -1)
        if due or told.valid_bpb is not None:
            self._add(told)

    def write(self, path: Path) -> None:
        """Write the points to a file, one JSON object a line."""
        with replaced_file(path) as temporary:
            temporary.write_text("".join(json.dumps(point) + "\n" for point in self.points), encoding="utf-8")

    def _add(self, told: Progress) -> None:
        point = {
            "step": told.step,
            "progress": told.progress,
            "seconds": told.seconds,
            "bytes_seen": told.bytes_seen,
            "bytes_per_second": self._bytes / max(told.seconds - self._since, 1e-9),
            "train_bpb": self._bits / max(self._bytes, 1),
            "learning_rate": told.learning_rate,
            "grad_norm": told.grad_norm,
        }
        if told.valid_bpb is not None:
            point |= {"valid_bpb": told.valid_bpb, "is_best": told.is_best}
        self.points.append(point)
        self._bits, self._bytes, self._since = 0.0, 0, told.seconds
