"""Which network suits a corpus and a budget: what ``--preset auto`` chooses.

Fitted to trials on tinyshakespeare and on short descriptions in many languages; `docs/explanation/recipe.md` has
them, and `benchmarks/recipe.py` repeats them.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from granular_lm.errors import OptionError
from granular_lm.token_store import TokenStore
from granular_lm.training.options import TrainingOptions
from granular_lm.training.schedule import Budget
from granular_lm.training.speed import bytes_per_second
from granular_lm.weights import PRESETS, ModelConfig

logger = logging.getLogger(__name__)

AUTO = "auto"
REFERENCE = "small"
"""The preset whose speed on this machine a budget of time is measured by."""

TRIAL_SECONDS, TRIAL_SHARE = 3.0, 0.1  # the trial takes no more than this share of the budget
BEST_WIDTH, REFERENCE_BYTES = 270, 2_000_000
"""The best width for a budget in which the reference network would read two million bytes."""

SLOWING = 1.4  # a network twice as wide reads this power of two times as slowly

WIDTH_GROWTH = 1 / 4
"""The best width grows with this power of those bytes."""

WIDTHS = (64, 96, 128, 160, 192, 256, 320, 384, 448, 512, 640, 768, 1024)
MOST_WIDTH_IN_BYTES = 512
"""Budgets of bytes or passes say nothing of time: no network is chosen that would need hours on a small machine."""

REFERENCE_RATE, RATE_GROWTH = 0.038, -0.25
LEAST_RATE, MOST_RATE = 0.012, 0.045
"""Muon's learning rate: longer runs want smaller steps."""

REGULARISATION_BY_PASSES = (
    (2.0, 0.0, 0.01),
    (3.0, 0.0, 0.03),
    (7.0, 0.0, 0.05),
    (12.0, 0.1, 0.05),
    (20.0, 0.2, 0.05),
    (40.0, 0.3, 0.1),
    (math.inf, 0.4, 0.1),
)
"""Passes over the text, and the dropout and weight decay for as many or fewer: both cost where little is repeated."""

WEIGHT_DROPOUT_BY_PASSES = ((25.0, 0.0), (50.0, 0.1), (math.inf, 0.3))
"""The same for weight dropout, by passes over the square root of the corpus in megabytes: small ones need it sooner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What is chosen.

    Attributes:
        hidden_size: Width of the one LSTM layer.
        dropout: On its output.
        weight_dropout: Of its recurrent weights.
        matrix_learning_rate: Muon's peak.
        weight_decay: Of all matrices.
    """

    hidden_size: int
    dropout: float
    weight_dropout: float
    matrix_learning_rate: float
    weight_decay: float


def choose(
    preset: str,
    store: TokenStore,
    *,
    budget: Budget,
    options: TrainingOptions,
    changes: Mapping[str, Any],
) -> tuple[ModelConfig, TrainingOptions]:
    """Return the shape of a preset and the options; for ``"auto"``, what suits the corpus and the budget.

    Under a budget of time the reference network is trained for a moment to learn the machine's speed.

    Args:
        preset: One of `granular_lm.weights.PRESETS`, or ``"auto"``.
        store: The training documents.
        budget: When training will end.
        options: How it will go; a learning rate that is given stays.
        changes: Values of the shape that are given.

    Raises:
        OptionError: No preset has that name, or a change is out of range.
    """
    vocab_size = store.codec.vocab_size
    check_preset(preset)
    if preset != AUTO:
        return ModelConfig.preset(preset, vocab_size=vocab_size, **changes), options
    reference = ModelConfig.preset(REFERENCE, vocab_size=vocab_size)
    ModelConfig.from_dict({**reference.to_dict(), **changes})  # what is out of range is said before the trial
    corpus_bytes = int(store.num_bytes.sum())
    budget_bytes = budget.num_bytes(corpus_bytes)
    if budget.seconds is not None:
        budget_bytes = _affordable_bytes(reference, store, budget.seconds, options)
    width = changes.get("hidden_size")
    chosen = recipe_for(budget_bytes, corpus_bytes, is_time=budget.seconds is not None, hidden_size=width)
    logger.info("preset auto: %s, for %.2f MB at the reference width", chosen, budget_bytes / 1e6)
    shape = {name: getattr(chosen, name) for name in ("hidden_size", "dropout", "weight_dropout")}
    options = replace(options, **{name: getattr(chosen, name) for name in options.left_to_auto()})
    return ModelConfig.from_dict({**reference.to_dict(), **shape, **changes}), options


def check_preset(preset: str) -> None:
    """Raise `OptionError` unless a preset has that name, ``"auto"`` being one."""
    if preset not in (AUTO, *PRESETS):
        raise OptionError(f"no preset is named {preset!r}; accepted: {', '.join((AUTO, *PRESETS))}.")


def recipe_for(budget_bytes: float, corpus_bytes: int, *, is_time: bool, hidden_size: int | None = None) -> Recipe:
    """Return what suits a budget.

    Args:
        budget_bytes: What the reference network would read, or what is to be read.
        corpus_bytes: Of the training documents.
        is_time: Whether the budget is a time: a wider network then reads less.
        hidden_size: The width, if it is given.

    Examples:
        >>> recipe_for(2_000_000, 1_000_000, is_time=True)
        Recipe(hidden_size=256, dropout=0.0, weight_dropout=0.0, matrix_learning_rate=0.038, weight_decay=0.01)
    """
    share = budget_bytes / REFERENCE_BYTES
    ideal = BEST_WIDTH * share**WIDTH_GROWTH
    most = WIDTHS[-1] if is_time else MOST_WIDTH_IN_BYTES
    width = hidden_size or min((width for width in WIDTHS if width <= most), key=lambda width: abs(width - ideal))
    read = budget_bytes * min(1.0, (PRESETS[REFERENCE]["hidden_size"] / width) ** SLOWING) if is_time else budget_bytes
    passes = read / max(corpus_bytes, 1)
    dropout, weight_decay = next(rest for limit, *rest in REGULARISATION_BY_PASSES if passes <= limit)
    by_size = passes / math.sqrt(max(corpus_bytes, 1) / 1e6)
    weight_dropout = next(share for limit, share in WEIGHT_DROPOUT_BY_PASSES if by_size <= limit)
    return Recipe(
        hidden_size=width,
        dropout=dropout,
        weight_dropout=weight_dropout,
        matrix_learning_rate=round(min(max(REFERENCE_RATE * share**RATE_GROWTH, LEAST_RATE), MOST_RATE), 4),
        weight_decay=weight_decay,
    )


def _affordable_bytes(reference: ModelConfig, store: TokenStore, seconds: float, options: TrainingOptions) -> float:
    trial_seconds = min(TRIAL_SECONDS, TRIAL_SHARE * seconds)
    return seconds * bytes_per_second(reference, store, options, seconds=trial_seconds)
