"""How long it takes to clean a large corpus of short documents, and how much memory is held meanwhile.

    python benchmarks/clean_speed.py [--documents N] [--jobs N] [-o results/clean_speed.json]

The documents are synthetic, about a hundred bytes each; every tenth is an earlier one with a word more, every
twentieth an earlier one again, and every fifth has a link and a handle. All of it is scrubbed and searched for
near-duplicates. Memory is the most that was resident in this process, and in the largest worker beside it; pages
of the signatures' file, 512 bytes a document, count while they are mapped, though the system drops them where memory
is short. The seconds it takes to make the documents are taken off.
"""

import json
import resource
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from granular_lm.corpus.cleaning import CleaningOptions, clean
from processes import in_new_process
from results import benchmark_parser, write_results
from scale import resident_bytes, synthetic_documents

RECENT = 1000


def documents_with_twins(count: int) -> Iterator[str]:
    """Yield documents, some of which stood before, as they are or nearly so."""
    recent: deque[str] = deque(maxlen=RECENT)
    for number, text in enumerate(synthetic_documents(count)):
        if recent and number % 20 == 7:
            yield recent[0]
        elif recent and number % 10 == 3:
            yield f"{recent[0]} again"
        elif number % 5 == 0:
            yield f"{text} https://example.org/{number} @name{number}"
        else:
            yield text
            recent.append(text)


def measure(count: int, jobs: int) -> dict[str, Any]:
    """Return what it costs to clean so many documents; to be called in a process of its own."""
    started, cpu = time.perf_counter(), time.process_time()
    for _ in documents_with_twins(count):
        pass
    making = time.perf_counter() - started, time.process_time() - cpu
    started, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        options = CleaningOptions(scrub=("urls", "emails", "handles", "phones"), nfc=True, min_bytes=5)
        card = clean(documents_with_twins(count), Path(folder) / "clean", options, jobs=jobs)
    seconds = time.perf_counter() - started
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "documents": count,
        "bytes": card["read"]["bytes"],
        "jobs": jobs,
        "seconds": seconds - making[0],
        "cpu_seconds": time.process_time() - cpu - making[1] + workers.ru_utime + workers.ru_stime,
        "most_resident_bytes": resident_bytes()["peak_bytes"],
        "most_resident_bytes_of_a_worker": workers.ru_maxrss * 1024 if jobs > 1 else None,
        "kept": card["documents"]["documents"],
        "steps": {step["step"]: {"changed": step["changed"], "dropped": step["dropped"]} for step in card["steps"]},
    }


def main() -> None:
    """Clean a corpus, print what it cost and write it."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--documents", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    arguments = parser.parse_args()
    result = in_new_process(measure, arguments.documents, arguments.jobs)
    print(json.dumps(result, indent=2))
    write_results(arguments.output, result)


if __name__ == "__main__":
    main()
