"""The network's shape, its parameters and their file."""

import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from granular_lm.errors import ModelError, OptionError
from granular_lm.weights import (
    PRESETS,
    ModelConfig,
    flops_per_token,
    load_weights,
    num_parameters,
    parameter_shapes,
    save_weights,
)

CONFIG = ModelConfig(vocab_size=5, embedding_dim=2, hidden_size=3, num_layers=2)


def zeros(config: ModelConfig) -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, dtype=np.float32) for name, shape in parameter_shapes(config).items()}


def test_parameters_are_counted_as_derived_by_hand() -> None:
    """V=5, E=2, H=3, L=2: embedding 10; layers 12·2+12·3+24 and 12·3+12·3+24; output 15+5."""
    assert num_parameters(CONFIG) == {"embedding": 10, "lstm": 84 + 96, "head": 20}


def test_flops_follow_the_formula() -> None:
    """3 · 2 · (Σ 4h(in + h) + hV) with h=3, in=2 then 3, V=5 is 6 · (60 + 72 + 15)."""
    assert flops_per_token(CONFIG) == 6 * (60 + 72 + 15)


def test_names_are_stable() -> None:
    """The file's names are those of torch.nn.LSTM inside the network: a change would orphan every model."""
    assert list(parameter_shapes(ModelConfig(vocab_size=5, embedding_dim=2, hidden_size=3, num_layers=1))) == [
        "embedding.weight",
        "lstm.weight_ih_l0",
        "lstm.weight_hh_l0",
        "lstm.bias_ih_l0",
        "lstm.bias_hh_l0",
        "head.weight",
        "head.bias",
    ]


def test_the_seed_preset_is_the_network_of_the_post() -> None:
    """Four layers of 512 with dropout one half."""
    config = ModelConfig.preset("seed", vocab_size=257)
    assert (config.num_layers, config.hidden_size, config.dropout) == (4, 512, 0.5)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_and_their_json_agree(name: str) -> None:
    """Each preset survives the way to JSON and back."""
    config = ModelConfig.preset(name, vocab_size=300)
    assert ModelConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hidden_size": 0}, "hidden_size=0"),
        ({"num_layers": 1.5}, "num_layers=1.5"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": -0.1}, "dropout=-0.1"),
        ({"weight_dropout": "much"}, "weight_dropout='much'"),
        ({"tie_embeddings": True, "embedding_dim": 3, "hidden_size": 4}, "3 and 4"),
    ],
)
def test_shapes_out_of_range_are_refused(changes: dict[str, object], problem: str) -> None:
    """The message holds the value met."""
    with pytest.raises(OptionError, match=problem):
        ModelConfig(vocab_size=5, **changes)  # type: ignore[arg-type]


def test_unknown_settings_are_refused() -> None:
    """A misspelt key names the accepted ones; a preset that is none lists them."""
    with pytest.raises(OptionError, match="'width'; accepted: .*hidden_size"):
        ModelConfig.from_dict({"vocab_size": 5, "width": 3})
    with pytest.raises(OptionError, match="no preset is named 'huge'; accepted: tiny"):
        ModelConfig.preset("huge", vocab_size=5)


def test_weights_come_back_from_their_file(tmp_path: Path) -> None:
    """What is written is read, value for value."""
    weights = zeros(CONFIG)
    weights["head.bias"][:] = [1, -2, math.pi, 1e-30, 1e30]
    save_weights(weights, tmp_path / "w")
    loaded = load_weights(tmp_path / "w", CONFIG)
    assert all(np.array_equal(loaded[name], weights[name]) for name in weights)


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """A missing, an additional, a misshapen, a mistyped and a non-finite parameter are each named."""
    cases = {
        "lacks parameter 'head.bias'": {k: v for k, v in zeros(CONFIG).items() if k != "head.bias"},
        "unexpected parameter 'more'": {**zeros(CONFIG), "more": np.zeros(1, dtype=np.float32)},
        r"is float32 \(6,\), expected float32 \(5,\)": {**zeros(CONFIG), "head.bias": np.zeros(6, dtype=np.float32)},
        "is float64": {**zeros(CONFIG), "head.bias": np.zeros(5)},
        "NaN or infinity": {**zeros(CONFIG), "head.bias": np.full(5, np.nan, dtype=np.float32)},
    }
    for problem, weights in cases.items():
        save_file(weights, tmp_path / "w")
        with pytest.raises(ModelError, match=problem):
            load_weights(tmp_path / "w", CONFIG)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """A missing, an empty, a truncated and a foreign file give one line each."""
    save_weights(zeros(CONFIG), tmp_path / "w")
    whole = (tmp_path / "w").read_bytes()
    with pytest.raises(ModelError, match="is missing"):
        load_weights(tmp_path / "none", CONFIG)
    for content in (b"", whole[: len(whole) // 2], b"PK\x03\x04 not safetensors"):
        (tmp_path / "w").write_bytes(content)
        with pytest.raises(ModelError, match="not a readable safetensors file") as caught:
            load_weights(tmp_path / "w", CONFIG)
        assert "\n" not in str(caught.value)
