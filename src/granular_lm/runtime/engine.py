"""The LSTM in numpy, one step at a time for a batch of strings.

A few rearrangements, all exact, make a step cheap. The input product of layer 0 depends on the token alone, so it is
computed once for the whole vocabulary. What a layer puts out is multiplied once, by the matrix of its own next step and
that of the layer above side by side, so the state holds products, not outputs. And sigmoid(x) = (1 + tanh(x / 2)) / 2:
with the inner halves folded into the weights one tanh serves all four gates, and the outer half of the output gate is
folded into the next matrix. The four gates of a batch lie one behind the other, each without gaps: numpy adds and
multiplies parts of longer rows at a third of the speed.
"""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from operator import index
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.weights import ModelConfig, Weights

Floats = NDArray[np.float32]
State = tuple[Floats, Floats]
"""What the recurrence adds to the gates of the next step, and the cells: shapes (L, B, 4H) and (L, B, H)."""

Number = TypeVar("Number", bound=np.floating)

STRINGS_IN_CACHE = 64
"""Between two matrix products a batch is worked on by so many strings at a time, whose gates stay in the cache."""

BYTES_IN_CACHE = 8 * 2**20  # of the matrices of one network; 1 x 512 has 5 MB, 4 x 512 has 30
HALF, ONE = np.float32(0.5), np.float32(1)
GATES = (0, 1, 3, 2)
"""torch has the input, forget, cell and output gate in this order; here the three sigmoids lie side by side."""


class NumpyEngine:
    """Computes next-token log-probabilities from fixed weights.

    Args:
        config: The shape of the network.
        weights: Its parameters, under the names of `granular_lm.weights.parameter_shapes`.
    """

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        layers, size = range(config.num_layers), config.hidden_size
        rows = np.concatenate([np.arange(gate * size, (gate + 1) * size) for gate in GATES])
        inner = np.repeat(np.array([0.5, 0.5, 0.5, 1], dtype=np.float32), size)
        head = weights["embedding.weight" if config.tie_embeddings else "head.weight"]
        inputs = [weights[f"lstm.weight_ih_l{layer}"][rows].T * inner for layer in layers]
        recurrent = [weights[f"lstm.weight_hh_l{layer}"][rows].T * inner for layer in layers]
        biases = [(weights[f"lstm.bias_ih_l{n}"] + weights[f"lstm.bias_hh_l{n}"])[rows] * inner for n in layers]
        pairs = zip(recurrent, [*inputs[1:], head.T], strict=True)
        of_tokens = weights["embedding.weight"] @ inputs[0] + biases[0]
        self.input_table: Floats = of_tokens.reshape(-1, len(GATES), 1, size)  # a token's as for a batch of one
        self.matrices = [np.ascontiguousarray(np.hstack(pair) * HALF) for pair in pairs]
        self.gate_biases = [_by_gate(bias[None]) for bias in biases[1:]]
        self.output_bias = weights["head.bias"]

    @cached_property
    def matrices_for_one(self) -> list[Floats]:
        """The matrices as they are multiplied with a single vector.

        By columns that takes seven tenths to all of the time that it takes by rows, as long as they stay in the
        cache; where they come from memory at each step, up to twice the time on some processors.
        """
        fits = sum(matrix.nbytes for matrix in self.matrices) <= BYTES_IN_CACHE
        return [np.asfortranarray(matrix) for matrix in self.matrices] if fits else self.matrices

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
        cursor = self.cursor(state)
        return log_softmax(cursor.read(ids)), cursor.state()

    def cursor(self, state: State) -> "Cursor":
        """Return a batch of strings to be read from left to right."""
        return Cursor(self, state)


class Cursor:
    """A batch of strings that is read from left to right, in arrays that are used again and again.

    Args:
        engine: What computes.
        state: Where the strings start; it is not changed.
    """

    def __init__(self, engine: NumpyEngine, state: State) -> None:
        self._engine = engine
        matrices = engine.matrices if state[1].shape[1] > 1 else engine.matrices_for_one
        self._layers = [_Layer.of(*each) for each in zip(*state, matrices, strict=True)]
        self._connect()

    def read(self, ids: NDArray[np.integer]) -> Floats:
        """Read one token of each string; return the logits of what comes next, a new array of shape (B, V)."""
        lowest = self._layers[0]
        _check_tokens(ids, len(lowest.cells), self._engine.config.vocab_size)
        for block in lowest.blocks:
            block.advance(self._inputs_of_tokens(ids[block.rows], block.gates))
        lowest.multiply()
        for layer, bias, inputs in self._higher:
            for block, from_below in inputs:
                block.advance(np.add(from_below, bias, out=block.gates))
            layer.multiply()
        logits: Floats = self._upwards + self._engine.output_bias
        return logits

    def keep(self, goes_on: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Let the other strings leave; return the rows that stay, in their new order."""
        count = int(np.count_nonzero(goes_on))
        holes, moved = np.flatnonzero(~goes_on[:count]), count + np.flatnonzero(goes_on[count:])
        order = np.arange(count)
        order[holes] = moved
        self._layers = [layer.moved(holes, moved, count) for layer in self._layers]
        self._connect()
        return order

    def state(self) -> State:
        """Return the state of all strings, to be continued from as often as wanted."""
        return np.stack([layer.recurrent for layer in self._layers]), np.stack([layer.cells for layer in self._layers])

    def _inputs_of_tokens(self, ids: NDArray[np.integer], room: Floats) -> Floats:
        """Return what tokens add to the gates of layer 0, shape (4, B, H), those of several in ``room``."""
        table = self._engine.input_table
        if len(ids) == 1:
            of_token: Floats = table[index(ids.item())]
            return of_token
        rows = np.multiply(ids, len(GATES), dtype=np.intp) + np.arange(len(GATES))[:, None]
        return table.reshape(-1, table.shape[-1]).take(rows, axis=0, out=room, mode="clip")  # out needs a mode

    def _connect(self) -> None:
        """Note where each block of a layer finds what comes from the layer below, shape (4, B, H)."""
        self._higher = [
            (layer, bias, [(block, _by_gate(below.upwards[block.rows])) for block in layer.blocks])
            for (below, layer), bias in zip(pairwise(self._layers), self._engine.gate_biases, strict=True)
        ]
        self._upwards = self._layers[-1].upwards


@dataclass(eq=False, slots=True)
class _Layer:
    """What one layer remembers of all strings.

    Attributes:
        cells: Shape (B, H).
        outputs: Twice what the layer puts out, shape (B, H).
        product: The outputs times the matrix, shape (B, 4H + any).
        matrix: That of the next step and that of the layer above, shape (H, 4H + any).
        recurrent: The part of the product that the next step adds to the gates, shape (B, 4H).
        upwards: The rest of it.
        blocks: The strings, some at a time.
    """

    cells: Floats
    outputs: Floats
    product: Floats
    matrix: Floats
    recurrent: Floats = field(init=False)
    upwards: Floats = field(init=False)
    blocks: list["_Block"] = field(init=False)

    def __post_init__(self) -> None:
        count, size = self.cells.shape
        self.recurrent, self.upwards = self.product[:, : 4 * size], self.product[:, 4 * size :]
        gates = np.empty(4 * min(count, STRINGS_IN_CACHE) * size, dtype=np.float32)
        starts = range(0, count, STRINGS_IN_CACHE)
        self.blocks = [_Block.of(self, slice(start, start + STRINGS_IN_CACHE), gates) for start in starts]

    @classmethod
    def of(cls, recurrent: Floats, cells: Floats, matrix: Floats) -> "_Layer":
        """Return a layer that goes on from a state."""
        product = np.empty((len(cells), matrix.shape[1]), dtype=np.float32)
        product[:, : recurrent.shape[1]] = recurrent
        return cls(cells.copy(), np.empty_like(cells), product, matrix)

    def multiply(self) -> None:
        """Go from the outputs to the product."""
        np.matmul(self.outputs, self.matrix, out=self.product)

    def moved(self, holes: NDArray[np.int64], moved: NDArray[np.int64], count: int) -> "_Layer":
        """Return the first ``count`` rows, after some of the others have been moved into their holes."""
        for values in (self.cells, self.product):
            values[holes] = values[moved]
        return _Layer(self.cells[:count], self.outputs[:count], self.product[:count], self.matrix)


@dataclass(eq=False, slots=True)
class _Block:
    """Some strings of a layer, with the parts of their arrays that have a name.

    Attributes:
        rows: Which strings.
        cells: Shape (B, H), as the outputs.
        recurrent: What the gates are added to, shape (4, B, H).
        gates: All four gates, in room that is shared with the other blocks, shape (4, B, H).
        sigmoids: The first three: the input, the forget and the output gate.
    """

    rows: slice
    cells: Floats
    outputs: Floats
    recurrent: Floats
    gates: Floats
    sigmoids: Floats = field(init=False)
    input_gate: Floats = field(init=False)
    forget_gate: Floats = field(init=False)
    output_gate: Floats = field(init=False)
    cell_gate: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.sigmoids = self.gates[:3]
        self.input_gate, self.forget_gate, self.output_gate, self.cell_gate = self.gates

    @classmethod
    def of(cls, layer: _Layer, rows: slice, room: Floats) -> "_Block":
        """Return some strings of a layer."""
        cells = layer.cells[rows]
        gates = room[: 4 * cells.size].reshape(4, *cells.shape)
        return cls(rows, cells, layer.outputs[rows], _by_gate(layer.recurrent[rows]), gates)

    def advance(self, inputs: Floats) -> None:
        """Go from what comes from below, shape (4, B, H), to the next cells and outputs; it may lie in ``gates``."""
        np.add(inputs, self.recurrent, out=self.gates)
        np.tanh(self.gates, out=self.gates)
        self.sigmoids += ONE
        self.cells *= self.forget_gate
        self.input_gate *= self.cell_gate
        self.cells += self.input_gate
        self.cells *= HALF
        np.tanh(self.cells, out=self.outputs)
        self.outputs *= self.output_gate


def _by_gate(rows: Floats) -> Floats:
    """Return rows of all four gates, shape (B, 4H), as the same numbers of each gate, shape (4, B, H)."""
    return rows.reshape(len(rows), 4, rows.shape[1] // 4).swapaxes(0, 1)


def _check_tokens(ids: NDArray[np.integer], count: int, vocab_size: int) -> None:
    if len(ids) != count:
        raise ValueError(f"{len(ids)} tokens were given for {count} strings; give each one.")
    if count == 0:
        return
    least, most = (ids.item(), ids.item()) if len(ids) == 1 else (ids.min(), ids.max())
    if least < 0 or most >= vocab_size:
        raise IndexError(f"tokens from {least} to {most} were met; there are 0 to {vocab_size - 1}.")


def select_rows(state: State, rows: NDArray[np.integer] | slice) -> State:
    """Return the states of some strings of a batch, in the order of ``rows``."""
    return state[0][:, rows], state[1][:, rows]


def log_softmax(logits: NDArray[Number]) -> NDArray[Number]:
    """Turn logits into natural logarithms of probabilities, in place, and return them."""
    logits -= np.maximum.reduce(logits, axis=-1, keepdims=True)
    logits -= np.log(np.add.reduce(np.exp(logits), axis=-1, keepdims=True))
    return logits
