"""What it costs to prepare large corpora of short documents, and how much memory is held meanwhile.

    python benchmarks/scale.py [--documents N ...] [-o results/scale.json]

Each size runs in a process of its own, on one core. The documents are synthetic, about a hundred bytes each, and made
as they are asked for; the seconds that takes are measured alone and taken off. On a busy machine the seconds of the
processor say more than those of the clock. Memory is the resident set as Linux counts it, pages mapped from files
included, without torch. Of each stage, `peak` is the most that was resident at any moment, and `anonymous` and
`mapped` what still was when it ended.
"""

import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from granular_lm.batching import Batches
from granular_lm.codecs.byte import ByteCodec
from granular_lm.corpus.split import Part, part_of_documents
from granular_lm.corpus.store import DocumentStore
from granular_lm.token_store import TokenStore
from processes import in_new_process
from results import benchmark_parser, write_results

SIZES = (100_000, 1_000_000, 10_000_000)
NUM_BATCHES = 2000
PREPARATION = ("write documents", "split", "write tokens", "first batch")
VALID, TEST = 0.01, 0.01
Result = TypeVar("Result")
MADE_AT_ONCE = 4096
VOCABULARY = 20_000
WORDS = 15  # of about six bytes each, with the space
FEWEST_WORDS = 4


def synthetic_documents(count: int) -> Iterator[str]:
    """Yield documents of words that are as unequal in frequency as those of a language; the same ones each time."""
    rng = np.random.default_rng(0)
    letters = rng.choice(list("etaoinshrdlucmfwypvbgk"), size=(VOCABULARY, 9))
    words = ["".join(row[: 3 + number % 7]) for number, row in enumerate(letters)]
    share = 1 / np.arange(1, VOCABULARY + 1)
    ends = np.cumsum(share / share.sum())
    for start in range(0, count, MADE_AT_ONCE):
        drawn = np.searchsorted(ends, rng.random((MADE_AT_ONCE, 2 * WORDS)) * ends[-1]).tolist()
        lengths = rng.integers(FEWEST_WORDS, 2 * WORDS - 1, MADE_AT_ONCE).tolist()
        for row, length in islice(zip(drawn, lengths, strict=True), count - start):
            yield " ".join([words[index] for index in row[:length]])


def resident_bytes() -> dict[str, int]:
    """Return what is resident now, and the most that was since `forget_peak`."""
    names = {"VmHWM": "peak", "RssAnon": "anonymous", "RssFile": "mapped"}
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return {f"{names[key[:-1]]}_bytes": int(rest[0]) * 1024 for key, *rest in lines if key[:-1] in names}


def forget_peak() -> None:
    """Let the peak begin anew from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


class Stages:
    """Runs one stage after another and notes what each cost."""

    def __init__(self, documents: int) -> None:
        self._documents = documents
        self.rows: dict[str, dict[str, Any]] = {"start": resident_bytes()}

    def run(self, name: str, stage: Callable[[], Result], *, without: str | None = None) -> Result:
        """Return what a stage does, having noted its seconds and its memory.

        Args:
            name: Of the stage.
            stage: What to run.
            without: An earlier stage that runs inside this one, whose seconds are not counted again.
        """
        forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        result = stage()
        row = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        if without:
            row = {name: seconds - self.rows[without][name] for name, seconds in row.items()}
        per_document = row["cpu_seconds"] / self._documents * 1e6
        self.rows[name] = {**row, "cpu_microseconds_per_document": per_document, **resident_bytes()}
        return result


def measure(count: int) -> dict[str, Any]:
    """Return what every stage costs for one size of corpus; to be called in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return measured_in(Path(folder), count)


def measured_in(folder: Path, count: int) -> dict[str, Any]:
    """Return what every stage costs, with its files in a folder."""
    stages = Stages(count)
    stages.run("make documents", lambda: deque(synthetic_documents(count), maxlen=0))
    documents = stages.run(
        "write documents",
        lambda: DocumentStore.write(synthetic_documents(count), folder / "documents"),
        without="make documents",
    )
    parts = stages.run("split", lambda: part_of_documents(documents, valid=VALID, test=TEST))
    train = documents.where(parts == Part.TRAIN)
    store = stages.run("write tokens", lambda: TokenStore.write(ByteCodec(), train, folder / "tokens"))
    batches = Batches(store)
    epoch = batches.epoch(0)
    stages.run("first batch", lambda: next(epoch))
    stages.run(f"{NUM_BATCHES} batches", lambda: deque(islice(epoch, NUM_BATCHES), maxlen=0))
    preparation = [stages.rows[name] for name in PREPARATION]
    return {
        "documents": count,
        "bytes": documents.num_bytes,
        "disk_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "seconds_before_the_first_update": sum(row["seconds"] for row in preparation),
        "cpu_seconds_before_the_first_update": sum(row["cpu_seconds"] for row in preparation),
        "most_resident_bytes": max(row.get("peak_bytes", 0) for row in stages.rows.values()),
        "stages": stages.rows,
    }


def main() -> None:
    """Measure every size and write the results."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--documents", nargs="+", type=int, default=list(SIZES), metavar="N")
    arguments = parser.parse_args()
    results = []
    for count in arguments.documents:
        results.append(in_new_process(measure, count))
        print_result(results[-1])
    write_results(arguments.output, {"codec": "byte", "results": results})


def print_result(result: dict[str, Any]) -> None:
    """Print what one size of corpus costs."""
    print(
        f"{result['documents']:,} documents, {result['bytes'] / 1e6:,.0f} MB: "
        f"{result['seconds_before_the_first_update']:.1f} s before the first update "
        f"({result['cpu_seconds_before_the_first_update']:.1f} s of one core), "
        f"at most {result['most_resident_bytes'] / 1e6:,.0f} MB resident"
    )
    for name, row in result["stages"].items():
        memory = "  ".join(f"{kind} {row[f'{kind}_bytes'] / 1e6:7.1f}" for kind in ("peak", "anonymous", "mapped"))
        print(
            f"  {name:<16} {row.get('seconds', 0):8.2f} s {row.get('cpu_seconds', 0):8.2f} s CPU   MB: {memory}",
            flush=True,
        )


if __name__ == "__main__":
    main()
