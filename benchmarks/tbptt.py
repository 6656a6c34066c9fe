"""What truncated backpropagation costs and gains, and what carrying the state over the cuts is worth.

    python benchmarks/tbptt.py [FILE ...] [--whole-file FILE ...] [--max-bytes 4000000] [--seconds 60] [-o FILE]

The original post read every string whole and left truncation unexplored. Here one network (1 x 256) is trained with
windows of 16 to 512 bytes, once with the LSTM state carried from window to window, once with every window started
from the zero state, first for the same number of bytes read and then for the same seconds. Each model scores the same
whole documents, from their first byte to their stop.

Two kinds of text: the short strings of the FILEs (the embedded bios if none is given), one document a line, and each
``--whole-file`` as one long document, whose last tenth is scored.

An update reads ``--batch-bytes`` whatever the window, so short windows mean more rows side by side. A long document is
cut into segments of ``--segment-bytes`` for every window, so that a carried state lives as long for short windows as
for long ones. Each model is trained in a process of its own, whose peak memory is the process's, with what it held
before training beside it.
"""

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

from granular_lm.batching import Batches, Window
from granular_lm.cli.output import peak_memory_bytes
from granular_lm.codecs import train_codec
from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import split_documents
from granular_lm.model import LanguageModel
from granular_lm.scoring import Totals
from granular_lm.text import to_bytes, to_text
from granular_lm.token_store import TokenStore
from granular_lm.training import Budget, Progress, Trainer, TrainingOptions
from granular_lm.weights import ModelConfig
from processes import in_new_process
from results import benchmark_parser, write_results

VALID_SHARE = 0.1


@dataclass(frozen=True)
class Text:
    """What is learnt and what is scored."""

    name: str
    train: list[str]
    valid: list[str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model to train.

    Attributes:
        window_bytes: Longest stretch that gradients flow through.
        is_carried: Whether the state goes on over windows; otherwise each starts from the zero state.
        segment_bytes: A longer document is read as several segments side by side.
        batch_bytes: Bytes that one update reads.
        budget: When to stop.
        precision: As for `TrainingOptions`.
        seed: Of the initial weights and the order.
    """

    window_bytes: int
    is_carried: bool
    segment_bytes: int
    batch_bytes: int
    budget: Budget
    precision: str
    seed: int


class ResetBatches(Batches):
    """Batches whose every window starts from the zero state."""

    def epoch(self, *args: Any, **settings: Any) -> Iterator[list[Window]]:
        """Yield every batch of one pass."""
        for windows in super().epoch(*args, **settings):
            yield [replace(window, is_first=True) for window in windows]


def trained(job: Job, store: TokenStore) -> tuple[LanguageModel, Progress]:
    """Train one model; return it and what the loop said last."""
    kind = Batches if job.is_carried else ResetBatches
    batches = partial(kind, windows_per_segment=max(1, job.segment_bytes // job.window_bytes))
    options = TrainingOptions(
        window_bytes=job.window_bytes, batch_bytes=job.batch_bytes, precision=job.precision, seed=job.seed
    )
    config = ModelConfig.preset("small", vocab_size=store.codec.vocab_size)
    said: list[Progress] = []

    def keep_last(trainer: Trainer, told: Progress) -> None:
        said[:] = [told]

    with patch("granular_lm.training.trainer.Batches", batches):
        trainer = Trainer(config, store, None, budget=job.budget, options=options, on_step=keep_last)
    trainer.run()
    return LanguageModel(store.codec, config, trainer.network.to_weights()), said[0]


def run_job(job: Job, text: Text) -> dict[str, Any]:
    """Train, note speed and memory, and score; to be called in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = TokenStore.write(train_codec("byte", text.train), text.train, Path(folder) / "store")
        before = peak_memory_bytes()
        model, last = trained(job, store)
        peak = peak_memory_bytes()
    return {
        "text": text.name,
        "window_bytes": job.window_bytes,
        "is_carried": job.is_carried,
        "budget": "bytes" if job.budget.max_bytes else "seconds",
        "seed": job.seed,
        "bpb": Totals.of(model.score(text.valid)).bpb,
        "updates": last.step,
        "bytes_seen": last.bytes_seen,
        "seconds": last.seconds,
        "bytes_per_second": last.bytes_seen / last.seconds,
        "peak_memory_bytes": peak,
        "memory_before_training_bytes": before,
    }


def jobs_of(arguments: argparse.Namespace) -> list[Job]:
    """Return every model to train on a text."""
    budgets = []
    if arguments.max_bytes:
        budgets.append(Budget(max_bytes=arguments.max_bytes))
    if arguments.seconds:
        budgets.append(Budget(seconds=arguments.seconds))
    return [
        Job(
            window_bytes=window_bytes,
            is_carried=is_carried,
            segment_bytes=arguments.segment_bytes,
            batch_bytes=arguments.batch_bytes,
            budget=budget,
            precision=arguments.precision,
            seed=seed,
        )
        for budget, seed, window_bytes, is_carried in product(
            budgets, arguments.seeds, arguments.windows, (True, False)
        )
    ]


def texts_of(arguments: argparse.Namespace) -> Iterator[Text]:
    """Yield the short strings, then each long text."""
    if not arguments.skip_short:
        documents = list(read_documents(arguments.files)) if arguments.files else list(generate_bios())
        split = split_documents(documents, valid=VALID_SHARE, test=0.0)
        name = ", ".join(path.name for path in arguments.files) or "embedded bios"
        yield Text(name, split.train, _first(split.valid, arguments.valid_bytes))
    for path in arguments.whole_file:
        data = path.read_bytes()
        cut = int((1 - VALID_SHARE) * len(data))
        yield Text(path.name, [to_text(data[:cut])], [to_text(data[cut:][: arguments.valid_bytes])])


def _first(documents: Sequence[str], num_bytes: int) -> list[str]:
    """Return the documents up to a number of bytes."""
    chosen, left = [], num_bytes
    for document in documents:
        if left <= 0:
            break
        chosen.append(document)
        left -= len(to_bytes(document))
    return chosen


def described(text: Text) -> dict[str, Any]:
    """Return the size of a text."""
    told: dict[str, Any] = {"name": text.name}
    for part, documents in (("train", text.train), ("valid", text.valid)):
        told[part] = {"documents": len(documents), "bytes": sum(len(to_bytes(document)) for document in documents)}
    return told


def show(row: Mapping[str, Any]) -> None:
    """Print one model."""
    state = "carried" if row["is_carried"] else "reset"
    memory = (row["peak_memory_bytes"] or 0) / 2**20
    print(
        f"{row['text']}: same {row['budget']:<7} window {row['window_bytes']:>4} {state:<7} {row['bpb']:.4f} bits/byte "
        f"after {row['bytes_seen'] / 1e6:.2f} MB, {row['bytes_per_second']:,.0f} bytes/s, {memory:.0f} MiB",
        flush=True,
    )


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("files", nargs="*", type=Path, help="short strings, one document a line")
    parser.add_argument("--whole-file", type=Path, nargs="+", default=[], help="files that are one document each")
    parser.add_argument("--skip-short", action="store_true", help="long texts alone")
    parser.add_argument("--windows", type=int, nargs="+", default=[16, 32, 64, 128, 256, 512])
    parser.add_argument("--max-bytes", type=int, default=4_000_000, help="of each model; 0 for no such models")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each model; 0 for no such models")
    parser.add_argument("--batch-bytes", type=int, default=1024)
    parser.add_argument("--segment-bytes", type=int, default=4096)
    parser.add_argument("--valid-bytes", type=int, default=100_000)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    return parser.parse_args()


def main() -> None:
    """Train and score every model and write the results."""
    arguments = parse_arguments()
    jobs = jobs_of(arguments)
    texts, results = [], []
    for text in texts_of(arguments):
        texts.append(described(text))
        for job in jobs:
            results.append(in_new_process(run_job, job, text))
            show(results[-1])
    told = {
        "texts": texts,
        "batch_bytes": arguments.batch_bytes,
        "segment_bytes": arguments.segment_bytes,
        "results": results,
    }
    write_results(arguments.output, told)


if __name__ == "__main__":
    main()
