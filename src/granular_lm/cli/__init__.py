"""The command line: one file a command, shared options in `options`, errors in `errors`."""

import sys
from collections.abc import Sequence
from typing import NoReturn

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of SIGINT."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 something the user can mend, 2 wrong usage, 130 interrupted."""
    try:
        from granular_lm.cli.app import run
    except KeyboardInterrupt:  # in the moment that the imports take
        sys.stderr.write("granular-lm: interrupted.\n")
        sys.exit(INTERRUPTED)
    run(arguments)


__all__ = ["INTERRUPTED", "main"]
