"""The training loop.

The loss is nats per byte of the batch: a mean per token would change the gradient's scale with the codec. The loop
knows nothing of files and prints nothing; who wants to see or keep what happens gives a callback.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from granular_lm.batching import IGNORED, Batches, TokenStore, Window, shard
from granular_lm.errors import OptionError, TrainingError
from granular_lm.network import LSTMNetwork, TorchState
from granular_lm.training.precision import choose_precision
from granular_lm.training.schedule import Budget, learning_rate_factor
from granular_lm.weights import ModelConfig

NATS_PER_BIT = math.log(2)
MOST_SEEDS = 2**32
EVALUATED_SHARE = 0.015
"""Bytes that one evaluation reads, as a share of the whole budget: ten of them take about a twentieth of the time."""

FEWEST_EVALUATED_BYTES, MOST_EVALUATED_BYTES = 16_384, 200_000
EVALUATED_WINDOWS_PER_SEGMENT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOptions:
    """How to train.

    Attributes:
        learning_rate: Of AdamW, at its peak.
        weight_decay: Of AdamW, on matrices alone.
        warmup: Share of the budget over which the learning rate rises.
        grad_clip: Largest norm of the gradient.
        batch_bytes: Roughly the bytes one update reads.
        window_bytes: Longest stretch that gradients flow through.
        evaluations: How many times the development documents are scored on the way.
        precision: ``"auto"``, ``"bf16"`` or ``"fp32"``.
        seed: Of the initial weights, dropout and the order of documents.

    Raises:
        OptionError: A number is out of range.
    """

    learning_rate: float = 8e-3
    weight_decay: float = 0.01
    warmup: float = 0.02
    grad_clip: float = 1.0
    batch_bytes: int = 1024
    window_bytes: int = 256
    evaluations: int = 10
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "grad_clip", "batch_bytes", "window_bytes", "evaluations"):
            if not 0 < getattr(self, name) < math.inf:
                raise OptionError(f"{name}={getattr(self, name)} is not accepted; give a number above 0.")
        if not 0 <= self.seed < MOST_SEEDS:
            raise OptionError(f"seed={self.seed} is not accepted; give a whole number from 0 to {MOST_SEEDS - 1}.")
        if not 0 <= self.weight_decay < math.inf:
            raise OptionError(f"weight_decay={self.weight_decay} is not accepted; give 0 or more.")
        if not 0 <= self.warmup < 1:
            raise OptionError(f"warmup={self.warmup} is not accepted; give a share from 0 up to, not including, 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What the loop tells its callback after each update.

    Attributes:
        step: Updates so far, this one included.
        progress: Share of the budget used, 0 to 1.
        seconds: Wall clock since the start.
        bytes_seen: Raw bytes read so far.
        num_bytes: Raw bytes of this update.
        train_bits: Bits that the network spent on them, before the update.
        learning_rate: Of this update.
        grad_norm: Before clipping.
        valid_bpb: Bits per byte of the development documents, where it was just measured.
        is_best: Whether that is the lowest so far.
    """

    step: int
    progress: float
    seconds: float
    bytes_seen: int
    num_bytes: int
    train_bits: float
    learning_rate: float
    grad_norm: float
    valid_bpb: float | None = None
    is_best: bool = False


Callback = Callable[["Trainer", Progress], None]


class Trainer:
    """Fits an LSTM to encoded documents.

    Args:
        config: Shape of the network.
        train_store: Training documents.
        valid_store: Development documents: they choose which weights are kept. None keeps the last.
        budget: When to stop.
        options: How to train.
        on_progress: Called with this trainer and what happened after each update, on the main process alone.
    """

    def __init__(
        self,
        config: ModelConfig,
        train_store: TokenStore,
        valid_store: TokenStore | None,
        *,
        budget: Budget,
        options: TrainingOptions,
        on_progress: Callback | None = None,
    ) -> None:
        self.options = options
        self.budget = budget
        self.precision = choose_precision(options.precision)
        self.codec = train_store.codec
        self.corpus_bytes = int(train_store.num_bytes.sum())
        self.best_valid_bpb = math.inf
        self.best_weights: dict[str, NDArray[np.float32]] | None = None
        self.step = 0
        self.bytes_seen = 0
        self.progress = 0.0
        self.ended = "budget"
        self.evaluated_bytes = 0
        self._affordable_bytes: int | None = None
        self._on_progress = on_progress
        self._evaluations_done = 0
        cut: dict[str, int] = {"window_bytes": options.window_bytes, "seed": options.seed}
        self._batches = Batches(train_store, batch_bytes=options.batch_bytes, **cut)
        self._valid_batches: Batches | None = None
        if valid_store is not None:
            self._valid_batches = Batches(
                valid_store,
                batch_bytes=8 * options.batch_bytes,  # without gradients larger batches cost no memory
                windows_per_segment=EVALUATED_WINDOWS_PER_SEGMENT,
                **cut,
            )
        torch.manual_seed(options.seed)
        self.network = _new_network(config)
        AcceleratorState._reset_state()  # it is global, and an earlier run may have had another precision
        self._accelerator = Accelerator(
            mixed_precision="bf16" if self.precision == "bf16" else "no",
            cpu=not torch.accelerator.is_available(),  # else processes on CPUs would each train alone
        )
        self._prepared, self._optimizer = self._accelerator.prepare(self.network, _optimizer(self.network, options))
        self._started = time.perf_counter()

    def run(self) -> None:
        """Train until the budget is used.

        Ctrl-C, or a gradient that is no longer a finite number, ends training early; the best weights so far are
        kept, and `ended` says why.

        Raises:
            TrainingError: The gradient or the development loss was not finite before there were any weights worth
                keeping.
        """
        self._started = time.perf_counter()
        try:
            self._train()
        except KeyboardInterrupt:
            self.ended = "interrupted"
        except TrainingError as error:
            if self.best_weights is None:
                raise
            self.ended = f"diverged: {error}"
        if self.best_weights is None and not self._keep_if_best(self.evaluate()):
            raise TrainingError(
                f"the development loss is no finite number after {self.step} updates; "
                f"lower the learning rate (now {self.options.learning_rate:g})."
            )

    @property
    def seconds(self) -> float:
        """Wall clock since `run` began."""
        return time.perf_counter() - self._started

    def evaluate(self) -> float:
        """Return the bits per byte of development documents under the current weights, in the training precision.

        The same documents are read each time: a seeded sample, as large as the budget can afford. Only one of many
        windows is cut into segments that start from the zero state.
        """
        if self._valid_batches is None:
            return math.nan
        self._prepared.eval()
        nats, num_bytes = 0.0, 0
        with torch.no_grad():
            for window, state in self._evaluated_windows():
                loss, state[0] = self._nats(window, state[0])
                nats += self._sum_over_processes(loss)
                num_bytes += window.num_bytes
        self.evaluated_bytes = num_bytes
        return nats / NATS_PER_BIT / max(num_bytes, 1)

    def _evaluated_windows(self) -> Iterator[tuple[Window, list[TorchState | None]]]:
        """Yield windows of development documents, each with the place where its batch keeps the carried state."""
        assert self._valid_batches is not None
        if self._affordable_bytes is None:
            expected_bytes = self.bytes_seen / self.progress if self.progress else math.inf
            affordable = min(EVALUATED_SHARE * expected_bytes, MOST_EVALUATED_BYTES)
            self._affordable_bytes = int(max(affordable, FEWEST_EVALUATED_BYTES))
        num_bytes = 0
        for windows in self._valid_batches.epoch(0):
            state: list[TorchState | None] = [None]
            for window in windows:
                yield window, state
                num_bytes += window.num_bytes
                if num_bytes >= self._affordable_bytes:
                    return

    def _train(self) -> None:
        for epoch in itertools.count():
            for windows in self._batches.epoch(epoch):
                state: TorchState | None = None
                for window in windows:
                    state = self._update(window, state)
                    if self.progress >= 1.0:
                        return

    def _update(self, window: Window, state: TorchState | None) -> TorchState:
        learning_rate = self._set_learning_rate()
        self._prepared.train()
        nats, after = self._nats(window, state)
        world_size = self._accelerator.num_processes  # gradients are averaged over processes; the loss is a sum
        self._accelerator.backward(nats * (world_size / max(window.num_bytes, 1)))
        grad_norm = float(self._accelerator.clip_grad_norm_(self._prepared.parameters(), self.options.grad_clip))
        if not math.isfinite(grad_norm):
            raise TrainingError(
                f"the gradient became {grad_norm} at update {self.step + 1}; "
                f"lower the learning rate (now {self.options.learning_rate:g})."
            )
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._advance(window)
        self._report(window, self._sum_over_processes(nats), learning_rate, grad_norm)
        return after[0].detach(), after[1].detach()

    def _advance(self, window: Window) -> None:
        """Count an update; all processes agree on the progress, or they would not stop together."""
        self.step += 1
        self.bytes_seen += window.num_bytes
        seconds = self.seconds
        if self._accelerator.num_processes > 1:
            seconds = float(broadcast(torch.tensor([seconds], device=self._accelerator.device)))
        used = self.budget.progress(seconds=seconds, bytes_seen=self.bytes_seen, corpus_bytes=self.corpus_bytes)
        self.progress = min(used, 1.0)

    def _nats(self, window: Window, state: TorchState | None) -> tuple[Tensor, TorchState]:
        """Return -ln p of the targets, summed over this process's rows, and the state after the window."""
        mine = shard(window, self._accelerator.process_index, self._accelerator.num_processes)
        inputs, targets = (
            torch.from_numpy(array).to(self._accelerator.device) for array in (mine.inputs, mine.targets)
        )
        is_read = targets != IGNORED
        logits, after = self._prepared(inputs, None if window.is_first else state, is_read)
        return cross_entropy(logits.float(), targets[is_read], reduction="sum"), after

    def _sum_over_processes(self, value: Tensor) -> float:
        return float(self._accelerator.reduce(value.detach(), reduction="sum"))

    def _set_learning_rate(self) -> float:
        factor = learning_rate_factor(self.progress, warmup=self.options.warmup)
        # Never quite zero: the first update of a run, at progress 0, should count.
        learning_rate = self.options.learning_rate * max(factor, 1e-3)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        return learning_rate

    def _report(self, window: Window, nats: float, learning_rate: float, grad_norm: float) -> None:
        valid_bpb, is_best = None, False
        due = int(self.progress * self.options.evaluations)
        if due > self._evaluations_done:
            self._evaluations_done = due
            valid_bpb = self.evaluate()
            is_best = self._keep_if_best(valid_bpb)
        if self._on_progress is None or not self._accelerator.is_main_process:
            return
        told = Progress(
            step=self.step,
            progress=self.progress,
            seconds=self.seconds,
            bytes_seen=self.bytes_seen,
            num_bytes=window.num_bytes,
            train_bits=nats / NATS_PER_BIT,
            learning_rate=learning_rate,
            grad_norm=grad_norm,
            valid_bpb=valid_bpb,
            is_best=is_best,
        )
        self._on_progress(self, told)

    def _keep_if_best(self, valid_bpb: float) -> bool:
        if self._valid_batches is not None and not valid_bpb < self.best_valid_bpb:  # NaN is never the best
            return False
        self.best_valid_bpb = valid_bpb
        self.best_weights = self.network.to_weights()
        return True


def _new_network(config: ModelConfig) -> LSTMNetwork:
    try:
        return LSTMNetwork(config)
    except RuntimeError as error:  # what torch raises when memory does not suffice
        raise OptionError(
            f"a network of embedding_dim={config.embedding_dim}, hidden_size={config.hidden_size}, "
            f"num_layers={config.num_layers} does not fit into memory; give smaller numbers."
        ) from error


def _optimizer(network: LSTMNetwork, options: TrainingOptions) -> torch.optim.AdamW:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    biases = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": options.weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.99), fused=True)
