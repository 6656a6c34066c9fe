"""The LSTM in exact arithmetic: the same probabilities, bit for bit, on every machine, in every batch.

A decoder of compressed text has to see the very numbers that the encoder saw. Sums of floats do not give that: their
last bits depend on the order of the additions, and so on the processor, the library, its threads and the batch. Here
every term of every sum is a whole multiple of one unit, and no sum reaches 2^53 units. A float64 holds all of those,
so nothing is ever rounded and any order gives the same. What is not a sum is one operation on two numbers, rounded
as IEEE 754 says, or the look-up in a table.

The price is some accuracy: a gate is rounded to 1/4096 before its table is asked. But a distribution that is wrong by
a small part costs bits by the square of that part: on the bios it is some hundred-thousandths of all bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from granular_lm.errors import CompressionError
from granular_lm.runtime.engine import GATES
from granular_lm.runtime.tables import INDEX_BITS, OUTPUT_BITS, REACH, UNIT, Exact, Tables, tables
from granular_lm.weights import ModelConfig, Weights

MOST_WEIGHT_BITS = 24  # weights are multiples of 2^-24, or of more where a sum would not fit
SUM_BITS = 52  # sums stay below 2^52 units, so that the check of it is exact as well
STEPS = 2.0**INDEX_BITS
MIDDLE = REACH * STEPS + 0.5  # the index of zero; the half makes cutting off the fraction a rounding
CELL_TO_INDEX = STEPS / UNIT


@dataclass(frozen=True, slots=True)
class _Sums:
    """What is added up for the gates of a layer, or for the logits.

    Attributes:
        matrix: Of the layer's input, and below it of its own last output, shape (inputs, sums).
        bias: Shape (sums,).
        reach: How far from zero each input can be, shape (inputs,).
    """

    matrix: Exact
    bias: Exact
    reach: Exact

    def rounded(self, weight_bits: int) -> "_Sums":
        """Return the same with each weight a multiple of 2^-weight_bits."""
        return _Sums(_rounded(self.matrix, weight_bits), _rounded(self.bias, weight_bits), self.reach)

    def largest(self) -> float:
        """Return what no sum, and no part of one, exceeds."""
        return float((self.reach @ np.abs(self.matrix) + np.abs(self.bias)).max()) + 2 * REACH


def _rounded(values: NDArray[np.floating], bits: int) -> Exact:
    return np.ldexp(np.rint(np.ldexp(values.astype(np.float64), bits)), -bits)


def _that_fit(exactly: Sequence[_Sums]) -> list[_Sums]:
    """Return the sums with weights rounded as finely as lets every sum fit."""
    for weight_bits in range(MOST_WEIGHT_BITS, -1, -1):
        rounded = [sums.rounded(weight_bits) for sums in exactly]
        largest = max(sums.largest() for sums in rounded)
        if largest < 2.0 ** (SUM_BITS - OUTPUT_BITS - weight_bits):
            return rounded
    raise CompressionError(
        f"the weights of this model are too large to be added exactly: a sum may reach {largest:.3g}, accepted is "
        f"less than {2.0 ** (SUM_BITS - OUTPUT_BITS):.3g}; train the model again."
    )


class ExactEngine:
    """Computes frequencies of the next token from fixed weights; `NumpyEngine` has the same arrangement.

    Args:
        config: The shape of the network.
        weights: Its parameters, under the names of `granular_lm.weights.parameter_shapes`.

    Raises:
        CompressionError: The weights are too large.
    """

    def __init__(self, config: ModelConfig, weights: Weights) -> None:
        self.config = config
        size = config.hidden_size
        embedding = _rounded(weights["embedding.weight"], OUTPUT_BITS)
        *layers, head = _that_fit(list(_all_sums(config, weights, np.abs(embedding).max(axis=0))))
        recurrent = [layer.matrix[-size:] for layer in layers]
        upwards = [*(layer.matrix[:-size] for layer in layers[1:]), head.matrix]
        self.input_table = embedding @ layers[0].matrix[:-size] * STEPS + (layers[0].bias * STEPS + MIDDLE)
        self.matrices = [np.hstack(pair) * (STEPS / UNIT) for pair in zip(recurrent, upwards, strict=True)]
        self.biases = [*(layer.bias * STEPS + MIDDLE for layer in layers[1:]), head.bias * STEPS]

    def cursor(self, count: int) -> "ExactCursor":
        """Return that many strings, all before their first token."""
        return ExactCursor(self, count)


def _all_sums(config: ModelConfig, weights: Weights, embedding_reach: Exact) -> Iterator[_Sums]:
    """Yield the sums of each layer and of the output layer, as the weights have them."""
    size = config.hidden_size
    rows = np.concatenate([np.arange(gate * size, (gate + 1) * size) for gate in GATES])
    inner = np.repeat([0.5, 0.5, 0.5, 1.0], size)
    outputs_reach = np.ones(size)
    for n in range(config.num_layers):
        stacked = np.hstack([weights[f"lstm.weight_ih_l{n}"], weights[f"lstm.weight_hh_l{n}"]])[rows].T * inner
        bias = (weights[f"lstm.bias_ih_l{n}"].astype(np.float64) + weights[f"lstm.bias_hh_l{n}"])[rows] * inner
        yield _Sums(stacked, bias, np.concatenate([outputs_reach if n else embedding_reach, outputs_reach]))
    head = weights["embedding.weight" if config.tie_embeddings else "head.weight"].T
    yield _Sums(head.astype(np.float64), weights["head.bias"].astype(np.float64), outputs_reach)


class ExactCursor:
    """Strings that are read side by side, in arrays that are used again and again.

    Args:
        engine: What computes.
        count: How many strings.
    """

    def __init__(self, engine: ExactEngine, count: int) -> None:
        self._engine = engine
        size = engine.config.hidden_size
        self._layers = [
            _Layer(np.zeros((count, size)), np.zeros((count, matrix.shape[1])), tables()) for matrix in engine.matrices
        ]
        self._make_room()

    def read(self, ids: NDArray[np.integer]) -> Exact:
        """Read one token of each string; return the frequencies of what comes next, shape (B, V).

        They are whole numbers, and their sum differs from row to row. The array is overwritten by the next call.
        """
        upwards = np.take(
            self._engine.input_table, ids, axis=0, out=self._gates, mode="clip"
        )  # quicker than the checking mode
        for layer, matrix, bias in zip(self._layers, self._engine.matrices, self._engine.biases, strict=True):
            layer.advance(upwards, matrix)
            upwards = np.add(layer.upwards, bias, out=self._logits if layer is self._layers[-1] else self._gates)
        np.subtract(upwards.max(axis=1, keepdims=True), upwards, out=self._below, casting="unsafe")
        return np.take(tables().exp, self._below, out=self._logits, mode="clip")

    def restart(self, rows: NDArray[np.integer]) -> None:
        """Put some strings back before their first token."""
        for layer in self._layers:
            layer.cells[rows] = 0
            layer.recurrent[rows] = 0

    def keep(self, goes_on: NDArray[np.bool_]) -> None:
        """Let the other strings leave; those that stay keep their order."""
        self._layers = [_Layer(layer.cells[goes_on], layer.product[goes_on], tables()) for layer in self._layers]
        self._make_room()

    def _make_room(self) -> None:
        shape = (len(self._layers[0].cells), self._engine.config.vocab_size)
        self._gates = np.empty((shape[0], 4 * self._engine.config.hidden_size))
        self._logits, self._below = np.empty(shape), np.empty(shape, dtype=np.intp)


@dataclass(eq=False, slots=True)
class _Layer:
    """What one layer works in, with the parts of it that have a name.

    Attributes:
        cells: In units of 2^-20, shape (B, H).
        product: The outputs times the matrix of the next step and that of the layer above, in steps of the tables,
            shape (B, 4H + any).
    """

    cells: Exact
    product: Exact
    functions: Tables
    outputs: Exact = field(init=False)
    sigmoids: Exact = field(init=False)
    sigmoid_index: NDArray[np.intp] = field(init=False)
    tanh_index: NDArray[np.intp] = field(init=False)
    recurrent: Exact = field(init=False)
    upwards: Exact = field(init=False)

    def __post_init__(self) -> None:
        rows, size = self.cells.shape
        self.outputs, self.tanh_index = np.empty((rows, size)), np.empty((rows, size), dtype=np.intp)
        self.sigmoids, self.sigmoid_index = np.empty((rows, 3 * size)), np.empty((rows, 3 * size), dtype=np.intp)
        self.recurrent, self.upwards = self.product[:, : 4 * size], self.product[:, 4 * size :]

    def advance(self, inputs: Exact, matrix: Exact) -> None:
        """Go from what comes from below to the next cells, outputs and product."""
        size = self.cells.shape[1]
        sigmoids, cell_gate = np.s_[:, : 3 * size], np.s_[:, 3 * size :]
        np.add(inputs[sigmoids], self.recurrent[sigmoids], out=self.sigmoid_index, casting="unsafe")
        np.add(inputs[cell_gate], self.recurrent[cell_gate], out=self.tanh_index, casting="unsafe")
        np.take(self.functions.sigmoid, self.sigmoid_index, out=self.sigmoids, mode="clip")
        np.take(self.functions.tanh, self.tanh_index, out=self.outputs, mode="clip")
        input_gate, forget_gate, output_gate = np.split(self.sigmoids, 3, axis=1)
        self.cells *= forget_gate
        self.outputs *= input_gate
        self.cells += self.outputs
        np.rint(self.cells, out=self.cells)
        np.multiply(self.cells, CELL_TO_INDEX, out=self.outputs)
        np.add(self.outputs, MIDDLE, out=self.tanh_index, casting="unsafe")
        np.take(self.functions.tanh, self.tanh_index, out=self.outputs, mode="clip")
        self.outputs *= output_gate
        np.rint(self.outputs, out=self.outputs)
        np.matmul(self.outputs, matrix, out=self.product)
