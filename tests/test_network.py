"""The trainable network."""

import numpy as np
import pytest
import torch

from granular_lm.network import LSTM, Dropout, LSTMNetwork
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
    ids = torch.zeros(1, 3, dtype=torch.long)
    with torch.no_grad():
        noisy = [network.train()(ids, None)[0] for _ in range(2)]
        quiet = [network.eval()(ids, None)[0] for _ in range(2)]
    assert not torch.equal(*noisy)
    assert torch.equal(*quiet)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    """Values are zero or scaled up by the inverse of the share that is kept; gradients are scaled alike."""
    torch.manual_seed(0)
    ones = torch.ones(999, 101, requires_grad=True)
    thinned = Dropout(0.25)(ones)
    thinned.sum().backward()
    assert set(thinned.unique().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert ones.grad is not None
    assert torch.equal(ones.grad, thinned)
    shares = (thinned == 0).float()
    assert abs(shares.mean() - 0.25) < 5 * (0.25 * 0.75 / ones.numel()) ** 0.5
    # Four values share a random word: each of the four is dropped as often, and apart from its neighbours.
    words = shares.flatten()[: 4 * (ones.numel() // 4)].view(-1, 4)
    assert (words.mean(0) - 0.25).abs().max() < 0.015
    assert words.T.corrcoef().triu(1).abs().max() < 0.03


@pytest.mark.parametrize("share", [0.0, 1e-9])
def test_dropout_of_nothing_is_the_identity(share: float) -> None:
    """Nothing is drawn, either: the state of the generator stays."""
    values, before = torch.ones(3, 5), torch.get_rng_state()
    assert Dropout(share)(values) is values
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_layers_are_those_of_torch(share: float) -> None:
    """Read one at a time, in evaluation, they give what torch gives, from a state as from none."""
    torch.manual_seed(0)
    config = ModelConfig(
        vocab_size=2, embedding_dim=5, hidden_size=7, num_layers=3, dropout=share, weight_dropout=share
    )
    lstm = LSTM(config).eval()
    values, state = torch.randn(2, 4, 5), (torch.randn(3, 2, 7), torch.randn(3, 2, 7))
    for before in (None, state):
        torch.testing.assert_close(lstm(values, before), torch.nn.LSTM.forward(lstm, values, before))


def test_dropout_acts_between_layers() -> None:
    """Without dropout after the last layer its outputs still differ from run to run."""
    lstm = LSTM(ModelConfig(vocab_size=2, embedding_dim=5, hidden_size=32, num_layers=2, dropout=0.5)).train()
    values = torch.randn(1, 4, 5)
    assert not torch.equal(lstm(values)[0], lstm(values)[0])


def test_recurrent_weights_are_dropped_for_a_whole_window() -> None:
    """The output is that of an LSTM with some of these weights zero and the others scaled up; so is the gradient."""
    lstm = LSTM(ModelConfig(vocab_size=2, embedding_dim=5, hidden_size=16, weight_dropout=0.4)).train()
    values, state = torch.randn(2, 7, 5), (torch.randn(1, 2, 16), torch.randn(1, 2, 16))
    weights = lstm.get_parameter("weight_hh_l0")
    torch.manual_seed(3)
    outputs, _ = lstm(values, state)
    outputs.sum().backward()
    torch.manual_seed(3)
    dropped = lstm.recurrent(weights.detach())
    assert 0.3 < (dropped == 0).float().mean() < 0.5
    same = torch.nn.LSTM(5, 16, batch_first=True)
    same.load_state_dict({**lstm.state_dict(), "weight_hh_l0": dropped})
    torch.testing.assert_close(same(values, state)[0], outputs)
    assert weights.grad is not None
    assert ((weights.grad == 0) == (dropped == 0)).all()


def test_weights_can_be_loaded_back() -> None:
    """A network given another's weights computes the same."""
    config = ModelConfig(vocab_size=9, embedding_dim=4, hidden_size=6, num_layers=2)
    a, b = LSTMNetwork(config).eval(), LSTMNetwork(config).eval()
    b.load_weights(a.to_weights())
    ids = torch.arange(8).reshape(2, 4)
    with torch.no_grad():
        assert torch.equal(a(ids, None)[0], b(ids, None)[0])
