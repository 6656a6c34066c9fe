"""The exact engine: the same numbers everywhere, and nearly those of the numpy engine."""

import hashlib
import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.errors import CompressionError
from granular_lm.model import LanguageModel
from granular_lm.runtime import NumpyEngine
from granular_lm.runtime.exact import ExactEngine
from granular_lm.runtime.tables import tables
from granular_lm.weights import ModelConfig, Weights, parameter_shapes

Floats = NDArray[np.float64]
SHAPES = [
    {"embedding_dim": 3, "hidden_size": 5, "num_layers": 1},
    {"embedding_dim": 16, "hidden_size": 32, "num_layers": 2},
    {"embedding_dim": 24, "hidden_size": 24, "num_layers": 3, "tie_embeddings": True},
    {"embedding_dim": 1, "hidden_size": 1, "num_layers": 1},
]


def weights_of(config: ModelConfig, seed: int = 0, scale: float = 0.4) -> dict[str, NDArray[np.float32]]:
    """Return weights that no change of a random generator can change."""
    made: dict[str, NDArray[np.float32]] = {}
    for name, shape in parameter_shapes(config).items():
        numbers = np.arange(math.prod(shape)) + 7919 * len(made) + 104729 * seed
        made[name] = ((numbers * numbers * 31 + numbers * 17) % 2003 / 1001.5 - 1).astype(np.float32).reshape(shape)
        made[name] *= np.float32(scale)
    return made


def frequencies_of(engine: ExactEngine, ids: NDArray[np.int64]) -> list[Floats]:
    """Return what comes after each token of some strings, ids of shape (T, B)."""
    cursor = engine.cursor(ids.shape[1])
    return [cursor.read(column).copy() for column in ids]


def some_ids(vocab_size: int, steps: int, batch_size: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(0, vocab_size, (steps, batch_size))


def test_the_arithmetic_is_pinned() -> None:
    """Frequencies are what they were when the first file was compressed; VERSION is raised if not."""
    config = ModelConfig(vocab_size=300, embedding_dim=16, hidden_size=40, num_layers=2)
    digest = hashlib.sha256()
    for frequencies in frequencies_of(ExactEngine(config, weights_of(config)), np.arange(60).reshape(12, 5)):
        digest.update(frequencies.astype("<i8").tobytes())
    assert digest.hexdigest() == "d461f56ba30d8a770b11223c0bbbf8a7fd18e6c516358933cd237ec75e95adcc"


def slow_frequencies(config: ModelConfig, weights: Weights, ids: list[int]) -> list[int]:
    """Return what comes after some tokens, by fractions, gate by gate; for weights that are multiples of 2^-23."""
    size = config.hidden_size
    functions = tables()

    def unit(array: NDArray[np.float32]) -> list[Fraction]:
        return [Fraction(float(value)) for value in array]

    def index(value: Fraction, half: int = 1) -> int:
        return min(max(math.floor(value / half * 4096 + Fraction(1, 2)) + 8 * 4096, 0), 16 * 4096)

    def round_half_even(value: Fraction, bits: int) -> Fraction:
        return Fraction(round(value * 2**bits), 2**bits)

    cells = [[Fraction(0)] * size for _ in range(config.num_layers)]
    outputs = [[Fraction(0)] * size for _ in range(config.num_layers)]
    for token in ids:
        below = [round_half_even(value, 20) for value in unit(weights["embedding.weight"][token])]
        for n in range(config.num_layers):
            gates = []
            for row in range(4 * size):
                of_input = zip(unit(weights[f"lstm.weight_ih_l{n}"][row]), below, strict=True)
                of_output = zip(unit(weights[f"lstm.weight_hh_l{n}"][row]), outputs[n], strict=True)
                bias = unit(weights[f"lstm.bias_ih_l{n}"])[row] + unit(weights[f"lstm.bias_hh_l{n}"])[row]
                gates.append(bias + sum(w * x for w, x in [*of_input, *of_output]))
            for unit_ in range(size):
                i, f, o = (Fraction(functions.sigmoid[index(gates[gate * size + unit_], half=2)]) for gate in (0, 1, 3))
                g = Fraction(functions.tanh[index(gates[2 * size + unit_])]) / 2**20
                cells[n][unit_] = round_half_even(f * cells[n][unit_] + i * g, 20)
                outputs[n][unit_] = round_half_even(o * Fraction(functions.tanh[index(cells[n][unit_])]) / 2**20, 20)
            below = outputs[n]
    head = weights["embedding.weight" if config.tie_embeddings else "head.weight"]
    logits = [
        sum((w * x for w, x in zip(unit(row), below, strict=True)), start=bias)
        for row, bias in zip(head, unit(weights["head.bias"]), strict=True)
    ]
    return [int(functions.exp[min(math.floor((max(logits) - each) * 4096), 17 * 4096)]) for each in logits]


@pytest.mark.parametrize("shape", SHAPES[:1] + SHAPES[3:] + [{"embedding_dim": 4, "hidden_size": 4, "num_layers": 2}])
@pytest.mark.parametrize("scale", [0.5, 8])
def test_it_computes_what_fractions_compute(shape: dict[str, int], scale: float) -> None:
    """Nothing is rounded but where the definition rounds, with gates in the middle and with saturated ones."""
    config = ModelConfig(vocab_size=9, **shape)  # type: ignore[arg-type]
    weights = {
        name: (np.rint(values * 2**10) / 2**10).astype(np.float32)
        for name, values in weights_of(config, 1, scale).items()
    }
    ids = [8, 1, 2, 2, 5, 0, 7]
    found = frequencies_of(ExactEngine(config, weights), np.array(ids)[:, None])
    for length in range(1, len(ids) + 1):
        assert found[length - 1][0].astype(int).tolist() == slow_frequencies(config, weights, ids[:length])


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_close_to_the_numpy_engine(codec: Codec, shape: dict[str, int]) -> None:
    """Over 20 steps the two distributions differ by less than 1e-5 bits, for every codec's vocabulary."""
    config = ModelConfig(vocab_size=codec.vocab_size, **shape)  # type: ignore[arg-type]
    weights = weights_of(config)
    ids = some_ids(codec.vocab_size, 20, 7)
    engine = NumpyEngine(config, weights)
    state = engine.initial_state(7)
    for column, frequencies in zip(ids, frequencies_of(ExactEngine(config, weights), ids), strict=True):
        log_probs, state = engine.step(column, state)
        expected = np.exp(log_probs.astype(np.float64))
        ours = np.log(frequencies / frequencies.sum(axis=1, keepdims=True))
        assert (expected * (log_probs - ours)).sum(axis=1).max() / math.log(2) < 1e-5


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_a_string_has_the_same_frequencies_in_every_batch(batch_size: int) -> None:
    """Bit for bit: alone, and in any company of 256."""
    config = ModelConfig(vocab_size=300, embedding_dim=48, hidden_size=200, num_layers=2)
    engine = ExactEngine(config, weights_of(config))
    ids = some_ids(300, 10, 256)
    together = frequencies_of(engine, ids)
    for some, all_of_them in zip(frequencies_of(engine, ids[:, -batch_size:]), together, strict=True):
        assert np.array_equal(some, all_of_them[-batch_size:])


@pytest.mark.parametrize("scale", [0.4, 300, 1e4])
def test_no_sum_can_reach_what_a_float_cannot_hold(scale: float) -> None:
    """All terms are multiples of one unit and no column of them adds up to 2^53 units, however large the weights."""
    config = ModelConfig(vocab_size=30, embedding_dim=20, hidden_size=60, num_layers=1)
    engine = ExactEngine(config, weights_of(config, scale=scale))
    [matrix], [bias] = engine.matrices, engine.biases
    terms = [*matrix.flat, *engine.input_table.flat, *bias.flat]
    unit = min(Fraction(1, Fraction(float(each)).denominator) for each in terms)
    columns = np.abs(matrix).sum(axis=0) * 2**20
    columns[:240] += np.abs(engine.input_table).max(axis=0)
    columns[240:] += np.abs(bias)
    assert columns.max() / float(unit) < 2**53


@pytest.mark.parametrize("scale", [0.4, 3])
def test_the_order_of_additions_does_not_matter(scale: float) -> None:
    """Renumbering the hidden units changes no bit."""
    config = ModelConfig(vocab_size=50, embedding_dim=30, hidden_size=120, num_layers=1)
    weights = weights_of(config, scale=scale)
    units = np.random.default_rng(1).permutation(120)
    gates = np.concatenate([units + 120 * gate for gate in range(4)])
    renumbered = dict(weights)
    for name in ("lstm.weight_ih_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0"):
        renumbered[name] = weights[name][gates]
    renumbered["lstm.weight_hh_l0"] = weights["lstm.weight_hh_l0"][gates][:, units]
    renumbered["head.weight"] = weights["head.weight"][:, units]
    ids = some_ids(50, 30, 5)
    one, other = frequencies_of(ExactEngine(config, weights), ids), frequencies_of(ExactEngine(config, renumbered), ids)
    assert np.array_equal(one, other)


PROGRAM = """
import hashlib, sys
import numpy as np
from granular_lm.model import LanguageModel
from granular_lm.runtime.exact import ExactEngine
model = LanguageModel.from_pretrained("bios-char")
cursor = ExactEngine(model.config, model.weights).cursor(256)
digest = hashlib.sha256()
for step in range(6):
    digest.update(cursor.read((np.arange(256) * 31 + step * 17) % model.config.vocab_size).tobytes())
print(digest.hexdigest())
"""


def test_threads_and_kernels_do_not_matter() -> None:
    """A product shared by two threads, and one by the kernels of another processor, give the same bits."""
    settings = [{"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Prescott"}]
    printed = {
        subprocess.run([sys.executable, "-c", PROGRAM], env=setting, capture_output=True, text=True, check=True).stdout
        for setting in settings
    }
    assert len(printed) == 1


def test_strings_that_start_again_and_strings_that_leave() -> None:
    """A row that starts again reads as in a new batch, and those that stay do not notice who left."""
    config = ModelConfig(vocab_size=20, embedding_dim=8, hidden_size=16, num_layers=2)
    engine = ExactEngine(config, weights_of(config))
    ids = some_ids(20, 8, 6)
    expected = frequencies_of(engine, ids)
    cursor = engine.cursor(6)
    for column in ids[::-1]:
        cursor.read(column)
    cursor.restart(np.arange(6))
    for step in range(4):
        assert np.array_equal(cursor.read(ids[step]), expected[step])
    stays = np.array([True, False, True, True, False, True])
    cursor.keep(stays)
    for step in range(4, 8):
        assert np.array_equal(cursor.read(ids[step, stays]), expected[step][stays])


def test_frequencies_are_whole_numbers_that_add_up_exactly(
    random_model: Callable[..., LanguageModel], codec: Codec
) -> None:
    """Between 1 and 2^30 each, the largest 2^30 itself."""
    model = random_model(codec)
    for frequencies in frequencies_of(ExactEngine(model.config, model.weights), some_ids(codec.vocab_size, 5, 3)):
        assert np.array_equal(frequencies, np.rint(frequencies))
        assert frequencies.min() >= 1
        assert (frequencies.max(axis=1) == 2**30).all()


def test_weights_beyond_all_measure_are_refused() -> None:
    """Weights whose sums no float64 could hold exactly are an error, not another text later."""
    config = ModelConfig(vocab_size=20, embedding_dim=4, hidden_size=4, num_layers=1)
    with pytest.raises(CompressionError, match="too large to be added exactly"):
        ExactEngine(config, weights_of(config, scale=1e12))
