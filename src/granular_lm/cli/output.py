"""Where commands print: results to stdout, everything else to stderr, and there only if it is a terminal."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def print_json(value: Any) -> None:
    """Print one JSON value."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False))


def json_line(value: Any) -> str:
    """Return a JSON value on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def print_table(table: "Table") -> None:
    """Print a table."""
    from rich.console import Console

    Console(width=output_width()).print(table)


def output_width() -> int:
    """Return the columns there are to print in: the terminal's, and plenty if the output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 160


def print_facts(facts: Mapping[str, object]) -> None:
    """Print names and values, aligned."""
    width = max(map(len, facts))
    for name, value in facts.items():
        typer.echo(f"{name:<{width}}  {value}")


def peak_memory_bytes() -> int | None:
    """Return the most memory this process has held, or None where the system does not tell."""
    try:  # Linux; what `resource` says there includes the process that started this one
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def note(text: str) -> None:
    """Say something beside the result, to a person who is watching."""
    if sys.stderr.isatty():
        typer.echo(text, err=True)


def warn(text: str) -> None:
    """Say on stderr what went wrong, or otherwise than planned, or has to be known."""
    typer.echo(f"granular-lm: {text}", err=True)
