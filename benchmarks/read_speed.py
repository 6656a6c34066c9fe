"""How fast `read_documents` is beside `wc -l`, and beside the loop that one writes without it.

    python benchmarks/read_speed.py [-n LINES] [-o results/read_speed.json]

The embedded bios are repeated to a million lines and written as text, JSON lines and CSV, the text also packed. Each
file is read to its end and nothing is kept. All three are timed in turn in the same run, the median of several rounds
each; a packed file is given to `wc -l` by the program that unpacks it, where there is one.
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
    opened: Any = {".gz": gzip.open, ".zst": zstandard.open}.get(path.suffix, open)
    with opened(path, "rt", encoding="utf-8", newline="" if path.suffix == ".csv" else "\n") as lines:
        match path.suffix:
            case ".jsonl":
                yield from (json.loads(line)["text"] for line in lines)
            case ".csv":
                yield from (row["text"] for row in csv.DictReader(lines))
            case _:
                yield from (line.removesuffix("\n") for line in lines)


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
        **({"wc": counter} if counter else {}),
    }
    medians = {name: statistics.median(times) for name, times in seconds_of_each(programs, ROUNDS).items()}
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "seconds": medians["ours"],
        "megabytes_per_second": path.stat().st_size / medians["ours"] / 1e6,
        "plain_loop_seconds": medians["plain"],
        "times_as_fast_as_plain_loop": medians["plain"] / medians["ours"],
        "wc_seconds": medians.get("wc"),
        "times_the_time_of_wc": medians["ours"] / medians["wc"] if counter else None,
    }


def told(row: dict[str, Any]) -> str:
    """Return a row of results as a line."""
    beside = f", {row['times_the_time_of_wc']:6.1f} times the time of wc -l" if row["wc_seconds"] else ""
    return (
        f"{row['file']:<13} {row['seconds']:.3f} s, {row['megabytes_per_second']:6.1f} MB/s, "
        f"{row['times_as_fast_as_plain_loop']:5.2f} times as fast as a plain loop{beside}"
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
