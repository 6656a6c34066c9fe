"""A training run on disk, from which it goes on as if it had never stopped.

A checkpoint is one safetensors file: the tensors, and in its header, as JSON, where the run stands and what it was
made with. It is written under another name, forced to the disk and renamed, so a run that is killed at any moment
leaves the last complete checkpoint. There are no random states in it: the trainer draws from a seed that is a
function of the run's seed and the update's number.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from granular_lm.errors import TrainingError
from granular_lm.files import replaced_file
from granular_lm.training.options import TrainingOptions
from granular_lm.weights import ModelConfig

logger = logging.getLogger(__name__)

CHECKPOINT_FILE = "checkpoint.safetensors"
CHECKPOINT_SECONDS = 30.0
CHECKPOINT_SHARE = 0.02
"""Most of the time that may go into writing checkpoints; a slow disk gets fewer of them."""

FORMAT = "granular-lm checkpoint 3"


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A training run between two batches.

    Attributes:
        made_with: What decides the result and must be the same to go on, as JSON values.
        state: Where the run stands, as JSON values.
        points: The learning curve so far.
        tensors: Parameters, their mean, the best of those, and what the optimizers keep, by name.
    """

    made_with: dict[str, Any]
    state: dict[str, Any]
    points: list[dict[str, Any]]
    tensors: dict[str, Tensor]

    def named(self, kind: str) -> dict[str, Tensor]:
        """Return the tensors of a kind, such as ``"network"``, by the names they have within it."""
        prefix = f"{kind}."
        return {name.removeprefix(prefix): each for name, each in self.tensors.items() if name.startswith(prefix)}

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        about = {"made_with": self.made_with, "state": self.state, "points": self.points}
        contiguous = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        with replaced_file(path, is_forced_to_disk=True) as temporary:
            # Not `save_file`: that makes a temporary file of its own, and its errors are no OSError.
            temporary.write_bytes(save(contiguous, metadata={"format": FORMAT, "about": json.dumps(about)}))

    @classmethod
    def load(cls, path: Path) -> "Checkpoint | None":
        """Return the checkpoint in a file, or None if there is no such file.

        Raises:
            TrainingError: The file is damaged or something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise TrainingError(f"{path} is no checkpoint of this granular-lm; remove it and train anew.")
                about = json.loads(metadata["about"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            raise TrainingError(f"{path} is damaged ({error}); remove it and train anew.") from error
        return cls(**about, tensors=tensors)

    def config_for(self, network: Mapping[str, Any]) -> ModelConfig:
        """Return the network of the run, but for what is given."""
        return ModelConfig.from_dict({**self.made_with["network"], **network})

    def options_for(self, options: TrainingOptions) -> TrainingOptions:
        """Return options with those of the run for what is left open."""
        then = {**self.made_with["options"], **self.state["rates"]}
        left = [*options.left_to_auto(), *(["learning_rate"] if options.learning_rate is None else [])]
        return replace(options, **{name: then[name] for name in left})

    def refuse_changes(self, now: Mapping[str, Any]) -> None:
        """Raise unless a run is made with the same.

        Raises:
            TrainingError: Something differs; the message names it, and both its values.
        """
        changes = _differences(self.made_with, now)
        if changes:
            raise TrainingError(
                f"this run was begun otherwise: {'; '.join(changes)}. "
                "Resume it with what it was begun with, or write to another folder."
            )


def _differences(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in dict.fromkeys([*then, *now]):
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key} was {old!r}, now {new!r}")
    return found


class CheckpointWriter:
    """Writes checkpoints now and then, so seldom that they take little of the time.

    Args:
        path: The file that each replaces.
        seconds: Least time between two; 0 for one whenever there may be one, whatever it costs.
    """

    def __init__(self, path: Path, seconds: float = CHECKPOINT_SECONDS) -> None:
        self._path = path
        self._seconds = seconds
        self._due = time.perf_counter() + seconds
        self._has_warned = False

    def is_due(self) -> bool:
        """Tell whether it is time for another one."""
        return time.perf_counter() >= self._due

    def write(self, checkpoint: Checkpoint) -> None:
        """Write one, and decide when the next is due; the first that cannot be written is warned of."""
        started = time.perf_counter()
        try:
            checkpoint.save(self._path)
        except OSError as error:
            if not self._has_warned:
                advice = "training goes on without; make room to have one."
                logger.warning("no checkpoint could be written to %s (%s); %s", self._path, error.strerror, advice)
            self._has_warned = True
        ended = time.perf_counter()
        self._due = ended + (self._seconds and max(self._seconds, (ended - started) / CHECKPOINT_SHARE))


def discard_run(folder: Path) -> None:
    """Remove the checkpoint in the folder of a run, and the folder if nothing else is in it."""
    with suppress(OSError):
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        folder.rmdir()


def prefixed(kind: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under the names that `Checkpoint.named` finds."""
    return {f"{kind}.{name}": tensor for name, tensor in tensors.items()}


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return what optimizers keep for each parameter, by optimizer, number of the parameter, and name."""
    return {
        f"{number}.{parameter}.{name}": value
        for number, optimizer in enumerate(optimizers)
        for parameter, kept in optimizer.state_dict()["state"].items()
        for name, value in kept.items()
    }


def restore_optimizers(optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Give optimizers back what `optimizer_tensors` returned."""
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            owner, parameter, name = key.split(".")
            if int(owner) == number:
                state.setdefault(int(parameter), {})[name] = value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
