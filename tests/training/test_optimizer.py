"""Muon: orthogonal updates, gate by gate."""

import pytest
import torch

from granular_lm.network import LSTMNetwork
from granular_lm.training.optimizer import NEWTON_SCHULZ, Muon, make_optimizers, num_blocks, orthogonalised
from granular_lm.training.options import TrainingOptions
from granular_lm.weights import ModelConfig


@pytest.mark.parametrize("shape", [(4, 16, 16), (4, 32, 8), (2, 8, 40)])
def test_singular_values_come_near_one(shape: tuple[int, ...]) -> None:
    """Singular values up to fifty apart end within 0.7 and 1.3, and their directions stay."""
    torch.manual_seed(0)
    u, _, vh = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrices = u @ torch.diag_embed(torch.logspace(-1.7, 0, min(shape[1:])).expand(shape[0], -1)) @ vh
    values = torch.linalg.svdvals(orthogonalised(matrices))
    assert values.min() > 0.7
    assert values.max() < 1.3
    along = torch.einsum("bij,bij->b", orthogonalised(matrices), u @ vh) / min(shape[1:])
    assert along.min() > 0.8


def test_the_polynomials_bring_everything_near_one() -> None:
    """One after another they map 0.01 .. 1 to within 0.28 of 1."""
    x = torch.logspace(-2, 0, 10_000, dtype=torch.float64)
    for a, b, c in NEWTON_SCHULZ:
        x = a * x + b * x**3 + c * x**5
    assert (x - 1).abs().max() < 0.28


def test_no_gradient_is_no_update() -> None:
    """Zeros stay zeros, tiny gradients count like large ones."""
    assert torch.equal(orthogonalised(torch.zeros(4, 8, 8)), torch.zeros(4, 8, 8))
    torch.manual_seed(0)
    matrices = torch.randn(4, 8, 8)
    torch.testing.assert_close(orthogonalised(matrices), orthogonalised(1e-6 * matrices), atol=0.02, rtol=0)


def test_one_step_is_the_formula() -> None:
    """The first step moves each gate by lr times the orthogonalised gradient: momentum starts at zero."""
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.randn(32, 8))
    before = matrix.detach().clone()
    gradient = torch.randn(32, 8)
    matrix.grad = gradient.clone()
    Muon([matrix], lr=0.1, momentum=0.5).step()
    expected = before - 0.1 * orthogonalised(gradient.view(4, 8, 8)).reshape(32, 8)
    torch.testing.assert_close(matrix.detach(), expected, atol=1e-2, rtol=0)


@pytest.mark.parametrize(
    ("rows", "columns", "count"),
    [
        (64, 64, 1),
        (192, 192, 1),
        (256, 256, 2),
        (384, 384, 2),
        (448, 448, 4),
        (512, 512, 4),
        (257, 257, 1),
        (512, 64, 1),
    ],
)
def test_large_gates_are_cut_into_equal_blocks(rows: int, columns: int, count: int) -> None:
    """Of 96 to 192 rows where the width can be divided so; the gates of the embedding stay whole."""
    assert num_blocks(rows, columns) == count


def test_a_block_moves_by_its_own_gradient() -> None:
    """Each block of a large gate is orthogonalised by itself."""
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.zeros(4 * 256, 256))
    matrix.grad = torch.randn(4 * 256, 256)
    expected = -0.1 * orthogonalised(matrix.grad.view(8, 128, 256)).reshape(4 * 256, 256)
    Muon([matrix], lr=0.1, momentum=0.0).step()
    torch.testing.assert_close(matrix.detach(), expected, atol=1e-3, rtol=0)


def test_gates_do_not_mix() -> None:
    """The update of a gate depends on its own gradient alone, however large the others' are."""
    torch.manual_seed(0)
    gradient = torch.randn(32, 8)
    moved = []
    for scale in (1.0, 1000.0):
        matrix = torch.nn.Parameter(torch.zeros(32, 8))
        matrix.grad = gradient.clone()
        matrix.grad[8:] *= scale
        Muon([matrix], lr=0.1).step()
        moved.append(matrix.detach()[:8].clone())
    assert torch.equal(*moved)


@pytest.mark.parametrize(("name", "kinds"), [("muon", ["AdamW", "Muon"]), ("adamw", ["AdamW"])])
@pytest.mark.parametrize("is_tied", [False, True])
def test_every_parameter_has_one_optimizer(name: str, kinds: list[str], is_tied: bool) -> None:
    """None is left out and none is updated twice; only the LSTM's matrices are Muon's."""
    network = LSTMNetwork(
        ModelConfig(vocab_size=20, embedding_dim=8, hidden_size=8, num_layers=2, tie_embeddings=is_tied)
    )
    optimizers = make_optimizers(network, TrainingOptions(optimizer=name).settled())
    assert [type(optimizer).__name__ for optimizer in optimizers] == kinds
    held = [id(p) for o in optimizers for group in o.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in network.parameters())
    if name == "muon":
        gates = {id(p) for group in optimizers[1].param_groups for p in group["params"]}
        assert gates == {id(p) for key, p in network.lstm.named_parameters() if key.startswith("weight")}
