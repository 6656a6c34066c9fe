"""The trainable network."""

import numpy as np
import torch

from granular_lm.network import LSTMNetwork
from granular_lm.weights import ModelConfig, parameter_shapes


def test_parameters_have_the_names_and_shapes_of_the_file() -> None:
    """The state of the module is exactly the table in weights, tied or not."""
    for tied in (False, True):
        config = ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=4, num_layers=2, tie_embeddings=tied)
        found = {name: tuple(p.shape) for name, p in LSTMNetwork(config).named_parameters()}
        assert found == parameter_shapes(config)


def test_the_forget_gate_starts_open_and_other_biases_at_zero() -> None:
    """The two biases of torch's LSTM sum to one for the forget gate, to zero for the others."""
    network = LSTMNetwork(ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=6, num_layers=2))
    weights = network.to_weights()
    for layer in range(2):
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        assert bias.reshape(4, 6).tolist() == [[0] * 6, [1] * 6, [0] * 6, [0] * 6]


def test_recurrent_matrices_start_orthogonal() -> None:
    """Each gate's recurrent block is orthogonal."""
    weights = LSTMNetwork(ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=6)).to_weights()
    for block in np.split(weights["lstm.weight_hh_l0"], 4):
        np.testing.assert_allclose(block @ block.T, np.eye(6), atol=1e-5)


def test_dropout_acts_after_every_layer_and_only_in_training() -> None:
    """With one layer the output is thinned, too; in evaluation nothing is."""
    config = ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=64, dropout=0.5)
    network = LSTMNetwork(config)
    ids, everywhere = torch.zeros(1, 3, dtype=torch.long), torch.ones(1, 3, dtype=torch.bool)
    with torch.no_grad():
        noisy = [network.train()(ids, None, everywhere)[0] for _ in range(2)]
        quiet = [network.eval()(ids, None, everywhere)[0] for _ in range(2)]
    assert not torch.equal(*noisy)
    assert torch.equal(*quiet)


def test_weights_can_be_loaded_back() -> None:
    """A network given another's weights computes the same."""
    config = ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=6, num_layers=2)
    a, b = LSTMNetwork(config).eval(), LSTMNetwork(config).eval()
    b.load_weights(a.to_weights())
    ids, everywhere = torch.arange(8).reshape(2, 4), torch.ones(2, 4, dtype=torch.bool)
    with torch.no_grad():
        assert torch.equal(a(ids, None, everywhere)[0], b(ids, None, everywhere)[0])
