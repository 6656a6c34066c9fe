"""The commands put together. Nothing heavy is imported for that: a command imports what it needs when it runs."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from granular_lm.cli import INTERRUPTED
from granular_lm.cli.errors import exit_code, message, option_names
from granular_lm.cli.output import warn

COMMANDS = ("train", "sample", "score", "compare", "compress", "decompress", "codec", "data", "collect")
"""Each has a module of its name, and in it a function of that name, or an ``app`` of several commands."""


def command_line(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """Return the command line with some of the commands."""
    app = typer.Typer(
        name="granular-lm",
        help="Train, sample, score and compare small language models of short strings, at any level: bytes, "
        "characters, subwords.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for name in commands:
        module = import_module(f"granular_lm.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("granular-lm"))
        raise typer.Exit


def _main(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None: ...


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit, as `granular_lm.cli.main` says."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was closed before the program started
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as it runs
    handlers = {sys.stdin: "surrogateescape", sys.stdout: "backslashreplace", sys.stderr: "backslashreplace"}
    for stream, errors in handlers.items():
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)
    given = sys.argv[1:] if arguments is None else arguments
    app = command_line(given[:1] if given and given[0] in COMMANDS else COMMANDS)  # the others take time
    try:
        app(given)
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        warn(message(error, option_names(typer.main.get_command(app))))
        sys.exit(code)
    except SystemExit as ended:  # typer ends everything with one, Ctrl-C within a command included
        if ended.code == INTERRUPTED:
            warn("interrupted.")
        raise
    sys.exit(0)
