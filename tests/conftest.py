"""Fixtures that many tests share, and the switches of the run."""

import os

# Two test processes on two cores: a second thread in each would only wait for the other process.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import signal
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from granular_lm.codecs import Codec, train_codec
from granular_lm.corpus.bios import generate_bios
from granular_lm.model import LanguageModel
from granular_lm.runtime import State
from granular_lm.weights import ModelConfig, parameter_shapes

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with Ctrl-C ignored

hypothesis.settings.register_profile("default", deadline=None, max_examples=60)
hypothesis.settings.load_profile("default")

BIOS = list(generate_bios(600))
CODECS = ("byte", "char", "spm")
SLOW_PAGES = ("compare-codecs.md", "compress.md", "long-runs.md")
"""Pages of the documentation whose examples train many models."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow") or os.environ.get("CI"):
        return
    for item in items:
        if "slow" in item.keywords or item.path.name in SLOW_PAGES:
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow, or set CI"))


@pytest.fixture(scope="session")
def bios() -> list[str]:
    return BIOS


@pytest.fixture(scope="session")
def trained_codecs() -> dict[str, Codec]:
    options: dict[str, dict[str, object]] = {"byte": {}, "char": {"min_count": 3}, "spm": {"vocab_size": 400}}
    return {name: train_codec(name, BIOS, **options[name]) for name in CODECS}


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest, trained_codecs: dict[str, Codec]) -> Codec:
    """Each codec in turn."""
    return trained_codecs[request.param]


def random_weights(config: ModelConfig, seed: int = 0, scale: float = 0.4) -> dict[str, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    shapes = parameter_shapes(config)
    return {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="session")
def random_model() -> Callable[..., LanguageModel]:
    """Return a maker of models with random weights: far from uniform, and quick."""

    def make(codec: Codec, seed: int = 0, **shape: int) -> LanguageModel:
        sizes: dict[str, Any] = {"embedding_dim": 12, "hidden_size": 24, "num_layers": 2, **shape}
        config = ModelConfig(vocab_size=codec.vocab_size, **sizes)
        return LanguageModel(codec, config, random_weights(config, seed))

    return make


class BigramModel:
    """A model whose next token depends on the last one alone, with probabilities that a test knows.

    Args:
        codec: Whose ids the table speaks of.
        table: Probability of the next id (column) after an id (row), shape (V, V).
    """

    def __init__(self, codec: Codec, table: NDArray[np.float64]) -> None:
        self.codec = codec
        with np.errstate(divide="ignore"):
            self.log_table = np.log(table)

    def initial_state(self, batch_size: int) -> State:
        empty = np.zeros((1, batch_size, 1), dtype=np.float32)
        return empty, empty

    def step(self, ids: NDArray[np.integer], state: State) -> tuple[NDArray[np.float64], State]:
        assert state[0].shape[1] == len(ids)
        return self.log_table[ids], state


@pytest.fixture(scope="session")
def bigram_model() -> type[BigramModel]:
    return BigramModel
