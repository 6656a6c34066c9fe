"""One factor on the logits, chosen by development text."""

import math

import numpy as np
import pytest
import torch

import granular_lm as glm
from granular_lm.network import LSTMNetwork
from granular_lm.training import TrainingOptions
from granular_lm.training.calibration import LEAST, LONGEST_STEP, MOST, Surprise, is_close, sharpened, surprise_sums
from granular_lm.weights import ModelConfig

FP32 = TrainingOptions(precision="fp32", batch_bytes=256, evaluations=3)
WIDE = {"hidden_size": 64, "embedding_dim": 16, "dropout": 0.0}


def surprise(logits: torch.Tensor, targets: torch.Tensor) -> Surprise:
    return Surprise(*surprise_sums(logits, targets).tolist())


def test_the_sums_are_what_they_say() -> None:
    """Against the definitions, one token and one possibility at a time."""
    torch.manual_seed(0)
    logits, targets = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    nats = entropy = variance = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        total = sum(map(math.exp, row))
        p = [math.exp(value) / total for value in row]
        nats -= math.log(p[target])
        mean = sum(-each * math.log(each) for each in p)
        entropy += mean
        variance += sum(each * (-math.log(each) - mean) ** 2 for each in p)
    found = surprise(logits, targets)
    assert (found.nats, found.entropy, found.variance) == pytest.approx((nats, entropy, variance), rel=1e-9)


@pytest.mark.parametrize("true_factor", [0.6, 0.8, 1.0, 1.3])
def test_the_factor_that_made_the_tokens_is_found(true_factor: float) -> None:
    """Tokens are drawn with logits times a factor; a few steps from 1 find it, and no other spends less."""
    torch.manual_seed(1)
    logits = 2 * torch.randn(20_000, 12)
    targets = torch.multinomial((true_factor * logits).softmax(-1), 1).squeeze(-1)
    factor = 1.0
    for _ in range(4):
        factor = surprise(factor * logits, targets).better(factor)
    assert factor == pytest.approx(true_factor, rel=0.03)
    nats = surprise(factor * logits, targets).nats
    assert nats < min(surprise(factor * other * logits, targets).nats for other in (0.98, 1.02))


def test_the_factor_stays_within_bounds() -> None:
    """Also where nothing can be said: no possibilities, or no finite number."""
    assert Surprise(nats=1e6, entropy=1.0, variance=1.0).better(LEAST) == LEAST
    assert Surprise(nats=0.0, entropy=1e6, variance=1.0).better(MOST) == MOST
    assert Surprise(nats=1e6, entropy=1.0, variance=1.0).better(1.0) == pytest.approx(1 - LONGEST_STEP)
    for nothing in (Surprise(), Surprise(math.nan, math.nan, math.nan), Surprise(math.inf, 1.0, 1.0)):
        assert nothing.better(0.9) == 0.9


def test_the_output_layer_holds_the_factor() -> None:
    """The network's logits are multiplied, its state is what it was."""
    network = LSTMNetwork(ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=6)).eval()
    ids = torch.randint(0, 9, (2, 5))
    logits, state = network(ids, None)
    network.load_weights(sharpened(network.to_weights(), 0.7))
    sharper, after = network(ids, None)
    torch.testing.assert_close(sharper, 0.7 * logits)
    torch.testing.assert_close(after, state)


@pytest.mark.parametrize("evaluations", [1, 3])
def test_a_network_that_knows_its_text_by_heart_is_made_less_sure(bios: list[str], evaluations: int) -> None:
    """The scorer agrees that hardly another factor spends less on the development text."""
    held_out = bios[60:100]
    options = TrainingOptions(precision="fp32", batch_bytes=256, evaluations=evaluations)
    model = glm.train(bios[:20], epochs=60, validation=held_out, network=WIDE, options=options)
    factor = model.training["sharpness"]
    assert factor < 0.9

    def bpb(relative: float) -> float:
        weights = sharpened({name: np.asarray(array) for name, array in model.weights.items()}, relative)
        return glm.bits_per_byte(glm.LanguageModel(model.codec, model.config, weights).score(held_out))

    assert bpb(1.0) == pytest.approx(model.training["valid_bpb"], abs=1e-4)
    assert bpb(1.0) < min(bpb(0.9), bpb(1.1), bpb(1 / factor))


@pytest.mark.parametrize(
    ("network", "development"),
    [({**WIDE, "embedding_dim": 64, "tie_embeddings": True}, slice(20, 60)), (WIDE, slice(20, 22))],
)
def test_where_there_is_no_choice_weights_stay_as_trained(
    bios: list[str], network: dict[str, object], development: slice
) -> None:
    """Tied embeddings are also read, and a handful of bytes say too little."""
    model = glm.train(bios[:20], epochs=20, validation=bios[development], network=network, options=FP32)
    assert model.training["sharpness"] == 1.0


def test_close_is_two_percent() -> None:
    """Either way."""
    assert is_close(0.99, 1.0)
    assert is_close(1.0, 0.99)
    assert not is_close(0.97, 1.0)
    assert not is_close(1.03, 1.0)
