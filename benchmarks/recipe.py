"""Which choices of the training recipe pay, in bits per byte for the same seconds of training.

    python benchmarks/recipe.py FILE [FILE ...] [--whole-file FILE ...] [--seconds 40] [--variants NAME ...]
                                [--hidden-size 256] [--seeds 0 ...] [-o results/recipe.json]

The baseline is the package's defaults with the ``--hidden-size`` given. Each variant of `recipe_variants.py` changes
one thing: a setting, or, where the package has none for it, a name of the package that is patched while the model
trains; ``--list`` names them all. Every FILE is a corpus of its own, one document a line, and each ``--whole-file`` a
corpus of one long document. Variants of how long documents are cut are left out where none is long enough to be cut.

Each model is trained in a process of its own, which first measures for ``--probe-seconds`` how many bytes a second
that variant reads on this machine, then trains on as many bytes as it would read in ``--seconds``. So a variant pays
for the time that it takes, but whatever else the machine does while it trains changes nothing but the waiting; with
``--bytes-per-second`` there is no such measurement, all variants read the same bytes, and the outcome does not depend
on the speed of the machine at all.

Held out are 5 % of the documents, split by near-duplicates, or the last tenth of a long one, up to ``--valid-bytes``
of it. The model reads that once, when training is over, each document from its start to its stop; it also chooses the
factor on the logits, one number, so all variants look a little better than on text that chose nothing. Give several
``--seeds`` to see which differences are smaller than those between two seeds; the table shows means over them.
"""

import argparse
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, product
from pathlib import Path
from typing import Any
from unittest.mock import patch

from granular_lm.batching import LONG_DOCUMENTS_WINDOW, WINDOWS_PER_SEGMENT
from granular_lm.codecs import train_codec
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import split_documents
from granular_lm.errors import TrainingError
from granular_lm.text import to_bytes, to_text
from granular_lm.token_store import TokenStore
from granular_lm.training import Budget, Progress, Trainer, TrainingOptions
from granular_lm.training.recipe import AUTO, choose
from granular_lm.weights import ModelConfig
from processes import in_new_process
from recipe_variants import VARIANTS
from results import benchmark_parser, write_results

BASELINE = "baseline"
VALID_SHARE, VALID_SHARE_OF_WHOLE = 0.05, 0.1
UNSTEADY_SHARE = 0.4  # of the updates of a run, at its start: kernels are being prepared
LAST_SHARE = 0.1  # of the updates of a run: the end of training
Row = dict[str, Any]


@dataclass(frozen=True)
class Corpus:
    """What is learnt and what is scored."""

    name: str
    train: list[str]
    valid: list[str]

    @property
    def is_long(self) -> bool:
        """Whether some document is read as several segments."""
        longest = LONG_DOCUMENTS_WINDOW * WINDOWS_PER_SEGMENT
        return any(len(to_bytes(document)) >= longest for document in self.train)

    def to_dict(self) -> dict[str, Any]:
        """Return its size as JSON values."""
        parts = {"train": self.train, "valid": self.valid}
        sizes = {part: {"documents": len(texts), "bytes": _num_bytes(texts)} for part, texts in parts.items()}
        return {"name": self.name, **sizes}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model to train.

    Attributes:
        variant: Its name in `VARIANTS`.
        hidden_size: Of the baseline.
        seconds: How long it may train, at the speed measured.
        probe_seconds: How long to measure the speed.
        bytes_per_second: The speed, if it is not to be measured.
        seed: Of the initial weights, dropout and the order.
    """

    variant: str
    hidden_size: int
    seconds: float
    probe_seconds: float
    bytes_per_second: float | None
    seed: int


@dataclass(frozen=True)
class Setting:
    """All that a trainer is made of but its budget."""

    config: ModelConfig
    options: TrainingOptions
    train: TokenStore
    valid: TokenStore | None

    @classmethod
    def of(cls, job: Job, corpus: Corpus, folder: Path) -> "Setting":
        """Encode the corpus and choose the network as `granular_lm.train` does."""
        variant = VARIANTS[job.variant]
        codec = train_codec("byte", corpus.train)
        options = TrainingOptions(**{"evaluations": 1, "seed": job.seed, **variant.options})
        train = TokenStore.write(codec, corpus.train, folder / "train")
        valid = TokenStore.write(codec, corpus.valid, folder / "valid")
        speed = job.bytes_per_second
        budget = Budget(seconds=job.seconds) if speed is None else Budget(max_bytes=max(1, int(job.seconds * speed)))
        changes = variant.network_changes(job.hidden_size)
        config, options = choose(AUTO, train, budget=budget, options=options, changes=changes)
        return cls(config, options, train, valid)

    def trained(self, budget: Budget) -> tuple[Trainer, list[Progress]]:
        """Train a model that reads all development documents when it is done, each as a whole."""
        told: list[Progress] = []

        def note(trainer: Trainer, progress: Progress) -> None:
            told.append(progress)

        with patch("granular_lm.training.development.WINDOWS_PER_SEGMENT", None):
            trainer = Trainer(self.config, self.train, self.valid, budget=budget, options=self.options, on_step=note)
        if self.valid is not None:
            trainer.state.development_bytes = int(self.valid.num_bytes.sum()) + 1  # the last stop has no bytes
        with suppress(TrainingError):  # what diverges has no bits per byte
            trainer.run()
        return trainer, told


def run_job(job: Job, corpus: Corpus) -> Row:
    """Measure the speed, train and score; to be called in a process of its own."""
    variant = VARIANTS[job.variant]
    with tempfile.TemporaryDirectory() as folder, variant.in_force():
        setting = Setting.of(job, corpus, Path(folder))
        planned_speed = job.bytes_per_second or probed_speed(setting, job.probe_seconds)
        trainer, told = setting.trained(Budget(max_bytes=max(1, int(job.seconds * planned_speed))))
    last = told[-max(1, int(LAST_SHARE * len(told))) :]
    return {
        "corpus": corpus.name,
        "variant": job.variant,
        "seed": job.seed,
        "settings": variant.settings(job.hidden_size),
        "valid_bpb": _finite(trainer.state.best_valid_bpb),
        "train_bpb_at_end": _finite(sum(t.train_bits for t in last) / sum(t.num_bytes for t in last)),
        "bytes_seen": trainer.state.bytes_seen,
        "updates": trainer.state.step,
        "ended": trainer.ended,
        "planned_bytes_per_second": planned_speed,
        **speed(told),
    }


def probed_speed(setting: Setting, seconds: float) -> float:
    """Return the bytes per second that a model reads in training; it is thrown away."""
    _, told = replace(setting, valid=None).trained(Budget(seconds=seconds))
    return speed(told)["bytes_per_second"]


def speed(told: Sequence[Progress]) -> dict[str, float]:
    """Return the speed of the typical update: what else the machine did now and then leaves the median alone."""
    seconds = [after - before for before, after in pairwise([0.0, *(t.seconds for t in told)])]
    steady = int(UNSTEADY_SHARE * len(told))
    typical = statistics.median(seconds[steady:])
    num_bytes = statistics.fmean(t.num_bytes for t in told[steady:])
    return {"ms_per_update": 1e3 * typical, "bytes_per_second": num_bytes / typical}


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold."""
    return value if math.isfinite(value) else None


def short_strings(path: Path, valid_bytes: int) -> Corpus:
    """Return a file of one document a line, split as `granular_lm.train` splits it."""
    split = split_documents(list(read_documents(path)), valid=VALID_SHARE, test=0.0)
    random.Random(0).shuffle(split.valid)  # the file may be sorted
    return Corpus(path.name, split.train, _first(split.valid, valid_bytes))


def long_document(path: Path, valid_bytes: int) -> Corpus:
    """Return a file as one document, its last tenth held out."""
    data = path.read_bytes()
    cut = int((1 - VALID_SHARE_OF_WHOLE) * len(data))
    return Corpus(path.name, [to_text(data[:cut])], [to_text(data[cut:][:valid_bytes])])


def _first(documents: Sequence[str], num_bytes: int) -> list[str]:
    """Return the documents that begin within a number of bytes."""
    begins = accumulate((len(to_bytes(document)) for document in documents), initial=0)
    return [document for document, begin in zip(documents, begins, strict=False) if begin < num_bytes]


def _num_bytes(documents: Sequence[str]) -> int:
    return sum(len(to_bytes(document)) for document in documents)


def jobs_of(arguments: argparse.Namespace, corpus: Corpus) -> list[Job]:
    """Return every model to train on a corpus, the baseline first."""
    names = dict.fromkeys([BASELINE, *(arguments.variants or VARIANTS)])
    return [
        Job(
            variant=name,
            hidden_size=arguments.hidden_size,
            seconds=arguments.seconds,
            probe_seconds=arguments.probe_seconds,
            bytes_per_second=arguments.bytes_per_second,
            seed=seed,
        )
        for seed, name in product(arguments.seeds, names)
        if corpus.is_long or not VARIANTS[name].is_for_long
    ]


def mean_bpb(rows: Sequence[Row], corpus: str, variant: str) -> float:
    """Return the mean over the seeds, NaN where one diverged or there is none."""
    found = [row["valid_bpb"] for row in rows if (row["corpus"], row["variant"]) == (corpus, variant)]
    return statistics.fmean(math.nan if bpb is None else bpb for bpb in found) if found else math.nan


def markdown(rows: Sequence[Row]) -> str:
    """Return a table of the variants, each with its bits per byte and how far those are from the baseline's."""
    corpora = list(dict.fromkeys(row["corpus"] for row in rows))
    variants = [name for name in VARIANTS if any(row["variant"] == name for row in rows)]
    header = ["variant", *(title for corpus in corpora for title in (corpus, "difference"))]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for variant in variants:
        lines.append([variant])
        for corpus in corpora:
            bpb = mean_bpb(rows, corpus, variant)
            difference = bpb - mean_bpb(rows, corpus, BASELINE)
            lines[-1] += ["-", "-"] if math.isnan(bpb) else [f"{bpb:.4f}", f"{difference:+.4f}"]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show(row: Row) -> None:
    """Print one model, beside the table."""
    bpb = "diverged" if row["valid_bpb"] is None else f"{row['valid_bpb']:.4f} bits/byte"
    print(
        f"{row['corpus']}: {row['variant']}, seed {row['seed']}: {bpb} after {row['bytes_seen'] / 1e6:.2f} MB, "
        f"{row['ms_per_update']:.1f} ms an update",
        file=sys.stderr,
        flush=True,
    )


def write(arguments: argparse.Namespace, corpora: Sequence[Corpus], rows: Sequence[Row]) -> None:
    """Write what there is so far."""
    told = {
        "corpora": [corpus.to_dict() for corpus in corpora],
        "seconds": arguments.seconds,
        "hidden_size": arguments.hidden_size,
        "results": rows,
    }
    write_results(arguments.output, told)


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("files", nargs="*", type=Path, help="corpora of one document a line")
    parser.add_argument("--whole-file", type=Path, nargs="+", default=[], help="corpora of one document each")
    parser.add_argument("--seconds", type=float, default=40.0, help="of training, for each model")
    parser.add_argument("--probe-seconds", type=float, default=4.0, help="of measuring its speed before")
    parser.add_argument("--bytes-per-second", type=float, help="take this speed for all, measure none")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, metavar="NAME", help="default: all")
    parser.add_argument("--list", action="store_true", help="name the variants and end")
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--valid-bytes", type=int, default=120_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    if not (arguments.files or arguments.whole_file or arguments.list):
        parser.error("give a FILE, or --whole-file FILE")
    return arguments


def main() -> None:
    """Train every variant on every corpus, write the results and print the table."""
    arguments = parse_arguments()
    if arguments.list:
        print("\n".join(VARIANTS))
        return
    corpora = [
        *(short_strings(path, arguments.valid_bytes) for path in arguments.files),
        *(long_document(path, arguments.valid_bytes) for path in arguments.whole_file),
    ]
    rows: list[Row] = []
    for corpus in corpora:
        for job in jobs_of(arguments, corpus):
            rows.append(in_new_process(run_job, job, corpus))
            show(rows[-1])
            write(arguments, corpora, rows)  # so that a long program loses nothing
    print(markdown(rows))


if __name__ == "__main__":
    main()
