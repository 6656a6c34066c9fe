"""Experiment trackers: TensorBoard, Weights & Biases and the others that accelerate knows."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelerate.tracking import LOGGER_TYPE_TO_CLASS

from granular_lm.errors import OptionError
from granular_lm.training.options import Callback, Progress

if TYPE_CHECKING:
    from granular_lm.training.trainer import Trainer

logger = logging.getLogger(__name__)

PACKAGES = {"tensorboard": ("tensorboard", "tensorboardX")}
"""Packages that a tracker of another name than its package needs, one of them enough."""

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
        OptionError: There is no such tracker, or its package is not installed; at the first update, it does not
            start.
    """
    if name not in LOGGER_TYPE_TO_CLASS:
        raise OptionError(f"track={name!r} is not accepted; give one of: {', '.join(sorted(LOGGER_TYPE_TO_CLASS))}.")
    kind = LOGGER_TYPE_TO_CLASS[name]
    package = PACKAGES.get(name, (name,))
    if not any(find_spec(each) for each in package):
        raise OptionError(f"track={name!r} needs a package that is not installed: pip install {package[0]}.")
    opened: Any = None
    sent = 0
    has_failed = False

    def send(trainer: "Trainer", told: Progress) -> None:
        nonlocal opened, sent, has_failed
        if has_failed:
            return
        points = trainer.metrics.points
        if opened is None:  # not before: only now it is settled which process is the main one
            opened = _open(kind, run_name, folder)
            sent = sum(point["step"] < told.step for point in points)  # by the run that this one resumes
        try:
            for point in points[sent:]:
                opened.log(_numbers(point), step=point["bytes_seen"])
        except Exception as error:  # noqa: BLE001 - a network that is down, say, and not worth the training
            has_failed = True
            logger.warning("%s takes no more (%s); training goes on without it.", name, error)
        sent = len(points)

    try:
        yield send
    finally:
        if opened is not None and not has_failed:  # what takes nothing more cannot be ended well either
            try:
                opened.finish()
            except Exception as error:  # noqa: BLE001 - as above
                logger.warning("%s did not end well (%s).", name, error)


def _open(kind: Any, run_name: str, folder: Path) -> Any:
    place = {"logging_dir": folder} if kind.requires_logging_directory else {}
    try:
        opened = kind(run_name, **place)
        opened.start()
    except Exception as error:
        # A tracker may fail in any way: no login, no network, a folder that cannot be written.
        raise OptionError(f"the tracker did not start ({error}); set it up, or train without track.") from error
    return opened


def _numbers(point: Mapping[str, Any]) -> dict[str, float]:
    return {name: point[name] for name in TRACKED if point.get(name) is not None}
