"""The commands put together. Nothing heavy is imported here: a command imports what it needs when it runs."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from granular_lm.cli import INTERRUPTED, codec, collect, compare, compress, data, decompress, sample, score, train
from granular_lm.cli.errors import exit_code, message, option_names
from granular_lm.cli.output import warn

app = typer.Typer(
    name="granular-lm",
    help="Train, sample, score and compare small language models of short strings, at any level: bytes, characters, "
    "subwords.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("granular-lm"))
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None: ...


app.command("train")(train.train)
app.command("sample")(sample.sample)
app.command("score")(score.score)
app.command("compare")(compare.compare)
app.command("compress")(compress.compress)
app.command("decompress")(decompress.decompress)
app.add_typer(codec.app, name="codec")
app.add_typer(data.app, name="data")
app.add_typer(collect.app, name="collect")


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit, as `granular_lm.cli.main` says."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was closed before the program started
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - as long as it runs
    handlers = {sys.stdin: "surrogateescape", sys.stdout: "backslashreplace", sys.stderr: "backslashreplace"}
    for stream, errors in handlers.items():
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)
    try:
        app(arguments)
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
