"""The training loop.

The loss is nats per byte of the batch: a mean per token would change the gradient's scale with the codec. The loop
prints nothing; who wants to see what happens gives a callback. All that is random in an update (dropout) comes from
a seed made of the run's seed and the update's number, so a run goes on from a checkpoint exactly as it would have.
"""

import itertools
import math
import threading
import time
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from granular_lm.batching import Batches, Window
from granular_lm.errors import OptionError, TrainingError
from granular_lm.interrupts import noted_interrupts
from granular_lm.network import LSTMNetwork, TorchState
from granular_lm.token_store import TokenStore
from granular_lm.training.checkpoint import (
    Checkpoint,
    CheckpointWriter,
    optimizer_tensors,
    prefixed,
    restore_optimizers,
)
from granular_lm.training.curve import MetricsRecorder
from granular_lm.training.development import DevelopmentSet
from granular_lm.training.memory import freed_memory_kept, is_out_of_memory
from granular_lm.training.optimizer import make_optimizers
from granular_lm.training.options import NATS_PER_BIT, Callback, Progress, TrainingOptions
from granular_lm.training.parallel import Parallel
from granular_lm.training.schedule import Budget, learning_rate_factor
from granular_lm.training.selection import Selection
from granular_lm.training.state import RunState
from granular_lm.weights import ModelConfig, Weights, weights_hash

MOST_SKIPPED_IN_A_ROW = 10
MAY_CHANGE = ("learning_rate", "matrix_learning_rate")
"""Options that a resumed run may be given anew: what to do about a run that diverges is to lower them."""


class Trainer:
    """Fits an LSTM to encoded documents.

    Args:
        config: Shape of the network.
        train_store: Training documents.
        valid_store: Development documents: they choose which weights are kept. None keeps the last.
        budget: When to stop.
        options: How to train.
        weights: What to start from; None for a random start.
        checkpoints: What writes checkpoints, between batches; None for none.
        on_step: Called with this trainer and what happened after each update, on the main process alone.

    Attributes:
        options: How it trains, what was left open included.
        selection: The best weights so far.
        ended: Why training ended, ``"budget"`` if as planned; empty while it goes on.
        metrics: The learning curve.
    """

    def __init__(
        self,
        config: ModelConfig,
        train_store: TokenStore,
        valid_store: TokenStore | None,
        *,
        budget: Budget,
        options: TrainingOptions,
        weights: Weights | None = None,
        checkpoints: CheckpointWriter | None = None,
        on_step: Callback | None = None,
    ) -> None:
        self._batches = Batches(
            train_store, batch_bytes=options.batch_bytes, window_bytes=options.window_bytes, seed=options.seed
        )
        self.options = options = replace(
            options.settled(), batch_bytes=self._batches.batch_bytes, window_bytes=self._batches.window_bytes
        )
        self.budget = budget
        self.codec = train_store.codec
        self.corpus_bytes = int(train_store.num_bytes.sum())
        self.state = RunState()
        self.metrics = MetricsRecorder()
        self.ended = ""
        self._is_fine_tuning = weights is not None and valid_store is not None
        self._started = time.perf_counter()
        self._on_step = on_step
        self._checkpoints = checkpoints
        development = (
            None
            if valid_store is None
            else DevelopmentSet(
                valid_store,
                batch_bytes=self._batches.batch_bytes,
                window_bytes=self._batches.window_bytes,
                seed=options.seed,
            )
        )
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
            torch.manual_seed(options.seed)
            self.network = _new_network(config, weights)
        self._optimizers = make_optimizers(self.network, options)
        self._parallel = Parallel(
            self.network, self._optimizers, precision=options.precision, accumulate=options.accumulate
        )
        self.selection = Selection(self.network, self._parallel, development, self.state, options)
        self.precision = self._parallel.precision
        self._made_with = self._decisive(train_store, valid_store, weights)

    def run(self) -> None:
        """Train until the budget is used.

        Ctrl-C, a development loss that no longer falls (``patience``), or gradients that are no longer finite
        numbers end training early; the best weights so far are kept, and `ended` says why.

        Raises:
            TrainingError: The gradient or the development loss was not finite before there were any weights worth
                keeping.
        """
        self._started = time.perf_counter() - self.state.seconds  # earlier sittings count
        with (
            noted_interrupts() as interrupted,
            freed_memory_kept(),
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),
        ):
            try:
                if self._is_fine_tuning and not self.state.step:
                    self._evaluate()  # so that nothing worse than what it began with is kept
                self._train(interrupted)
            except KeyboardInterrupt:  # the second one, or a callback's
                self.ended = "interrupted"
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                raise TrainingError(
                    f"memory does not suffice for an update of {self._batches.batch_bytes:,} bytes; lower batch_bytes, "
                    f"give accumulate={2 * self.options.accumulate} or more, or a smaller hidden_size."
                ) from error
        if self.selection.best_weights is not None:
            return
        if 0 < self.state.step == self.state.skipped:
            raise TrainingError(f"no gradient was a finite number in {self.state.step} updates; {self._advice()}")
        _, is_best = self._evaluate()
        if not is_best:
            raise TrainingError(
                f"the development loss is no finite number after {self.state.step} updates; {self._advice()}"
            )

    @property
    def seconds(self) -> float:
        """Wall clock of training so far, earlier sittings of a resumed run included."""
        return time.perf_counter() - self._started

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on from where a checkpoint was written.

        Raises:
            TrainingError: The run was begun with other data, another codec or network, or other options.
        """
        checkpoint.refuse_changes(self._made_with)
        self.state.restore(checkpoint.state["run"])
        self.metrics.restore(checkpoint.points, checkpoint.state["metrics"])
        self.network.load_weights({name: tensor.numpy() for name, tensor in checkpoint.named("network").items()})
        best = {name: tensor.numpy() for name, tensor in checkpoint.named("best").items()}
        self.selection.best_weights = best or None
        self.selection.average.restore(checkpoint.named("average"))
        restore_optimizers(self._optimizers, checkpoint.named("optimizer"))
        if checkpoint.state["budget"] != asdict(self.budget):
            self._stretch()

    def _stretch(self) -> None:
        """Count what has been done as a share of the present budget, which is not the one it was done under."""
        for point in self.metrics.points:
            point["progress"] = self._progress(point["seconds"], point["bytes_seen"])
        self.state.progress = self._progress(self.state.seconds, self.state.bytes_seen)
        self.state.evaluations = self.selection.num_due() - (self.state.progress >= 1.0)  # the last one is to come

    def checkpoint(self) -> Checkpoint:
        """Return all that is needed to go on from here."""
        best = {name: torch.from_numpy(array) for name, array in (self.selection.best_weights or {}).items()}
        return Checkpoint(
            made_with=self._made_with,
            state={
                "run": asdict(self.state),
                "metrics": self.metrics.pending,
                "budget": asdict(self.budget),
                "rates": {name: getattr(self.options, name) for name in MAY_CHANGE},
            },
            points=self.metrics.points,
            tensors={
                **prefixed("network", {name: each.detach() for name, each in self.network.named_parameters()}),
                **prefixed("average", self.selection.average.tensors()),
                **prefixed("best", best),
                **prefixed("optimizer", optimizer_tensors(self._optimizers)),
            },
        )

    def _decisive(
        self, train_store: TokenStore, valid_store: TokenStore | None, weights: Weights | None
    ) -> dict[str, Any]:
        """Return what decides the result, but for the budget and the learning rates, as JSON values."""
        settings = asdict(self.options)
        return {
            "granular-lm": version("granular-lm"),
            "codec": {"name": self.codec.name, "fingerprint": self.codec.fingerprint()},
            "network": self.network.config.to_dict(),
            "base": None if weights is None else weights_hash(weights),
            "options": {name: value for name, value in settings.items() if name not in MAY_CHANGE},
            "processes": self._parallel.num_processes,
            "data": {"train": train_store.sha256, "validation": None if valid_store is None else valid_store.sha256},
            "precision": self.precision,
        }

    def _train(self, interrupted: threading.Event) -> None:
        state = self.state
        if state.progress >= 1.0:  # resumed with a budget that is used already
            if self.selection.is_due():
                self._evaluate()
            self.ended = "budget"
            return
        if self.selection.is_out_of_patience():  # resumed though it had ended for that
            self.ended = self._early()
            return
        for epoch in itertools.count(state.epoch):
            state.epoch = epoch
            for windows in self._batches.epoch(epoch, start=state.batch):
                carried, is_first = self._parallel.zero_states(), True
                for window in windows:
                    carried = self._update(window, carried, begins_batch=is_first)
                    is_first = False
                    if self.ended:
                        break
                state.batch += 1
                if not self.ended and self._parallel.from_main(float(interrupted.is_set())):
                    self.ended = "interrupted"
                if self.ended:
                    self._save_at_the_end()
                    return
            state.batch = 0

    def _update(
        self, window: Window, carried: list[TorchState | None], *, begins_batch: bool
    ) -> list[TorchState | None]:
        # Never quite zero: the first update of a run, at progress 0, should count.
        factor = max(learning_rate_factor(self.state.progress, warmup=self.options.warmup), 1e-3)
        self._parallel.set_learning_rate(factor)
        self._parallel.seed(self._step_seed())
        nats, grad_norm, carried = self._parallel.gradient(window, carried, self.options.grad_clip)
        is_finite = math.isfinite(grad_norm) and math.isfinite(nats)
        if begins_batch and is_finite and self.state.step:
            self._save_if_due()
        self._parallel.update(is_skipped=not is_finite)
        if is_finite:
            self.selection.average.update(self.state.step + 1)
        self._count(window, is_finite=is_finite)
        self._report(window, nats, grad_norm)
        return carried if is_finite else self._parallel.zero_states()

    def _count(self, window: Window, *, is_finite: bool) -> None:
        """Count an update; all processes agree on the progress, or they would not stop together."""
        state = self.state
        state.step += 1
        state.bytes_seen += window.num_bytes
        state.skipped += not is_finite
        state.skipped_in_a_row = 0 if is_finite else state.skipped_in_a_row + 1
        state.seconds = self._parallel.from_main(self.seconds)
        state.progress = self._progress(state.seconds, state.bytes_seen)
        if state.progress >= 1.0:
            self.ended = "budget"
        if state.skipped_in_a_row >= MOST_SKIPPED_IN_A_ROW:
            self.ended = (
                f"diverged: {MOST_SKIPPED_IN_A_ROW} gradients in a row were no finite numbers; {self._advice()}"
            )

    def _report(self, window: Window, nats: float, grad_norm: float) -> None:
        valid_bpb, is_best = None, False
        if self.selection.is_due() and self.state.skipped < self.state.step:
            valid_bpb, is_best = self._evaluate()
        told = Progress(
            step=self.state.step,
            progress=self.state.progress,
            seconds=self.state.seconds,
            bytes_seen=self.state.bytes_seen,
            num_bytes=window.num_bytes,
            train_bits=nats / NATS_PER_BIT,
            learning_rate=self._optimizers[0].param_groups[0]["lr"],
            grad_norm=grad_norm,
            skipped=self.state.skipped,
            valid_bpb=valid_bpb,
            is_best=is_best,
        )
        self.metrics(told)
        if self._on_step is not None and self._parallel.is_main:
            self._on_step(self, told)

    def _progress(self, seconds: float, bytes_seen: int) -> float:
        used = self.budget.progress(seconds=seconds, bytes_seen=bytes_seen, corpus_bytes=self.corpus_bytes)
        return min(used, 1.0)

    def _expected_bytes(self) -> float:
        """Return how much will be read, as far as can be told now."""
        if self.state.progress:
            return self.state.bytes_seen / self.state.progress
        expected = self.budget.num_bytes(self.corpus_bytes)
        return expected if math.isfinite(expected) else 0.0

    def _evaluate(self) -> tuple[float, bool]:
        """Return the development loss and whether it is the lowest so far; end training where it has long not been."""
        valid_bpb, sharpness = self.selection.evaluate(self._expected_bytes())
        is_best = self.selection.keep_if_best(valid_bpb, sharpness)
        if self.selection.is_out_of_patience():
            self.ended = self.ended or self._early()
        return valid_bpb, is_best

    def _early(self) -> str:
        return f"early: the development loss has not fallen in {self.state.since_best} evaluations"

    def _save_if_due(self) -> None:
        """Write a checkpoint between two batches, once the gradient of the next has shown that the weights are good."""
        if self._checkpoints is not None and self._parallel.is_main and self._checkpoints.is_due():
            self._checkpoints.write(self.checkpoint())

    def _save_at_the_end(self) -> None:
        """Write a checkpoint: nothing is lost then if the model cannot be written."""
        if self._checkpoints is None or not self._parallel.is_main:
            return
        # After a bad gradient, or an update that ruined the weights, what is on disk is better.
        if not self.state.skipped_in_a_row and all(each.isfinite().all() for each in self.network.parameters()):
            self._checkpoints.write(self.checkpoint())

    def _step_seed(self) -> int:
        """Return the seed of an update's dropout, another one in each process."""
        sequence = np.random.SeedSequence([self.options.seed, self.state.step, self._parallel.rank])
        return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _advice(self) -> str:
        rates = {name: getattr(self.options, name) for name in MAY_CHANGE}
        return f"lower {' and '.join(f'{name} (now {rate:g})' for name, rate in rates.items() if rate is not None)}."


def _new_network(config: ModelConfig, weights: Weights | None) -> LSTMNetwork:
    try:
        network = LSTMNetwork(config)
    except RuntimeError as error:  # what torch raises when memory does not suffice
        raise OptionError(
            f"a network of embedding_dim={config.embedding_dim}, hidden_size={config.hidden_size}, "
            f"num_layers={config.num_layers} does not fit into memory; give smaller numbers."
        ) from error
    if weights is not None:
        network.load_weights(weights)
    return network
