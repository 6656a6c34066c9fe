"""What is held equal."""

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from granular_lm.comparison.matching import MATCHES, check_match, cost_of, held_equal, solve_shape
from granular_lm.errors import OptionError
from granular_lm.network import LSTMNetwork
from granular_lm.weights import PRESETS, ModelConfig, flops_per_token, num_parameters

SHAPE = dict(PRESETS["small"])


def config(shape: dict[str, Any], vocab_size: int) -> ModelConfig:
    return ModelConfig.from_dict({**shape, "vocab_size": vocab_size})


@pytest.mark.parametrize("vocab_size", [300, 512, 1000, 4000])
@pytest.mark.parametrize("changes", [{}, {"num_layers": 3}, {"embedding_dim": 256, "tie_embeddings": True}])
def test_all_parameters_are_equal_within_a_hundredth(vocab_size: int, changes: dict[str, Any]) -> None:
    """The width is solved for each vocabulary, counted by the shapes of the parameters themselves."""
    shape = {**SHAPE, **changes}
    cost = cost_of("params", 1.0)
    assert cost
    goal = sum(num_parameters(config(shape, 257)).values())
    solved = config(solve_shape(shape, vocab_size, cost, goal), vocab_size)
    assert sum(num_parameters(solved).values()) == pytest.approx(goal, rel=0.01)
    assert solved.hidden_size < shape["hidden_size"]
    assert solved.num_layers == shape.get("num_layers", 1)


@pytest.mark.parametrize(("vocab_size", "tokens_per_byte"), [(512, 0.6), (1000, 0.5), (4000, 0.35)])
def test_flops_per_byte_are_equal_within_a_hundredth(vocab_size: int, tokens_per_byte: float) -> None:
    """Fewer tokens a byte leave room for a wider network, more ids take it away again."""
    first, mine = cost_of("flops", 1.01), cost_of("flops", tokens_per_byte)
    assert first
    assert mine
    goal = first(config(SHAPE, 257))
    solved = config(solve_shape(SHAPE, vocab_size, mine, goal), vocab_size)
    assert flops_per_token(solved) * tokens_per_byte == pytest.approx(goal, rel=0.01)


def test_a_vocabulary_that_is_too_large_is_refused() -> None:
    """Where no width comes near, the message says by how much the nearest misses."""
    cost = cost_of("params", 1.0)
    assert cost
    with pytest.raises(OptionError, match="100,000 ids"):
        solve_shape(SHAPE, 100_000, cost, 50_000)


@pytest.mark.filterwarnings("ignore:TF32:UserWarning")
@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_formula_of_flops_is_what_a_step_of_training_costs(num_layers: int) -> None:
    """Counted by torch over a forward and a backward pass, with the LSTM taken apart into its products.

    Nothing is carried back into the state a row begins with: one product of 2 · 4 h² a layer and row is not done.
    """
    shape = config({**SHAPE, "num_layers": num_layers}, 300)
    network = LSTMNetwork(shape)
    batch, length = 4, 8
    ids = torch.zeros((batch, length), dtype=torch.long)
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        logits, _ = network(ids, None)
        logits.sum().backward()
    counted = counter.get_total_flops() / (batch * length)
    assert counted == flops_per_token(shape) - num_layers * 8 * shape.hidden_size**2 / length


def row(**changes: Any) -> dict[str, Any]:
    same: dict[str, Any] = {
        "seed": 0,
        "size": 8,
        "documents": 5,
        "bytes": 50,
        "bytes_seen": 99,
        "updates": 3,
        "seconds": 10.0,
    }
    same |= {"train_documents": 7, "train_bytes": 70, "num_layers": 1, "environment": {"cpu": "x", "cores": 2}}
    return {**same, "hidden_size": 8, "flops_per_byte": 100.0, "parameters": {"total": 1000}, **changes}


@pytest.mark.parametrize(
    ("match", "changes", "broken"),
    [
        ("data", {}, set()),
        ("data", {"seconds": 99.0, "flops_per_byte": 7.0, "parameters": {"total": 5}}, set()),
        ("data", {"bytes_seen": 98}, {"bytes_seen"}),
        ("data", {"updates": 4}, {"updates"}),
        ("data", {"hidden_size": 9}, {"hidden_size"}),
        ("data", {"documents": 4}, {"test documents"}),
        ("data", {"bytes": 49}, {"bytes of test documents"}),
        ("data", {"train_documents": 6}, {"training documents"}),
        ("data", {"train_bytes": 69}, {"bytes of training documents"}),
        ("data", {"num_layers": 2}, {"layers"}),
        ("params", {"hidden_size": 6, "parameters": {"total": 1009}}, set()),
        ("params", {"parameters": {"total": 1030}}, {"num_parameters"}),
        ("flops", {"hidden_size": 6, "flops_per_byte": 99.5}, set()),
        ("flops", {"flops_per_byte": 95.0}, {"flops_per_byte"}),
        ("time", {"bytes_seen": 5, "updates": 1, "seconds": 10.2}, set()),
        ("time", {"environment": {"cpu": "y", "cores": 2}}, {"machines"}),
        ("time", {"seconds": 12.0}, {"seconds"}),
        ("time", {"seconds": 8.0}, {"seconds"}),
    ],
)
def test_what_was_to_be_equal_is_checked(match: str, changes: dict[str, Any], broken: set[str]) -> None:
    """A difference in what is held equal is found, and one in an outcome is not."""
    checks = held_equal(match, [row(), row(**changes)], 10.0)
    assert {check.name for check in checks if not check.is_held} == broken


def test_seeds_and_widths_are_checked_apart() -> None:
    """Another seed may read other documents, another width has another number of units."""
    rows = [row(seed=seed, size=size, hidden_size=size, bytes_seen=90 + seed) for seed in (0, 1) for size in (8, 16)]
    assert all(check.is_held for check in held_equal("data", rows, None))


def test_other_modes_are_refused() -> None:
    """The message names those there are."""
    with pytest.raises(OptionError, match=", ".join(MATCHES)):
        check_match("luck")
