"""How to train, and what the loop tells of each update."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from granular_lm.checks import check_integer, check_number, take_plain_numbers
from granular_lm.errors import OptionError

if TYPE_CHECKING:
    from granular_lm.training.trainer import Trainer

OPTIMIZERS = ("muon", "adamw")
MOST_SEEDS = 2**32
LEARNING_RATES = {"muon": 0.028, "adamw": 0.016}
"""Of AdamW, by optimizer: the matrices of the LSTM bear less than embedding and output layer."""

MATRIX_LEARNING_RATE, WEIGHT_DECAY = 0.035, 0.01
NATS_PER_BIT = math.log(2)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingOptions:
    """How to train.

    Attributes:
        optimizer: ``"muon"`` for the matrices of the LSTM and AdamW for the rest, or ``"adamw"`` for all.
        learning_rate: Of AdamW, at its peak; None for 0.028, or for 0.016 if it is the only optimizer.
        matrix_learning_rate: Of Muon, at its peak; None for 0.035, or for what the preset ``"auto"`` chooses.
        weight_decay: On matrices alone, decoupled; None for 0.01, or for what the preset ``"auto"`` chooses.
        warmup: Share of the budget over which the learning rate rises.
        grad_clip: Largest norm of the gradient.
        batch_bytes: Roughly the bytes one update reads, over all processes; None for 1024 to 2048, about 32 strings.
        window_bytes: Longest stretch that gradients flow through; None for 256, or for 64 where the documents are
            longer than 256 bytes on average.
        accumulate: Parts that each update's batch is read in, one after another, to save memory.
        evaluations: How many times the development documents are scored on the way.
        eval_every: Bytes read between two evaluations, instead of ``evaluations``.
        patience: Evaluations without a new lowest development loss after which training stops; None for never.
        precision: ``"auto"``, ``"bf16"`` or ``"fp32"``.
        seed: Of the initial weights, dropout and the order of documents.

    Raises:
        OptionError: A value is out of range.
    """

    optimizer: str = "muon"
    learning_rate: float | None = None
    matrix_learning_rate: float | None = None
    weight_decay: float | None = None
    warmup: float = 0.02
    grad_clip: float = 1.0
    batch_bytes: int | None = None
    window_bytes: int | None = None
    accumulate: int = 1
    evaluations: int = 10
    eval_every: int | None = None
    patience: int | None = None
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        if self.optimizer not in OPTIMIZERS:
            raise OptionError(f"optimizer={self.optimizer!r} is not accepted; give one of: {', '.join(OPTIMIZERS)}.")
        if self.optimizer == "adamw" and self.matrix_learning_rate is not None:
            raise OptionError(
                f"matrix_learning_rate={self.matrix_learning_rate} is Muon's, and optimizer='adamw' leaves that out; "
                "give learning_rate alone, or optimizer='muon'."
            )
        for name in ("grad_clip", *self._given("learning_rate", "matrix_learning_rate")):
            check_number(name, getattr(self, name), "a number above 0", within=lambda value: value > 0)
        for name in (
            "accumulate",
            "evaluations",
            *self._given("batch_bytes", "window_bytes", "eval_every", "patience"),
        ):
            check_integer(name, getattr(self, name), least=1, most=2**53)
        check_integer("seed", self.seed, least=0, most=MOST_SEEDS - 1)
        for name in self._given("weight_decay"):
            check_number(name, self.weight_decay, "0 or more", within=lambda value: value >= 0)
        below_one = "a share from 0 up to, not including, 1"
        check_number("warmup", self.warmup, below_one, within=lambda value: 0 <= value < 1)

    def left_to_auto(self) -> list[str]:
        """Return the names of the options that were not given, and that the preset ``"auto"`` chooses."""
        chosen = ["weight_decay", *(["matrix_learning_rate"] if self.optimizer == "muon" else [])]
        return [name for name in chosen if getattr(self, name) is None]

    def settled(self) -> "TrainingOptions":
        """Return the options with rates and weight decay instead of None, wherever they have a part in training."""
        defaults: dict[str, Any] = {
            "learning_rate": LEARNING_RATES[self.optimizer],
            "matrix_learning_rate": MATRIX_LEARNING_RATE if self.optimizer == "muon" else None,
            "weight_decay": WEIGHT_DECAY,
        }
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) is None})

    def _given(self, *names: str) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What the loop tells its callback after each update.

    Attributes:
        step: Updates so far, this one included.
        progress: Share of the budget used, 0 to 1.
        seconds: Wall clock of training so far, earlier sittings of a resumed run included.
        bytes_seen: Raw bytes read so far.
        num_bytes: Raw bytes of this update.
        train_bits: Bits that the network spent on them, before the update.
        learning_rate: Of AdamW in this update.
        grad_norm: Before clipping; not a finite number if the update was skipped for that.
        skipped: Updates skipped so far.
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
    skipped: int = 0
    valid_bpb: float | None = None
    is_best: bool = False


Callback = Callable[["Trainer", Progress], None]
