"""Experiment trackers: TensorBoard, Weights & Biases and the others that accelerate knows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from granular_lm.errors import OptionError
from granular_lm.training.options import Callback, Progress

if TYPE_CHECKING:
    from granular_lm.training.trainer import Trainer

TRACKED = ("train_bpb", "valid_bpb", "learning_rate", "grad_norm", "bytes_per_second", "skipped")
LOGGING_FOLDER = Path("runs")


@contextmanager
def tracker(name: str, run_name: str, *, folder: Path = LOGGING_FOLDER) -> Iterator[Callback]:
    """Give a training callback that sends the points of the learning curve to a tracker, by bytes read.

    Args:
        name: One of accelerate's trackers, such as ``"tensorboard"`` or ``"wandb"``.
        run_name: What the tracker calls the run.
        folder: Where a tracker that writes files writes them.

    Raises:
        OptionError: There is no such tracker, or its package is not installed.
    """
    if name not in LOGGER_TYPE_TO_CLASS:
        raise OptionError(f"track={name!r} is not accepted; give one of: {', '.join(sorted(LOGGER_TYPE_TO_CLASS))}.")
    kind = LOGGER_TYPE_TO_CLASS[name]
    place = {"logging_dir": folder} if kind.requires_logging_directory else {}
    try:
        opened = kind(run_name, **place)
        opened.start()
    except ImportError as error:
        raise OptionError(f"track={name!r} needs a package that is not installed ({error}); install it.") from error
    sent = 0

    def send(trainer: "Trainer", told: Progress) -> None:
        nonlocal sent
        points = trainer.metrics.points
        sent = min(sent, len(points))
        for point in points[sent:]:
            opened.log(_numbers(point), step=point["bytes_seen"])
        sent = len(points)

    try:
        yield send
    finally:
        opened.finish()


def _numbers(point: Mapping[str, Any]) -> dict[str, float]:
    return {name: point[name] for name in TRACKED if name in point}
