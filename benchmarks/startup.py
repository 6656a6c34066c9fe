"""What a command costs from a cold start, beside the imports that it cannot do without.

    python benchmarks/startup.py [-o results/startup.json]

The median of several rounds each, in turn; the ratio is that of the medians.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable

from results import benchmark_parser, write_results
from timing import seconds_of_each

ROUNDS = 15
COMMAND = [sys.executable, "-m", "granular_lm"]
CASES = {
    "granular-lm --help": ([*COMMAND, "--help"], "import typer"),
    "granular-lm codec list": ([*COMMAND, "codec", "list"], "import typer"),
    "granular-lm sample bios-byte -n 10": ([*COMMAND, "sample", "bios-byte", "-n", "10"], "import numpy, typer"),
}


def runner(command: list[str]) -> Callable[[], object]:
    """Return a program that runs a command to its end."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Measure every case and write the results."""
    arguments = benchmark_parser(__doc__, __file__).parse_args()
    results = []
    for name, (command, imports) in CASES.items():
        programs = {name: runner(command), imports: runner([sys.executable, "-c", imports])}
        medians = {key: statistics.median(times) for key, times in seconds_of_each(programs, ROUNDS).items()}
        row = {"command": name, "seconds": medians[name], "imports": imports, "its_seconds": medians[imports]}
        results.append({**row, "ratio": medians[name] / medians[imports]})
        print(f"{name:<36} {medians[name]:.3f} s, {results[-1]['ratio']:.2f} times `{imports}`")
    write_results(arguments.output, {"rounds": ROUNDS, "results": results})


if __name__ == "__main__":
    main()
