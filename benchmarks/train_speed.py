"""How much of the machine training uses, and how it compares with the original post's way.

    python benchmarks/train_speed.py [FILE ...] [--batch-bytes 2048 16384 65536] [--seconds 5] [-o FILE]

Utilisation is the useful arithmetic of training over the most that matrix products reach in the same number format,
in the same run: useful are 6 floating point operations for each parameter outside the embedding and each target that
is no padding (`granular_lm.weights.flops_per_token`); the product is ``a @ b`` of square matrices, the best of several
sizes. What padding costs is reported beside it, as the share of padded targets and as the utilisation that counts
the padded positions, too. Everything is timed that an update does: cutting batches, the network,
clipping, the optimizer.

How much of that is lost by torch's LSTM and how much around it shows a bare ``nn.LSTM`` beside each case: forward and
backward on random numbers in one rectangle as large as a batch, with nothing read before and nothing updated after.

The original post's way (`reference_post.py`) reads the same documents with the same four layers of 512 units. Ours
has ``embedding_dim`` 257, so every matrix of the LSTM has the shape that it has with one-hot inputs of 257 numbers;
the embedding itself, 257 x 257, comes on top of that.

Machines are noisy, so every case is timed in several rounds, taking turns with all others and with the matrix
products. Median and best round are reported; a ratio is one of medians.
"""

import argparse
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from granular_lm.batching import IGNORED, Batches, Window
from granular_lm.codecs import train_codec
from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from granular_lm.token_store import TokenStore
from granular_lm.training import Budget, Progress, Trainer, TrainingOptions
from granular_lm.training.precision import choose_precision
from granular_lm.weights import ModelConfig, flops_per_token
from reference_post import updates
from results import benchmark_parser, write_results

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
EVER = Budget(seconds=1e9)
FEWEST_UPDATES = 2
LSTM_STEPS = 128  # of the rectangle that the bare LSTM reads: about the length of a description
POST: dict[str, Any] = {"embedding_dim": 257, "hidden_size": 512, "num_layers": 4, "dropout": 0.5}


@dataclass(frozen=True)
class Case:
    """One way to train.

    Attributes:
        network: The shape.
        precision: ``"bf16"`` or ``"fp32"``.
        optimizer: ``"muon"`` or ``"adamw"``.
        batch_bytes: Bytes that one update reads, padding included.
    """

    network: ModelConfig
    precision: str
    optimizer: str
    batch_bytes: int


@dataclass
class Work:
    """What a stretch of training did.

    Attributes:
        seconds: Wall clock.
        num_bytes: Raw bytes read.
        tokens: Targets that are no padding, stops included.
        positions: All targets.
        updates: How many.
    """

    seconds: float = 0.0
    num_bytes: int = 0
    tokens: int = 0
    positions: int = 0
    updates: int = 0

    @property
    def bytes_per_second(self) -> float:
        """Raw bytes a second."""
        return self.num_bytes / self.seconds


class CountedBatches(Batches):
    """Batches that note how many targets each window holds.

    Args:
        store: As for `Batches`.
        counts: Gets the targets that are no padding, and all of them, of each window in the order of reading.
        settings: As for `Batches`.
    """

    def __init__(self, store: TokenStore, *, counts: deque[tuple[int, int]], **settings: Any) -> None:
        super().__init__(store, **settings)
        self._counts = counts

    def epoch(self, *args: Any, **settings: Any) -> Iterator[list[Window]]:
        """Yield every batch of one pass."""
        for windows in super().epoch(*args, **settings):
            self._counts.extend((int((w.targets != IGNORED).sum()), w.targets.size) for w in windows)
            yield windows


class EnoughError(Exception):
    """Ends a training that has been timed for long enough."""


class Stopwatch:
    """A training callback that times updates after the first few, then raises `EnoughError`.

    Args:
        counts: As `CountedBatches` fills it.
        seconds: How long to time, if that is at least two updates.
        warmup: Updates to leave out: kernels and memory are prepared in the first.
    """

    def __init__(self, counts: deque[tuple[int, int]], *, seconds: float, warmup: int) -> None:
        self.work = Work()
        self._counts, self._seconds, self._warmup = counts, seconds, warmup
        self._started = time.perf_counter()

    def __call__(self, trainer: Trainer, told: Progress) -> None:
        """Take in one update."""
        tokens, positions = self._counts.popleft()
        if told.step <= self._warmup:
            self._started = time.perf_counter()
            return
        work = self.work
        work.seconds = time.perf_counter() - self._started
        work.num_bytes += told.num_bytes
        work.tokens += tokens
        work.positions += positions
        work.updates += 1
        if work.seconds >= self._seconds and work.updates >= FEWEST_UPDATES:
            raise EnoughError


def timed_training(case: Case, store: TokenStore, *, seconds: float, warmup: int) -> Work:
    """Train for a while and return what was done."""
    counts: deque[tuple[int, int]] = deque()
    stopwatch = Stopwatch(counts, seconds=seconds, warmup=warmup)
    options = TrainingOptions(
        optimizer=case.optimizer, precision=case.precision, batch_bytes=case.batch_bytes, evaluations=1
    )
    with patch("granular_lm.training.trainer.Batches", partial(CountedBatches, counts=counts)):
        trainer = Trainer(case.network, store, None, budget=EVER, options=options, on_step=stopwatch)
    try:
        trainer.run()
    except EnoughError:
        return stopwatch.work
    raise AssertionError("training ended before it was told to")


def timed_post(documents: Sequence[str], *, num_updates: int) -> Work:
    """Train the original post's way for a few updates, after one to warm up."""
    training = updates(documents, device=device().type)
    next(training)
    started = time.perf_counter()
    num_bytes = sum(next(training) for _ in range(num_updates))
    return Work(time.perf_counter() - started, num_bytes, updates=num_updates)


def lstm_flops(case: Case, seconds: float) -> float:
    """Return the floating point operations a second of a bare ``nn.LSTM`` of the network's shape, at its best."""
    network, where = case.network, device()
    lstm = nn.LSTM(network.embedding_dim, network.hidden_size, network.num_layers, batch_first=True).to(where)
    values = torch.randn(max(1, case.batch_bytes // LSTM_STEPS), LSTM_STEPS, network.embedding_dim, device=where)
    work = (flops_per_token(network) - 6 * network.hidden_size * network.vocab_size) * values[..., 0].numel()
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until or not best:
        started = time.perf_counter()
        with torch.autocast(where.type, torch.bfloat16, enabled=case.precision == "bf16"):
            outputs, _ = lstm(values)
        outputs.sum().backward()
        _finish()
        best = max(best, work / (time.perf_counter() - started))
    return best


def matmul_flops(precision: str, size: int, seconds: float) -> float:
    """Return the floating point operations a second of ``a @ b``, both (size, size), at its best."""
    a, b = (torch.randn(size, size, device=device()).to(DTYPES[precision]) for _ in range(2))
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until or not best:
        started = time.perf_counter()
        _ = a @ b
        _finish()
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best


def device() -> torch.device:
    """Return where `Trainer` trains."""
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def _finish() -> None:
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def described(case: Case, rounds: Sequence[Work], peak: float, lstm: float) -> dict[str, Any]:
    """Return the rounds of a case as JSON values.

    Args:
        case: What was timed.
        rounds: What each round did.
        peak: The best matrix product in this precision, floating point operations a second.
        lstm: The bare LSTM, likewise.
    """
    per_token = flops_per_token(case.network)
    useful = [per_token * work.tokens / work.seconds for work in rounds]
    with_padding = [per_token * work.positions / work.seconds for work in rounds]
    positions, tokens = (sum(getattr(work, name) for work in rounds) for name in ("positions", "tokens"))
    return {
        **asdict(case),
        "bytes_per_second": statistics.median(work.bytes_per_second for work in rounds),
        "best_bytes_per_second": max(work.bytes_per_second for work in rounds),
        "flops_per_second": statistics.median(useful),
        "utilisation": statistics.median(useful) / peak,
        "best_utilisation": max(useful) / peak,
        "utilisation_of_lstm_alone": lstm / peak,
        "utilisation_with_padding": statistics.median(with_padding) / peak,
        "padded_share": 1 - tokens / positions,
        "updates": sum(work.updates for work in rounds),
    }


class Bench:
    """All cases, timed in turn.

    Args:
        store: What ours reads.
        documents: What the original post's way reads.
        arguments: Of the command line.
    """

    def __init__(self, store: TokenStore, documents: Sequence[str], arguments: argparse.Namespace) -> None:
        self.store = store
        self.documents = documents
        self.arguments = arguments
        self.cases = [
            Case(self._config(num_layers=layers, hidden_size=arguments.hidden_size), *rest)
            for layers, *rest in product(
                arguments.layers, arguments.precisions, arguments.optimizers, arguments.batch_bytes
            )
        ]
        self.post_cases = [
            Case(self._config(**POST), precision, "adamw", batch_bytes)
            for precision, batch_bytes in product(arguments.precisions, arguments.batch_bytes)
        ]
        self.threads = torch.get_num_threads()
        self.rounds: dict[Case, list[Work]] = {}
        self.post_rounds: list[Work] = []
        self.lstms: dict[Case, float] = {}
        self.peaks = {precision: dict.fromkeys(arguments.matmul_sizes, 0.0) for precision in arguments.precisions}

    def run(self) -> None:
        """Time every case once a round, each followed by matrix products in its precision."""
        for _ in range(self.arguments.rounds):
            for case in [*self.cases, *(self.post_cases if self.arguments.post_updates else [])]:
                self._time(case)
            if self.arguments.post_updates:
                self.post_rounds.append(timed_post(self.documents, num_updates=self.arguments.post_updates))

    def _time(self, case: Case) -> None:
        work = timed_training(case, self.store, seconds=self.arguments.seconds, warmup=self.arguments.warmup)
        torch.set_num_threads(self.threads)  # training may have chosen fewer
        self.rounds.setdefault(case, []).append(work)
        reached = lstm_flops(case, self.arguments.matmul_seconds)
        self.lstms[case] = max(self.lstms.get(case, 0.0), reached)
        for size, best in self.peaks[case.precision].items():
            reached = matmul_flops(case.precision, size, self.arguments.matmul_seconds)
            self.peaks[case.precision][size] = max(best, reached)

    def rows(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        """Return what was measured of each case."""
        return [
            described(case, self.rounds[case], max(self.peaks[case.precision].values()), self.lstms[case])
            for case in cases
        ]

    def _config(self, **changes: Any) -> ModelConfig:
        return ModelConfig.preset("medium", vocab_size=self.store.codec.vocab_size, **changes)


def compared_with_post(bench: Bench) -> dict[str, Any]:
    """Return the original post's speed, and ours with its network in every precision and batch size."""
    post = statistics.median(work.bytes_per_second for work in bench.post_rounds)
    ours = bench.rows(bench.post_cases)
    for row in ours:
        row["times_as_fast"] = row["bytes_per_second"] / post
    return {
        "post_bytes_per_second": post,
        "post_best_bytes_per_second": max(work.bytes_per_second for work in bench.post_rounds),
        "post_updates": sum(work.updates for work in bench.post_rounds),
        "times_as_fast": max(row["times_as_fast"] for row in ours),
        "ours": ours,
    }


def best_of_each(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the best batch size and optimizer of each depth and precision."""
    best: dict[tuple[int, str], dict[str, Any]] = {}
    for row in rows:
        key = row["network"]["num_layers"], row["precision"]
        if key not in best or row["utilisation"] > best[key]["utilisation"]:
            best[key] = row
    return list(best.values())


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("files", nargs="*", type=Path, help="documents; the embedded bios if none is given")
    parser.add_argument("--hidden-size", type=int, default=512)
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--precisions", nargs="+", choices=sorted(DTYPES), help="default: all that work here")
    parser.add_argument("--optimizers", nargs="+", choices=["adamw", "muon"], default=["adamw", "muon"])
    parser.add_argument("--batch-bytes", type=int, nargs="+", default=[2048, 16384, 65536])
    parser.add_argument("--seconds", type=float, default=5.0, help="timed training of a case in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=2, help="updates of each round that are not timed")
    parser.add_argument("--matmul-seconds", type=float, default=0.1, help="of each size after each case")
    parser.add_argument("--matmul-sizes", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--post-updates", type=int, default=3, help="of the original post's way a round; 0 for none")
    arguments = parser.parse_args()
    arguments.precisions = arguments.precisions or sorted({"fp32", choose_precision("auto")})
    return arguments


def show(told: dict[str, Any]) -> None:
    """Print the short version."""
    for row in told["best"]:
        print(
            f"{_name(row)} {row['utilisation']:6.1%} of {told['matmul'][row['precision']]['best'] / 1e9:.0f} GFLOP/s "
            f"({row['utilisation_with_padding']:.1%} with the {row['padded_share']:.1%} padding; "
            f"{row['utilisation_of_lstm_alone']:.1%} by a bare nn.LSTM), "
            f"{row['bytes_per_second']:,.0f} bytes/s"
        )
    if post := told["post"]:
        print(f"the original post's way: {post['post_bytes_per_second']:,.0f} bytes/s")
        for row in post["ours"]:
            print(f"{_name(row)} {row['bytes_per_second']:,.0f} bytes/s, {row['times_as_fast']:.1f} times")


def _name(row: dict[str, Any]) -> str:
    shape = f"{row['network']['num_layers']} x {row['network']['hidden_size']}"
    return f"{shape} {row['precision']} {row['optimizer']:<5} {row['batch_bytes']:>6} bytes/update:"


def main() -> None:
    """Measure every case and write the results."""
    arguments = parse_arguments()
    documents = list(read_documents(arguments.files)) if arguments.files else list(generate_bios())
    with tempfile.TemporaryDirectory() as folder:
        store = TokenStore.write(train_codec("byte", documents), documents, Path(folder) / "store")
        bench = Bench(store, documents, arguments)
        bench.run()
        rows = bench.rows(bench.cases)
        post = compared_with_post(bench) if arguments.post_updates else None
    told = {
        "source": [path.name for path in arguments.files] or "embedded bios",
        "documents": len(documents),
        "bytes": int(store.num_bytes.sum()),
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "device": str(device()),
        "threads": torch.get_num_threads(),
        "matmul": {
            precision: {"best": max(sizes.values()), "flops_per_second": sizes}
            for precision, sizes in bench.peaks.items()
        },
        "best": best_of_each(rows),
        "results": rows,
        "post": post,
    }
    show(told)
    write_results(arguments.output, told)


if __name__ == "__main__":
    main()
