"""The LSTM in numpy, one step at a time for a batch of strings.

A few rearrangements, all exact, make a step cheap. The input product of layer 0 depends on the token alone, so it is
computed once for the whole vocabulary. What a layer puts out is multiplied once, by the matrix of its own next step and
that of the layer above side by side, so the state holds products, not outputs. And sigmoid(x) = (1 + tanh(x / 2)) / 2:
with the inner halves folded into the weights one tanh serves all four gates, and the outer half of the output gate is
folded into the next matrix.
"""

import numpy as np
from numpy.typing import NDArray

from granular_lm.weights import ModelConfig, Weights

Floats = NDArray[np.float32]
State = tuple[Floats, Floats]
"""What the recurrence adds to the gates of the next step, and the cells: shapes (L, B, 4H) and (L, B, H)."""


class NumpyEngine:
    """Computes next-token log-probabilities from fixed weights.

    Args:
        config: The shape of the network.
        weights: Its parameters, under the names of `granular_lm.weights.parameter_shapes`.
    """

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        layers, size = range(config.num_layers), config.hidden_size
        # torch's order of gates is i, f, g, o; g is a tanh as it stands, the others become sigmoids
        inner = np.repeat(np.array([0.5, 0.5, 1, 0.5], dtype=np.float32), size)
        self._one = np.repeat(np.array([1, 1, 0, 1], dtype=np.float32), size)
        self._half = np.float32(0.5)
        head = weights["embedding.weight" if config.tie_embeddings else "head.weight"]
        inputs = [weights[f"lstm.weight_ih_l{layer}"].T * inner for layer in layers]
        recurrent = [weights[f"lstm.weight_hh_l{layer}"].T * inner for layer in layers]
        biases = [(weights[f"lstm.bias_ih_l{n}"] + weights[f"lstm.bias_hh_l{n}"]) * inner for n in layers]
        self._input_table = weights["embedding.weight"] @ inputs[0] + biases[0]
        pairs = zip(recurrent, [*inputs[1:], head.T], strict=True)
        # by rows: four matrices of 512 units take six tenths of the time that they take by columns
        self._matrices = [np.ascontiguousarray(np.hstack(pair) * self._half) for pair in pairs]
        self._biases = [*biases[1:], weights["head.bias"]]

    def initial_state(self, batch_size: int) -> State:
        """Return the zero state that every document starts from."""
        layers, size = self.config.num_layers, self.config.hidden_size
        return (
            np.zeros((layers, batch_size, 4 * size), dtype=np.float32),
            np.zeros((layers, batch_size, size), dtype=np.float32),
        )

    def step(self, ids: NDArray[np.integer], state: State) -> tuple[Floats, State]:
        """Read one token of each string and return what comes next.

        Args:
            ids: The tokens just read, shape (B,); the stop id first of all.
            state: What the last step returned, or `initial_state`; it is not changed.

        Returns:
            Natural logarithms of the next token's probabilities, shape (B, V), and the new state.
        """
        recurrent, cells = state
        width = recurrent.shape[-1]
        next_recurrent, next_cells = [], np.empty_like(cells)
        upwards = self._input_table[ids]
        for layer, (matrix, bias) in enumerate(zip(self._matrices, self._biases, strict=True)):
            upwards += recurrent[layer]
            product = self._cell(upwards, cells[layer], next_cells[layer]) @ matrix
            next_recurrent.append(product[:, :width])
            upwards = product[:, width:] + bias
        together = next_recurrent[0][None] if len(next_recurrent) == 1 else np.stack(next_recurrent)
        return _log_softmax(upwards), (together, next_cells)

    def _cell(self, gates: Floats, before: Floats, after: Floats) -> Floats:
        """Return twice the output of a layer, shape (B, H), and write its cells into ``after``, using up the gates."""
        size = after.shape[-1]
        np.tanh(gates, out=gates)
        gates += self._one
        i = gates[:, :size]
        np.multiply(gates[:, size : 2 * size], before, out=after)
        i *= gates[:, 2 * size : 3 * size]
        after += i
        after *= self._half
        outputs = np.tanh(after)
        outputs *= gates[:, 3 * size :]
        return outputs


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


def _log_softmax(logits: Floats) -> Floats:
    logits -= np.maximum.reduce(logits, axis=-1, keepdims=True)
    logits -= np.log(np.add.reduce(np.exp(logits), axis=-1, keepdims=True))
    return logits
