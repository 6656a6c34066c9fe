"""What all benchmarks share: a command line with ``-o``, and a JSON file of what was measured and where."""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from granular_lm.comparison.environment import environment
from granular_lm.files import replaced_file

FOLDER = Path(__file__).parent / "results"


def benchmark_parser(description: str | None, program: str) -> ArgumentParser:
    """Return a command line with ``-o FILE``, the results of a program by default.

    Args:
        description: The docstring of the program.
        program: Its ``__file__``.
    """
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER / f"{Path(program).stem}.json")
    return parser


def write_results(path: Path, told: Mapping[str, Any]) -> None:
    """Write JSON values and, first of all, the machine and the versions that they were measured with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as written:
        written.write_text(json.dumps({"environment": environment(), **told}, indent=2) + "\n", encoding="utf-8")
