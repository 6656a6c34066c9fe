"""The record of a training run: what `metrics.jsonl` and the learning curves hold."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from granular_lm.files import replaced_file
from granular_lm.training.options import Progress

POINTS = 200
"""Roughly how many points a run is recorded in, however long it is."""


class MetricsRecorder:
    """Averages updates into points.

    Attributes:
        points: One dictionary for each point: ``step``, ``progress``, ``seconds``, ``bytes_seen``,
            ``bytes_per_second``, ``train_bpb``, ``learning_rate``, ``grad_norm`` (the largest since the last point),
            ``skipped`` and, where measured, ``valid_bpb``.
        pending: What has come in since the last point, as JSON values.
    """

    def __init__(self) -> None:
        self.points: list[dict[str, Any]] = []
        self.pending = _nothing(seen=0, since=0.0)

    def __call__(self, told: Progress) -> None:
        """Take in one update."""
        if math.isfinite(told.grad_norm):
            self.pending["grad_norm"] = max(told.grad_norm, self.pending["grad_norm"] or 0.0)
        if math.isfinite(told.train_bits):
            self.pending["bits"] += told.train_bits
            self.pending["bytes"] += told.num_bytes
        due = int(told.progress * POINTS) > (int(self.points[-1]["progress"] * POINTS) if self.points else -1)
        if due or told.valid_bpb is not None:
            self._add(told)

    def restore(self, points: Iterable[Mapping[str, Any]], pending: Mapping[str, Any]) -> None:
        """Go on from what `points` and `pending` were."""
        self.points = [dict(point) for point in points]
        self.pending = dict(pending)

    def _add(self, told: Progress) -> None:
        pending = self.pending
        point = {
            "step": told.step,
            "progress": told.progress,
            "seconds": told.seconds,
            "bytes_seen": told.bytes_seen,
            "bytes_per_second": (told.bytes_seen - pending["seen"]) / max(told.seconds - pending["since"], 1e-9),
            "train_bpb": pending["bits"] / pending["bytes"] if pending["bytes"] else None,
            "learning_rate": told.learning_rate,
            "grad_norm": pending["grad_norm"],
            "skipped": told.skipped,
        }
        if told.valid_bpb is not None:
            valid_bpb = told.valid_bpb if math.isfinite(told.valid_bpb) else None
            point |= {"valid_bpb": valid_bpb, "is_best": told.is_best}
        self.points.append(point)
        self.pending = _nothing(seen=told.bytes_seen, since=told.seconds)


def _nothing(*, seen: int, since: float) -> dict[str, Any]:
    return {"bits": 0.0, "bytes": 0, "grad_norm": None, "seen": seen, "since": since}


def write_metrics(points: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write the points of a learning curve to a file, one JSON object a line."""
    with replaced_file(path) as temporary:
        temporary.write_text("".join(json.dumps(point, allow_nan=False) + "\n" for point in points), encoding="utf-8")
