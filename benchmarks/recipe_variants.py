"""The variants that `recipe.py` trains: settings where the package has them, else small patches of the package."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from granular_lm.batching import Batches, Segments
from granular_lm.network import LSTMNetwork, TorchState
from granular_lm.training.optimizer import NEWTON_SCHULZ, Muon, make_optimizers
from granular_lm.training.options import TrainingOptions
from granular_lm.training.schedule import learning_rate_factor
from granular_lm.weights import ModelConfig

PACKAGE = "granular_lm.training"
WIDTH_STEP = 8
JITTER = 7  # keeps the draw of the shifts apart from that of the order

POLAR_EXPRESS = (
    (8.2051, -22.9019, 16.4607),
    (4.0664, -2.8612, 0.5184),
    (3.9096, -2.8234, 0.5250),
    (3.2856, -2.4153, 0.4853),
    (2.2779, -1.6198, 0.3985),
)
"""Five steps instead of the package's three. Source: Amsel et al. 2025, with its safety factor of 1.01."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One change, or a few, to the package's defaults.

    Attributes:
        width: Factor on the hidden size.
        network: Other changes to the network.
        options: Changes to the training options.
        patches: What stands in for a name, given as ``module.NAME`` within `granular_lm.training`, while training.
        is_for_long: Whether it changes nothing for documents that are one segment each, such as short strings.
    """

    width: float = 1.0
    network: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Any] = field(default_factory=dict)
    is_for_long: bool = False

    def network_changes(self, hidden_size: int) -> dict[str, Any]:
        """Return the changes to the default network, its hidden size included."""
        width = hidden_size if self.width == 1.0 else WIDTH_STEP * round(self.width * hidden_size / WIDTH_STEP)
        tied = {"embedding_dim": width} if self.network.get("tie_embeddings") else {}
        return {"hidden_size": width, **tied, **self.network}

    def settings(self, hidden_size: int) -> dict[str, Any]:
        """Return the changes as JSON values."""
        return {
            "network": self.network_changes(hidden_size),
            "options": dict(self.options),
            "patches": {name: _named(value) for name, value in self.patches.items()},
        }

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Patch the package; a trainer is to be built and run within."""
        with ExitStack() as stack:
            for name, value in self.patches.items():
                stack.enter_context(patch(f"{PACKAGE}.{name}", value))
            yield


def _named(value: Any) -> Any:
    """Return how a patch reads in the results."""
    if isinstance(value, partial):
        given = ", ".join(f"{name}={value}" for name, value in value.keywords.items())
        return f"{_named(value.func)}({given})"
    return getattr(value, "__name__", value)


class ForgetBiasNetwork(LSTMNetwork):
    """Starts with another forget bias than one."""

    def __init__(self, config: ModelConfig, *, bias: float) -> None:
        super().__init__(config)
        hidden_size = config.hidden_size
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias_ih"):
                nn.init.constant_(parameter[hidden_size : 2 * hidden_size], bias)


class LayerNormNetwork(LSTMNetwork):
    """Normalises what the output layer reads, before dropout. Source: Ba et al. 2016."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.add_module("dropout", nn.Sequential(nn.LayerNorm(config.hidden_size), self.dropout))


class BigramNetwork(LSTMNetwork):
    """Adds to the logits a table of the token before: the LSTM need not learn the bigrams."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.bigram = nn.Embedding(config.vocab_size, config.vocab_size)
        nn.init.zeros_(self.bigram.weight)

    def forward(self, ids: Tensor, state: TorchState | None) -> tuple[Tensor, TorchState]:
        """Read tokens and return logits, shape (B, T, V), and the state."""
        logits, after = super().forward(ids, state)
        return logits + self.bigram(ids), after


class LockedDropout(nn.Module):
    """Drops the same units at every position of a row of a window. Source: Gal and Ghahramani 2016."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Return values, shape (B, T, any), with one mask for each row."""
        return values * dropout(torch.ones_like(values[:, :1]), self.share, self.training)


class LockedEmbeddingNetwork(LSTMNetwork):
    """Has locked dropout after the embedding."""

    def __init__(self, config: ModelConfig, *, share: float) -> None:
        super().__init__(config)
        self.add_module("embedding", nn.Sequential(self.embedding, LockedDropout(share)))


class LockedOutputNetwork(LSTMNetwork):
    """Has locked dropout before the output layer, instead of the plain one."""

    def __init__(self, config: ModelConfig, *, share: float) -> None:
        super().__init__(config)
        self.locked = LockedDropout(share)

    def forward(self, ids: Tensor, state: TorchState | None) -> tuple[Tensor, TorchState]:
        """Read tokens and return logits, shape (B, T, V), and the state."""
        hidden, after = self.lstm(self.embedding(ids), state)
        return self.head(self.locked(hidden)), after


class JitteredBatches(Batches):
    """Cuts a long document in other places on each pass: its cuts move by up to half a segment, all alike."""

    def plan(self, number: int, start: int = 0) -> Iterator[Segments]:
        """Yield which segments go together in each batch of a pass."""
        shift = np.random.default_rng([JITTER, self.seed, number]).uniform(-0.5, 0.5)
        for batch in super().plan(number, start):
            yield self._moved(batch, shift)

    def _moved(self, batch: Segments, shift: float) -> Segments:
        """Move every cut; the start of a document is none, nor is its end."""
        lengths = self.store.offsets[batch.document + 1] - self.store.offsets[batch.document] + 1
        by = (shift * batch.windows * batch.width).astype(np.int64)
        start = np.where(batch.start > 0, batch.start + by, 0)
        return replace(batch, start=start, end=np.where(batch.end < lengths, batch.end + by, lengths))


def constant(progress: float, *, warmup: float) -> float:
    """Return the share of the full learning rate: all of it after the warm-up."""
    return progress / warmup if progress < warmup else 1.0


def constant_then_linear(progress: float, *, warmup: float) -> float:
    """Return the share of the full learning rate: all of it, then linearly to 0 over the last 30 %."""
    return min(constant(progress, warmup=warmup), (1 - progress) / 0.3)


def cosine(progress: float, *, warmup: float) -> float:
    """Return the share of the full learning rate: half a cosine down to 0."""
    linear = learning_rate_factor(progress, warmup=warmup)
    return linear if progress < warmup else 0.5 - 0.5 * math.cos(math.pi * linear)


def square_root(progress: float, *, warmup: float) -> float:
    """Return the share of the full learning rate: slowly at first, then steeply down to 0."""
    linear = learning_rate_factor(progress, warmup=warmup)
    return linear if progress < warmup else math.sqrt(linear)


def optimizers_with_muon(
    network: LSTMNetwork, options: TrainingOptions, **values: float
) -> list[torch.optim.Optimizer]:
    """Return the optimizers with another ``momentum`` for Muon."""
    optimizers = make_optimizers(network, options)
    for optimizer in optimizers:
        if isinstance(optimizer, Muon):
            for group in optimizer.param_groups:
                group.update(values)
    return optimizers


def one_block(rows: int, columns: int) -> int:
    """Leave every gate whole."""
    return 1


def options(**values: Any) -> Variant:
    """Return a variant of the training options alone."""
    return Variant(options=values)


def network(**values: Any) -> Variant:
    """Return a variant of the network's settings alone."""
    return Variant(network=values)


def patched_network(kind: type[LSTMNetwork], **settings: Any) -> Variant:
    """Return a variant with another kind of network."""
    return Variant(patches={"trainer.LSTMNetwork": partial(kind, **settings) if settings else kind})


def patched_schedule(schedule: Callable[..., float]) -> Variant:
    """Return a variant with another course of the learning rate."""
    return Variant(patches={"trainer.learning_rate_factor": schedule})


def patched_muon(**values: Any) -> Variant:
    """Return a variant of what Muon has besides a learning rate."""
    return Variant(patches={"trainer.make_optimizers": partial(optimizers_with_muon, **values)})


def patched_batches(kind: type[Batches] = Batches, **settings: Any) -> Variant:
    """Return a variant of how long documents are cut."""
    return Variant(patches={"trainer.Batches": partial(kind, **settings)}, is_for_long=True)


VARIANTS: Mapping[str, Variant] = {
    "baseline": Variant(),
    # optimizer
    "adamw": options(optimizer="adamw"),
    "adamw-lr-0.004": options(optimizer="adamw", learning_rate=0.004),
    "adamw-lr-0.002": options(optimizer="adamw", learning_rate=0.002),
    "lr-0.014": options(learning_rate=0.014),
    "lr-0.04": options(learning_rate=0.04),
    "matrix-lr-0.02": options(matrix_learning_rate=0.02),
    "matrix-lr-0.05": options(matrix_learning_rate=0.05),
    "muon-momentum-0.9": patched_muon(momentum=0.9),
    "muon-momentum-0.98": patched_muon(momentum=0.98),
    "newton-schulz-2": Variant(patches={"optimizer.NEWTON_SCHULZ": NEWTON_SCHULZ[:2]}),
    "newton-schulz-5": Variant(patches={"optimizer.NEWTON_SCHULZ": POLAR_EXPRESS}),
    "muon-whole-gates": Variant(patches={"optimizer.num_blocks": one_block}),
    # what an update reads
    "batch-1024": options(batch_bytes=1024, learning_rate=0.02, matrix_learning_rate=0.025),
    "batch-4096": options(batch_bytes=4096, learning_rate=0.04, matrix_learning_rate=0.05),
    "window-32": options(window_bytes=32),
    "window-64": options(window_bytes=64),
    "window-128": options(window_bytes=128),
    "window-512": options(window_bytes=512),
    "window-64-same-segments": replace(patched_batches(windows_per_segment=64), options={"window_bytes": 64}),
    "4-windows-per-segment": patched_batches(windows_per_segment=4),
    "64-windows-per-segment": patched_batches(windows_per_segment=64),
    "jittered-segments": patched_batches(JitteredBatches),
    # shape
    "width-x0.75": Variant(width=0.75),
    "width-x1.5": Variant(width=1.5),
    "2-layers": network(num_layers=2),
    "embedding-32": network(embedding_dim=32),
    "embedding-128": network(embedding_dim=128),
    "tied-embeddings": network(tie_embeddings=True),
    "layer-norm": patched_network(LayerNormNetwork),
    "bigram-table": patched_network(BigramNetwork),
    "forget-bias-0": patched_network(ForgetBiasNetwork, bias=0.0),
    "forget-bias-2": patched_network(ForgetBiasNetwork, bias=2.0),
    # regularisation
    "weight-decay-0": options(weight_decay=0.0),
    "weight-decay-0.01": options(weight_decay=0.01),
    "weight-decay-0.05": options(weight_decay=0.05),
    "weight-decay-0.1": options(weight_decay=0.1),
    "dropout-0": network(dropout=0.0),
    "dropout-0.1": network(dropout=0.1),
    "dropout-0.2": network(dropout=0.2),
    "dropout-0.3": network(dropout=0.3),
    "locked-dropout-0.2": patched_network(LockedOutputNetwork, share=0.2),
    "locked-embedding-dropout-0.1": patched_network(LockedEmbeddingNetwork, share=0.1),
    "weight-dropout-0.2": network(weight_dropout=0.2),
    "weight-dropout-0.3": network(weight_dropout=0.3),
    # schedule
    "cosine": patched_schedule(cosine),
    "square-root": patched_schedule(square_root),
    "constant-then-linear": patched_schedule(constant_then_linear),
    # what is kept
    "mean-over-0.05": Variant(patches={"averaging.AVERAGED_SHARE": 0.05}),
    "mean-over-0.3": Variant(patches={"averaging.AVERAGED_SHARE": 0.3}),
    "constant-mean-over-0.3": Variant(
        patches={"averaging.AVERAGED_SHARE": 0.3, "trainer.learning_rate_factor": constant}
    ),
    "uncalibrated": Variant(patches={"selection.FEWEST_BYTES": math.inf}),
}
