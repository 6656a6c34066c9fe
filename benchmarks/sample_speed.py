"""How fast strings are drawn and scored, beside the matrix products in it and beside other ways to draw.

    python benchmarks/sample_speed.py [FILE ...] [--only one batches scoring bits] [--rounds 5] [-o FILE]

The weights are random. Drawing takes as long with any weights, but for the stop, which is all but impossible here:
every string grows to its full length.

- `one`: one string at a time, all of `Generator.sample` counted. The bound is what numpy takes for the products of a
  vector with the matrices alone: for each byte the recurrent matrix of every layer, the input matrix of every layer but
  the first, whose products a table can hold, and the output matrix. They lie row by row or column by column in memory,
  whichever is faster. Beside it stands what the same products take where matrices that multiply the same vector are
  joined to one. The peers are those of `reference_samplers.py`, each with one thread and with as many as torch takes by
  itself, whichever is faster.
- `batches`: many strings at a time, all of `Generator.sample_batch` counted; how many it draws together is its own
  choice. The bound is the same, with a matrix of as many rows as there are strings for the vector.
- `scoring`: `LanguageModel.score`. Useful are 2 floating point operations for each parameter outside the embedding and
  each token, stops included; the bound is ``a @ b`` of square matrices in numpy, the best of several sizes. The
  operations of the first layer's input matrix count, though a table saves them: 10 % of all at 1 x 512.
- `bits`: products of a vector with matrices of fewer bits a weight, in numpy and in torch, as times of those in numpy's
  float32. It says whether smaller weights would pay without compiled code of our own.

Machines are noisy, so the programs of a case take turns, round by round, and every ratio is one of medians. How long
`granular-lm sample` takes from a cold start is in `startup.py`.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice, product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import linear

from granular_lm.codecs.byte import ByteCodec
from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from granular_lm.scoring import Totals
from granular_lm.weights import ModelConfig, flops_per_token, parameter_shapes
from reference_samplers import NEVER, peers, with_threads
from results import benchmark_parser, write_results

Floats = NDArray[np.float32]
Product = Callable[[Floats], object]
"""Multiplies a vector with a matrix that it holds."""

PRINTABLE = range(32, 127)
SPREAD = 3.0  # of the random weights: the next byte is neither certain nor wholly open
Layout = Literal["C", "F"]
LAYOUTS: tuple[Layout, ...] = ("C", "F")
THREADS = sorted({1, torch.get_num_threads()})
REST = 0.05  # seconds before each program: threads of the one before spin for some hundredths when they have no work
SETTINGS = ("rounds", "seconds", "hidden_size", "embedding_dim", "length", "batch_length")
ROWS_AT_ONCE = 64  # of a matrix that is converted while it is multiplied: what they become stays in the cache


@dataclass(frozen=True)
class Program:
    """What is timed.

    Attributes:
        run: Does it once.
        count: How many bytes, tokens, products or operations that is.
    """

    run: Callable[[], object]
    count: float


def speeds(programs: Mapping[str, Program], arguments: argparse.Namespace) -> dict[str, float]:
    """Return how many a second each program does, the median of some rounds in which they take turns."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, program in programs.items():
            time.sleep(REST)
            found[name].append(speed(program, arguments.seconds))
    return {name: statistics.median(each) for name, each in found.items()}


def speed(program: Program, seconds: float) -> float:
    """Return how many a second a program does when it runs again and again for some seconds, once at least."""
    done, passed, started = 0.0, 0.0, time.perf_counter()
    while passed < seconds or not done:
        program.run()
        done += program.count
        passed = time.perf_counter() - started
    return done / passed


def best(found: Mapping[str, float], names: Iterable[str]) -> float:
    """Return the speed of the fastest of some programs."""
    return max(found[name] for name in names)


def random_model(num_layers: int, arguments: argparse.Namespace) -> LanguageModel:
    """Return a byte model with random weights that draws printable ASCII and hardly ever stops."""
    codec = ByteCodec()
    config = ModelConfig(
        vocab_size=codec.vocab_size,
        embedding_dim=arguments.embedding_dim,
        hidden_size=arguments.hidden_size,
        num_layers=num_layers,
    )
    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(0, SPREAD * shape[-1] ** -0.5, shape).astype(np.float32)
        for name, shape in parameter_shapes(config).items()
    }
    weights["head.bias"][:] = NEVER
    weights["head.bias"][PRINTABLE] = 0
    return LanguageModel(codec, config, weights)


def matrix_shapes(config: ModelConfig, *, are_joined: bool = False) -> list[tuple[int, int]]:
    """Return the shapes of the matrices that vectors are multiplied with at each step, the output matrix last.

    Args:
        config: Shape of the network.
        are_joined: Whether matrices that multiply the same vector lie side by side, as one matrix.
    """
    size, depth = config.hidden_size, config.num_layers
    if are_joined:
        return [(size, 8 * size)] * (depth - 1) + [(size, 4 * size + config.vocab_size)]
    return [(size, 4 * size)] * (2 * depth - 1) + [(size, config.vocab_size)]


def products(config: ModelConfig, batch_size: int | None = None) -> dict[str, Program]:
    """Return programs that do the products of a step alone, one program for each way the matrices may lie.

    Args:
        config: Shape of the network.
        batch_size: Vectors at once; None is one vector that is no matrix.
    """
    shapes = {"apart": matrix_shapes(config), "joined": matrix_shapes(config, are_joined=True)}
    return {
        f"{name} {layout}": Program(_products(shapes[name], layout, batch_size), batch_size or 1)
        for name, layout in product(shapes, LAYOUTS)
    }


def _products(shapes: Sequence[tuple[int, int]], layout: Layout, batch_size: int | None) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    vectors = rng.random((batch_size, shapes[0][0]) if batch_size else shapes[0][0], dtype=np.float32)
    matrices = [np.asarray(rng.random(shape, dtype=np.float32), order=layout) for shape in shapes]
    outputs = [vectors @ matrix for matrix in matrices]
    return lambda: [np.matmul(vectors, each, out=out) for each, out in zip(matrices, outputs, strict=True)]


def beside_products(found: Mapping[str, float]) -> dict[str, Any]:
    """Return the speed of ours and its shares of what the products alone reach, apart and joined."""
    apart, joined = (best(found, [f"{name} {layout}" for layout in LAYOUTS]) for name in ("apart", "joined"))
    return {
        "bytes_per_second": found["ours"],
        "bound_bytes_per_second": apart,
        "share_of_bound": found["ours"] / apart,
        "joined_bytes_per_second": joined,
        "share_of_joined": found["ours"] / joined,
        "all_bytes_per_second": found,
    }


def one_string(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return, for each depth, how fast one string at a time is drawn."""
    return [_one_string(num_layers, arguments) for num_layers in arguments.layers]


def _one_string(num_layers: int, arguments: argparse.Namespace) -> dict[str, Any]:
    model, length = random_model(num_layers, arguments), arguments.length
    generator = Generator(model)
    others = peers(model.config, model.weights, length)
    programs = {"ours": Program(lambda: generator.sample(max_bytes=length, seed=0), length), **products(model.config)}
    for (name, run), threads in product(others.items(), THREADS):
        programs[f"{name} {threads}"] = Program(partial(with_threads, threads, run), length)
    found = speeds(programs, arguments)
    fastest = {name: best(found, [f"{name} {threads}" for threads in THREADS]) for name in others}
    return {
        "num_layers": num_layers,
        "parameters": model.num_parameters,
        **beside_products(found),
        "peers": {
            name: {"bytes_per_second": speed, "times_as_fast": found["ours"] / speed} for name, speed in fastest.items()
        },
    }


def batches(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return, for each batch size, how fast many strings at a time are drawn."""
    model = random_model(1, arguments)
    return [_batch(model, batch_size, arguments) for batch_size in arguments.batch_sizes]


def _batch(model: LanguageModel, batch_size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    generator, length = Generator(model), arguments.batch_length
    ours = Program(lambda: generator.sample_batch(batch_size, max_bytes=length, seed=0), batch_size * length)
    found = speeds({"ours": ours, **products(model.config, batch_size)}, arguments)
    return {"batch_size": batch_size, **beside_products(found)}


def scoring(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how fast documents are scored."""
    model = random_model(1, arguments)
    source = read_documents(arguments.files) if arguments.files else generate_bios(arguments.documents)
    documents = list(islice(source, arguments.documents))
    totals = Totals.of(model.score(documents))
    tokens = totals.num_tokens + totals.documents
    matmuls = {f"matmul {size}": matmul(size) for size in arguments.matmul_sizes}
    programs = {"ours": Program(lambda: model.score(documents), totals.num_bytes), **matmuls}
    found = speeds(programs, arguments)
    useful = flops_per_token(model.config) / 3 * tokens / totals.num_bytes  # a third of training's: forward alone
    return {
        "documents": totals.documents,
        "bytes": totals.num_bytes,
        "bytes_per_second": found["ours"],
        "flops_per_second": found["ours"] * useful,
        "bound_flops_per_second": {size: found[f"matmul {size}"] for size in arguments.matmul_sizes},
        "share_of_bound": found["ours"] * useful / best(found, matmuls),
    }


def matmul(size: int) -> Program:
    """Return the product of two square matrices."""
    a, b = (np.random.default_rng(seed).random((size, size), dtype=np.float32) for seed in range(2))
    out = a @ b
    return Program(lambda: np.matmul(a, b, out=out), 2 * size**3)


def bits(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what products with matrices of fewer bits cost: with one matrix, and with all of each depth."""
    size = arguments.hidden_size
    configs = {f"all of {depth} x {size}": random_model(depth, arguments).config for depth in arguments.layers}
    cases = {"one matrix": [(size, 4 * size)], **{name: matrix_shapes(config) for name, config in configs.items()}}
    return [{"matrices": name, **_bits(shapes, arguments)} for name, shapes in cases.items()]


def _bits(shapes: Sequence[tuple[int, int]], arguments: argparse.Namespace) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(shapes[0][0], dtype=np.float32)
    matrices = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    programs = {
        name: Program(partial(_multiply, vector, [held(matrix) for matrix in matrices]), 1)
        for name, held in FORMATS.items()
    }
    found = speeds(programs, arguments)
    plain = best(found, [name for name in FORMATS if name.startswith("numpy float32")])
    return {
        "shapes": shapes,
        "seconds": {name: 1 / speed for name, speed in found.items()},
        "times_of_numpy_float32": {name: plain / speed for name, speed in found.items()},
    }


def _multiply(vector: Floats, matrices: Sequence[Product]) -> None:
    for multiply in matrices:
        multiply(vector)


def _plain(matrix: Floats, *, order: Layout, dtype: type[np.floating]) -> Product:
    """Multiply in the format in which the matrix is held."""
    held = np.asarray(matrix, dtype=dtype, order=order)
    return lambda vector: vector.astype(dtype) @ held


def _from_int8(matrix: Floats) -> Product:
    held, scale = _as_int8(matrix)
    multiply = _converted(held)
    return lambda vector: multiply(vector) * scale


def _as_int8(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return a matrix as int8 and what each of its columns is to be multiplied with."""
    scale = np.abs(matrix).max(axis=0) / np.float32(127)
    return np.rint(matrix / scale).astype(np.int8), scale


def _converted(held: NDArray[np.float16] | NDArray[np.int8]) -> Callable[[Floats], Floats]:
    """Convert to float32 some rows at a time, and multiply with those."""
    room = np.empty((ROWS_AT_ONCE, held.shape[1]), dtype=np.float32)

    def multiply(vector: Floats) -> Floats:
        out = np.zeros(held.shape[1], dtype=np.float32)
        for start in range(0, len(held), ROWS_AT_ONCE):
            rows = held[start : start + ROWS_AT_ONCE]
            np.copyto(room[: len(rows)], rows)
            out += vector[start : start + ROWS_AT_ONCE] @ room[: len(rows)]
        return out

    return multiply


def _torch(matrix: Floats, *, dtype: torch.dtype) -> Product:
    held = torch.from_numpy(matrix.T.copy()).to(dtype)
    return lambda vector: linear(torch.from_numpy(vector)[None].to(dtype), held)


def _torch_int8(matrix: Floats) -> Product:
    """Multiply as torch's dynamic quantization does: the vector becomes int8 as well, each time."""
    held, scale = _as_int8(matrix)
    zeros = torch.zeros(len(scale), dtype=torch.int64)
    rows = torch.from_numpy(held.T * scale[:, None])
    with warnings.catch_warnings(action="ignore"):  # all of this will move to another package
        quantized = torch.quantize_per_channel(rows, torch.from_numpy(scale).double(), zeros, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(quantized, None)
    return lambda vector: torch.ops.quantized.linear_dynamic(torch.from_numpy(vector)[None], packed)


FORMATS: dict[str, Callable[[Floats], Product]] = {
    "numpy float32, by rows": partial(_plain, order="C", dtype=np.float32),
    "numpy float32, by columns": partial(_plain, order="F", dtype=np.float32),
    "numpy float16": partial(_plain, order="F", dtype=np.float16),
    "numpy float16, converted": lambda matrix: _converted(matrix.astype(np.float16)),
    "numpy int8, converted": _from_int8,
    "torch float32": partial(_torch, dtype=torch.float32),
    "torch bfloat16": partial(_torch, dtype=torch.bfloat16),
    "torch int8": _torch_int8,
}


def show_drawing(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the short version of `one_string` or of `batches`."""
    for row in rows:
        case = f"{row['batch_size']} strings" if "batch_size" in row else f"one string, depth {row['num_layers']}"
        print(
            f"{case}: {row['bytes_per_second']:,.0f} bytes/s, {row['share_of_bound']:.0%} of the matrix products alone "
            f"({row['share_of_joined']:.0%} of joined ones)"
        )
        for name, peer in row.get("peers", {}).items():
            print(f"  {peer['times_as_fast']:5.1f} times {name} ({peer['bytes_per_second']:,.0f} bytes/s)")


def show_scoring(row: Mapping[str, Any]) -> None:
    """Print the short version."""
    print(
        f"scoring: {row['bytes_per_second']:,.0f} bytes/s, {row['flops_per_second'] / 1e9:.0f} GFLOP/s, "
        f"{row['share_of_bound']:.0%} of the best matrix product"
    )


def show_bits(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the short version."""
    for row in rows:
        print(f"{row['matrices']}, times of numpy float32:")
        for name, times in row["times_of_numpy_float32"].items():
            print(f"  {name:<26} {times:6.2f} ({row['seconds'][name] * 1e6:,.0f} us)")


PARTS: dict[str, tuple[Callable[[argparse.Namespace], Any], Callable[[Any], None]]] = {
    "one": (one_string, show_drawing),
    "batches": (batches, show_drawing),
    "scoring": (scoring, show_scoring),
    "bits": (bits, show_bits),
}


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("files", nargs="*", type=Path, help="documents to score; the embedded bios if none is given")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="least time of each program in a round")
    parser.add_argument("--hidden-size", type=int, default=512)
    parser.add_argument("--embedding-dim", type=int, default=64)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--length", type=int, default=256, help="bytes of a string drawn alone")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[256, 4096])
    parser.add_argument("--batch-length", type=int, default=100, help="bytes of each string of a batch")
    parser.add_argument("--documents", type=int, default=4096, help="most documents to score")
    parser.add_argument("--matmul-sizes", type=int, nargs="+", default=[512, 1024, 2048])
    return parser.parse_args()


def main() -> None:
    """Measure what was asked for and write the results."""
    arguments = parse_arguments()
    told: dict[str, Any] = {
        "source": [path.name for path in arguments.files] or "embedded bios",
        **{name: getattr(arguments, name) for name in SETTINGS},
        "torch_threads": THREADS,
        "transformers": version("transformers"),
    }
    for part in arguments.only:
        measure, show = PARTS[part]
        told[part] = measure(arguments)
        show(told[part])
    write_results(arguments.output, told)


if __name__ == "__main__":
    main()
