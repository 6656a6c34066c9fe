"""The LSTM in numpy, one step at a time for a batch of strings.

Two rearrangements, both exact, make a step cheap. The input product of layer 0 depends on the token alone, so it
is computed once for the whole vocabulary. And sigmoid(x) = (1 + tanh(x / 2)) / 2, so with the halves folded into
the weights one tanh serves all four gates.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from granular_lm.weights import ModelConfig, Weights

Floats = NDArray[np.float32]
State = tuple[Floats, Floats]
"""``(h, c)``, each of shape (L, B, H)."""


class NumpyEngine:
    """Computes next-token log-probabilities from fixed weights.

    Args:
        config: The shape of the network.
        weights: Its parameters, under the names of `granular_lm.weights.parameter_shapes`.
    """

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        self._layers = [_gate_matrices(weights, layer) for layer in range(config.num_layers)]
        head = weights["embedding.weight" if config.tie_embeddings else "head.weight"]
        self._head = np.ascontiguousarray(head.T)
        self._head_bias = weights["head.bias"]
        first = self._layers[0]
        self._input_table = weights["embedding.weight"] @ first.input_matrix + first.bias

    def initial_state(self, batch_size: int) -> State:
        """Return the zero state that every document starts from."""
        shape = (self.config.num_layers, batch_size, self.config.hidden_size)
        return np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)

    def step(self, ids: NDArray[np.integer], state: State) -> tuple[Floats, State]:
        """Read one token of each string and return what comes next.

        Args:
            ids: The tokens just read, shape (B,); the stop id first of all.
            state: What the last step returned, or `initial_state`; it is not changed.

        Returns:
            Natural logarithms of the next token's probabilities, shape (B, V), and the new state.
        """
        h, c = np.empty_like(state[0]), np.empty_like(state[1])
        gates = self._input_table[ids]
        for layer, matrices in enumerate(self._layers):
            if layer:
                gates = h[layer - 1] @ matrices.input_matrix
                gates += matrices.bias
            gates += state[0][layer] @ matrices.recurrent_matrix
            _cell(gates, state[1][layer], h[layer], c[layer])
        logits = h[-1] @ self._head
        logits += self._head_bias
        return _log_softmax(logits), (h, c)


def select_rows(state: State, rows: NDArray[np.integer] | slice) -> State:
    """Return the states of some strings of a batch, in the order of ``rows``."""
    return state[0][:, rows], state[1][:, rows]


def fill_holes(state: State, goes_on: NDArray[np.bool_]) -> tuple[NDArray[np.int64], State]:
    """Drop strings from a batch by moving as few of the others as there are holes.

    Args:
        state: Of the batch; it is used up.
        goes_on: Which strings stay, shape (B,).

    Returns:
        The rows that stay, in their new order, and their states.
    """
    count = int(np.count_nonzero(goes_on))
    holes, moved = np.flatnonzero(~goes_on[:count]), count + np.flatnonzero(goes_on[count:])
    order = np.arange(count)
    order[holes] = moved
    for values in state:
        values[:, holes] = values[:, moved]
    return order, select_rows(state, slice(0, count))


class _GateMatrices(NamedTuple):
    """One layer's parameters, transposed, with the rows of the three sigmoid gates halved."""

    input_matrix: Floats  # (in, 4H)
    recurrent_matrix: Floats  # (H, 4H)
    bias: Floats  # (4H,)


def _gate_matrices(weights: Weights, layer: int) -> _GateMatrices:
    hidden_size = weights[f"lstm.weight_hh_l{layer}"].shape[1]
    scale = np.full(4 * hidden_size, 0.5, dtype=np.float32)
    scale[2 * hidden_size : 3 * hidden_size] = 1.0  # torch's order is i, f, g, o; g is a tanh as it stands
    bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
    return _GateMatrices(
        np.ascontiguousarray(weights[f"lstm.weight_ih_l{layer}"].T * scale),
        np.ascontiguousarray(weights[f"lstm.weight_hh_l{layer}"].T * scale),
        bias * scale,
    )


def _cell(gates: Floats, c_before: Floats, h: Floats, c: Floats) -> None:
    """Write the new ``h`` and ``c`` of one layer; ``gates`` is overwritten."""
    size = h.shape[-1]
    np.tanh(gates, out=gates)
    i, f, g, o = (gates[..., k * size : (k + 1) * size] for k in range(4))
    f += 1
    np.multiply(f, c_before, out=c)
    i += 1
    i *= g
    c += i
    c *= 0.5
    np.tanh(c, out=h)
    o += 1
    h *= o
    h *= 0.5


def _log_softmax(logits: Floats) -> Floats:
    logits -= logits.max(axis=-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return logits
