"""What turns gradients into updates: Muon for the matrices of the LSTM, block by block, and AdamW for the rest."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from granular_lm.network import LSTMNetwork
from granular_lm.training.options import MATRIX_LEARNING_RATE, TrainingOptions

ADAM_BETAS = (0.9, 0.99)
GATES = 4
MOST_ROWS, FEWEST_ROWS = 192, 96
"""Of a block that is orthogonalised: fewer cost less, but under 96 the updates are worse."""

MARGIN = 1.01  # over the norm, for what bfloat16 rounds
NEWTON_SCHULZ = (
    (8.0930, -23.6186, 17.4445),
    (3.6367, -2.7220, 0.5365),
    (2.6615, -1.9774, 0.4526),
)
"""Coefficients of odd quintics a x + b x³ + c x⁵, one a step, that together bring 0.01 .. 1 to within 0.28 of 1.

Each is the best approximation of 1, in the largest error, on the interval that the ones before it leave. Source:
Amsel et al. 2025, "The Polar Express", for this way to choose them.
"""


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised.

    Each of the four gates in a matrix of `torch.nn.LSTM` is a matrix of its own, shape (H, in), cut into blocks of
    rows if it is large: the update of a block is the nearest matrix whose singular values are all equal, so no
    direction of it learns faster than another. Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in
    neural networks".

    Args:
        params: Matrices of shape (4 H, in).
        lr: Learning rate; a step moves each singular direction of a square gate by this much.
        momentum: Share of the running mean of gradients that is kept; applied as Nesterov's.
        weight_decay: Decoupled, as in AdamW.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        *,
        lr: float = MATRIX_LEARNING_RATE,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
        ahead = gradient.lerp(momentum, group["momentum"])
        rows, columns = ahead.shape[0] // GATES, ahead.shape[1]
        blocks = ahead.view(GATES * num_blocks(rows, columns), -1, columns)
        scale = max(1.0, rows / columns) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(orthogonalised(blocks).reshape_as(parameter), alpha=-group["lr"] * scale)


def num_blocks(rows: int, columns: int) -> int:
    """Return into how many equal blocks of rows a gate is cut.

    Half the rows are a quarter of the arithmetic for each of two blocks. A gate with more rows than columns, that of
    the embeddings, is cheap already and stays whole.
    """
    if rows <= columns:
        for count in range(1, rows // FEWEST_ROWS + 1):
            if rows % count == 0 and rows // count <= MOST_ROWS:
                return count
    return 1


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return U Vᵀ of each matrix U S Vᵀ, roughly: singular values from 0.01 of the largest on come near 1.

    The matrices are first divided by their Schatten 4-norm (Σ s⁴)^¼, which the first product gives away: it is
    never below the largest singular value, and closer to it than the Frobenius norm, which saves two steps of five.

    Args:
        matrices: Shape (..., rows, columns); computed in bfloat16.
    """
    is_wide = matrices.shape[-1] > matrices.shape[-2]
    x = matrices if is_wide else matrices.mT
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)).bfloat16()  # first, so that any scale is rounded alike
    gram = x @ x.mT
    norm = gram.float().norm(dim=(-2, -1), keepdim=True).sqrt()
    # Of one number format with x: otherwise torch would work in float32, in twice the memory.
    scale = (1 / (MARGIN * norm + 1e-7)).bfloat16()
    x, gram = x * scale, gram * scale * scale
    for step, (a, b, c) in enumerate(NEWTON_SCHULZ):
        if step:
            gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if is_wide else x.mT).to(matrices.dtype)


def make_optimizers(network: LSTMNetwork, options: TrainingOptions) -> list[torch.optim.Optimizer]:
    """Return the optimizers of a network; each group keeps its peak learning rate as ``initial_lr``.

    Args:
        network: Whose parameters they change.
        options: Settled.
    """
    assert options.learning_rate is not None
    assert options.weight_decay is not None
    gates = [p for name, p in network.named_parameters() if name.startswith("lstm.weight")]
    if options.optimizer == "adamw":
        gates = []
    matrices = [p for p in network.parameters() if p.ndim > 1 and not any(p is gate for gate in gates)]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": options.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=options.learning_rate, betas=ADAM_BETAS, fused=True)
    ]
    if options.matrix_learning_rate is not None:
        optimizers.append(Muon(gates, lr=options.matrix_learning_rate, weight_decay=options.weight_decay))
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        group["initial_lr"] = group["lr"]
    return optimizers
