"""How fast `read_documents` is beside the loop that one writes without it, beside `wc -l` and the bytes alone.

    python benchmarks/read_speed.py [-n LINES] [-o results/read_speed.json]

The embedded bios are repeated to a million lines and written as text, JSON lines and CSV, the text also packed. Each
file is read to its end and nothing is kept; the system has it in memory. All are timed in turn in the same run, the
median of several rounds each: `read_documents`; the loop, such as `[json.loads(line)["text"] for line in open(path)]`;
`for line in open(path)` with nothing in it; `wc -l`, given a packed file by the program that unpacks it, where there
is one; and the bytes of the file, read in large pieces.
"""

import csv
import gzip
import json
import shutil
import statistics
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import zstandard

from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.readers import read_documents
from results import benchmark_parser, write_results
from timing import seconds_of_each

ROUNDS = 5
UNPACKERS = {".gz": "gzip", ".zst": "zstd"}


def write_files(folder: Path, num_lines: int) -> list[Path]:
    """Write the same documents in each format."""
    documents = list(islice(cycle(generate_bios()), num_lines))
    text, objects, table = (folder / f"bios.{suffix}" for suffix in ("txt", "jsonl", "csv"))
    with text.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{each}\n" for each in documents)
    with objects.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(json.dumps({"text": each}, ensure_ascii=False) + "\n" for each in documents)
    with table.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([["id", "text"], *enumerate(documents)])
    return [text, objects, table, *_packed(text)]


def _packed(text: Path) -> Iterator[Path]:
    for suffix, packer in ((".gz", gzip.open), (".zst", zstandard.open)):
        path = text.with_name(text.name + suffix)
        with text.open("rb") as plain, packer(path, "wb") as out:
            shutil.copyfileobj(plain, out, 2**20)
        yield path


def consumed(make: Callable[[], Iterable[object]]) -> Callable[[], object]:
    """Return a program that goes through an iterable and keeps nothing."""
    return lambda: deque(make(), maxlen=0)


def plain_loop(path: Path) -> Iterator[object]:
    """Yield the documents as a few lines of Python do, without a word about what may be wrong with them."""
    with opened(path) as lines:
        match path.suffix:
            case ".jsonl":
                yield from (json.loads(line)["text"] for line in lines)
            case ".csv":
                yield from (row["text"] for row in csv.DictReader(lines))
            case _:
                yield from (line.removesuffix("\n") for line in lines)


def bare_loop(path: Path) -> Iterator[object]:
    """Yield the lines, with which nothing is done."""
    with opened(path) as lines:
        yield from lines


def opened(path: Path) -> Any:
    """Open a file as text, unpacked."""
    opener: Any = {".gz": gzip.open, ".zst": zstandard.open}.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8", newline="" if path.suffix == ".csv" else "\n")


def plain_bytes(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file as they are, a mebibyte at a time."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(2**20):
            yield piece


def line_counter(path: Path) -> Callable[[], object] | None:
    """Return a program that counts the lines of a file, or None where it cannot be unpacked."""
    unpacker = UNPACKERS.get(path.suffix)
    if unpacker and not shutil.which(unpacker):
        return None
    command = f"{unpacker} -dc '{path}' | wc -l" if unpacker else f"wc -l '{path}'"
    return lambda: subprocess.run(["sh", "-c", command], check=True, capture_output=True)


def measure(path: Path) -> dict[str, Any]:
    """Return the speed of reading a file, and of what it is compared with."""
    assert list(islice(read_documents(path), 1000)) == list(islice(plain_loop(path), 1000))
    counter = line_counter(path)
    programs = {
        "ours": consumed(lambda: read_documents(path)),
        "plain": consumed(lambda: plain_loop(path)),
        "bare": consumed(lambda: bare_loop(path)),
        "bytes": consumed(lambda: plain_bytes(path)),
        **({"wc": counter} if counter else {}),
    }
    medians = {name: statistics.median(times) for name, times in seconds_of_each(programs, ROUNDS).items()}
    num_bytes = path.stat().st_size
    return {
        "file": path.name,
        "bytes": num_bytes,
        "seconds": medians["ours"],
        "megabytes_per_second": num_bytes / medians["ours"] / 1e6,
        "megabytes_per_second_of_bytes_alone": num_bytes / medians["bytes"] / 1e6,
        "bare_loop_seconds": medians["bare"],
        "plain_loop_seconds": medians["plain"],
        "times_as_fast_as_plain_loop": medians["plain"] / medians["ours"],
        "wc_seconds": medians.get("wc"),
        "times_the_time_of_wc": medians["ours"] / medians["wc"] if counter else None,
    }


def told(row: dict[str, Any]) -> str:
    """Return a row of results as a line."""
    beside = f", wc -l {row['wc_seconds']:.3f} s" if row["wc_seconds"] else ""
    return (
        f"{row['file']:<13} {row['seconds']:.3f} s, {row['megabytes_per_second']:6.1f} MB/s "
        f"(bytes alone {row['megabytes_per_second_of_bytes_alone']:,.0f}); "
        f"plain loop {row['plain_loop_seconds']:.3f} s, bare lines {row['bare_loop_seconds']:.3f} s{beside}"
    )


def main() -> None:
    """Measure every file and write the results."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("-n", "--lines", type=int, default=1_000_000)
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for path in write_files(Path(folder), arguments.lines):
            results.append(measure(path))
            print(told(results[-1]))
    write_results(arguments.output, {"lines": arguments.lines, "rounds": ROUNDS, "results": results})


if __name__ == "__main__":
    main()
