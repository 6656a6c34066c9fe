"""One factor on the logits, chosen by development text."""

import numpy as np
import pytest
import torch

import granular_lm as glm
from granular_lm.network import LSTMNetwork
from granular_lm.training import TrainingOptions
from granular_lm.training.calibration import FEWEST_BYTES, SHARPNESS, candidates, sharpened
from granular_lm.weights import ModelConfig

FP32 = TrainingOptions(precision="fp32", batch_bytes=256)
WIDE = {"hidden_size": 64, "embedding_dim": 16, "dropout": 0.0}


def test_the_output_layer_holds_the_factor() -> None:
    """The network's logits are multiplied, its state is what it was."""
    network = LSTMNetwork(ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=6)).eval()
    ids = torch.randint(0, 9, (2, 5))
    logits, state = network(ids, None)
    network.load_weights(sharpened(network.to_weights(), 0.7))
    sharper, after = network(ids, None)
    torch.testing.assert_close(sharper, 0.7 * logits)
    torch.testing.assert_close(after, state)


def test_there_is_a_choice_where_it_can_be_made() -> None:
    """Not by a handful of bytes, and not where the output layer is what is read, too."""
    assert candidates(FEWEST_BYTES, tie_embeddings=False) == SHARPNESS
    assert candidates(FEWEST_BYTES - 1, tie_embeddings=False) == (1.0,)
    assert candidates(FEWEST_BYTES, tie_embeddings=True) == (1.0,)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_that_knows_its_text_by_heart_is_made_less_sure(bios: list[str], seed: int) -> None:
    """Of all factors the one kept spends least on the development text: the scorer agrees with the loop."""
    held_out = bios[60:100]
    options = TrainingOptions(precision="fp32", batch_bytes=256, evaluations=1, seed=seed)
    model = glm.train(bios[:20], epochs=60, validation=held_out, network=WIDE, options=options)
    factor = model.training["sharpness"]
    assert factor < 1.0

    def bpb(relative: float) -> float:
        weights = {name: np.asarray(array) for name, array in model.weights.items()}
        return glm.bits_per_byte(
            glm.LanguageModel(model.codec, model.config, sharpened(weights, relative)).score(held_out)
        )

    assert bpb(1.0) == pytest.approx(model.training["valid_bpb"], abs=1e-4)
    assert bpb(1.0) == min(bpb(other / factor) for other in SHARPNESS)


def test_tied_embeddings_stay_as_they_were_trained(bios: list[str]) -> None:
    """There the factor would change what the network reads."""
    tied = {"hidden_size": 16, "embedding_dim": 16, "tie_embeddings": True}
    model = glm.train(bios[:20], epochs=3, validation=bios[20:60], network=tied, options=FP32)
    assert model.training["sharpness"] == 1.0
