"""Where training runs: devices, precision, and the processes that share each batch."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from granular_lm.batching import IGNORED, Window, shard
from granular_lm.network import LSTMNetwork, TorchState
from granular_lm.training.calibration import Surprise, surprise_sums
from granular_lm.training.precision import choose_precision


class Parallel:
    """A network on this process's device, in step with those of the other processes.

    Args:
        network: Moved to the device; every process has the same.
        optimizers: Of its parameters.
        precision: ``"auto"``, ``"bf16"`` or ``"fp32"``.
        accumulate: Parts that this process reads its share of a batch in.
    """

    def __init__(
        self, network: LSTMNetwork, optimizers: Sequence[torch.optim.Optimizer], *, precision: str, accumulate: int = 1
    ) -> None:
        self.precision = choose_precision(precision)
        AcceleratorState._reset_state()  # it is global, and an earlier run may have had another precision
        self._accelerator = Accelerator(
            mixed_precision="bf16" if self.precision == "bf16" else "no",
            cpu=not torch.accelerator.is_available(),  # else processes on CPUs would each train alone
        )
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32: what is not bfloat16 still uses the tensor cores
        self._accumulate = accumulate
        self._network = self._accelerator.prepare(network)
        self._parameters = list(network.parameters())
        # Used as they are: without float16 there is no gradient to scale, and accelerate's wrapper looks for an
        # uncommon package on the disk at every step.
        self._optimizers = optimizers

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device(self._accelerator.device)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that tells and writes."""
        return bool(self._accelerator.is_main_process)

    @property
    def num_processes(self) -> int:
        """How many processes share each batch."""
        return int(self._accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return int(self._accelerator.process_index)

    def zero_states(self) -> list[TorchState | None]:
        """Return the state before a document, of each part of a batch."""
        return [None] * self._accumulate

    def gradient(
        self, window: Window, states: list[TorchState | None], max_norm: float
    ) -> tuple[float, float, list[TorchState | None]]:
        """Set the gradient of the nats per byte of a window, clipped.

        Args:
            window: The whole batch's; each process reads its own rows, in ``accumulate`` parts.
            states: Carried state of each part.
            max_norm: Largest norm of the gradient.

        Returns:
            -ln p of all targets, summed over the processes; the norm before clipping; the states after the window.
        """
        self._network.train()
        scale = self.num_processes / max(window.num_bytes, 1)  # gradients are averaged over processes
        total = torch.zeros((), device=self.device)
        after: list[TorchState | None] = []
        for part, state in enumerate(states):
            is_last = part == len(states) - 1
            with nullcontext() if is_last else self._accelerator.no_sync(self._network):
                logits, targets, (h, c) = self._read(window, state, part)
                nats = cross_entropy(logits, targets, ignore_index=IGNORED, reduction="sum")
                (nats * scale).backward()  # type: ignore[no-untyped-call]
            total += nats.detach()
            after.append((h.detach(), c.detach()))
        norm = float(clip_grad_norm_(self._parameters, max_norm))
        return float(self._sum(total)), norm, after

    def update(self, *, is_skipped: bool = False) -> None:
        """Move the parameters along the gradient, unless the update is skipped, and forget it."""
        if not is_skipped:
            for optimizer in self._optimizers:
                optimizer.step()
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def surprise(
        self, window: Window, states: list[TorchState | None], sharpness: float
    ) -> tuple[Surprise, list[TorchState | None]]:
        """Return what the network makes of a window without dropout, over all processes, and the states after it.

        Args:
            window: The whole batch's.
            states: Carried state of each part.
            sharpness: What the logits are multiplied by.
        """
        self._network.eval()
        total = torch.zeros(3, device=self.device)
        after: list[TorchState | None] = []
        for part, state in enumerate(states):
            logits, targets, following = self._read(window, state, part)
            is_read = targets != IGNORED
            total += surprise_sums(sharpness * logits[is_read], targets[is_read])
            after.append(following)
        return Surprise(*self._sum(total).tolist()), after

    def seed(self, seed: int) -> None:
        """Seed what is random on this process's device.

        `torch.manual_seed` alone would do, but where there is no GPU it notes for each call, with a traceback, what
        to do should one appear: 2 ms, and memory that is never given back.
        """
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def set_learning_rate(self, factor: float) -> None:
        """Set the learning rate of every group to a share of its peak."""
        for group in (group for optimizer in self._optimizers for group in optimizer.param_groups):
            group["lr"] = group["initial_lr"] * factor

    def from_main(self, value: float) -> float:
        """Return the main process's value, so that all of them decide alike."""
        if self.num_processes == 1:
            return value
        return float(broadcast(torch.tensor([value], dtype=torch.float64, device=self.device)))

    def _read(self, window: Window, state: TorchState | None, part: int) -> tuple[Tensor, Tensor, TorchState]:
        """Return the logits of a part's positions, shape (B T, V), what follows there, and the state after them."""
        mine = shard(window, self.rank * self._accumulate + part, self.num_processes * self._accumulate)
        inputs, targets = self._moved(mine.inputs), self._moved(mine.targets)
        logits, after = self._network(inputs, None if window.is_first else state)
        # Padding is read by the output layer, too: to pick out the rest took longer.
        return logits.float().flatten(0, 1), targets.flatten(), after

    def _moved(self, array: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _sum(self, values: Tensor) -> Tensor:
        """Return sums over the processes."""
        return torch.as_tensor(self._accelerator.reduce(values, reduction="sum"))
