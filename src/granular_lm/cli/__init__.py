"""The command line: one file a command, shared options in `options`, errors in `errors`."""

from granular_lm.cli.app import main

__all__ = ["main"]
