"""How a command turns one file into another, with the manners of xz.

FILE becomes a file beside it and is removed once that is safely there; with ``-o``, ``-k`` or a pipe nothing is.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, Annotated

import typer

from granular_lm.cli.output import note, print_json

if TYPE_CHECKING:
    from granular_lm.compression.lanes import Tell

SUFFIX = ".glm"
PIPE = Path("-")

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="The file to read; - or none is stdin, written to stdout.",
        readable=False,  # it is looked at below, for an error in one line
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write, - for stdout; FILE is kept.",
        readable=False,  # it is only written
    ),
]
Keep = Annotated[bool, typer.Option("-k", "--keep", help="Keep FILE.")]
Force = Annotated[bool, typer.Option("-f", "--force", help="Overwrite a file; write binary data to a terminal.")]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where the data comes from and where it goes.

    Attributes:
        source: The file to read, or `PIPE` for stdin.
        target: The file to write, or `PIPE` for stdout.
        removes_source: Whether the source goes away in the end.
    """

    source: Path
    target: Path
    removes_source: bool

    @classmethod
    def of(
        cls, file: Path, output: Path | None, *, beside: Callable[[Path], Path], keep: bool, force: bool
    ) -> "Transfer":
        """Return what the options ask for.

        Args:
            file: The file, or `PIPE`.
            output: The file to write, if it was named.
            beside: From the file to the name of the one that takes its place.
            keep: Whether the file stays in any case.
            force: Whether a file may be overwritten.

        Raises:
            CorpusError: The file is not there, is a folder, may not be read, or is to be removed and not a regular one.
            OutputExistsError: The target is there.
        """
        removes_source = file != PIPE and output is None and not keep
        if file != PIPE:
            _check_source(file, is_removed=removes_source)
        target = output or (PIPE if file == PIPE else beside(file))
        if target != PIPE:
            _check_target(target, force=force)
        return cls(file, target, removes_source)

    def read(self) -> bytes:
        """Return the data."""
        return sys.stdin.buffer.read() if self.source == PIPE else self.source.read_bytes()

    def write(self, data: bytes) -> None:
        """Write the result, whole or not at all, and only then remove the source."""
        from granular_lm.files import replaced_file

        if self.target == PIPE:
            write_to_stdout(data)
            return
        target = self.target.resolve()  # a link stays a link
        if target.exists() and not target.is_file():  # a device or a pipe is written to, not replaced
            target.write_bytes(data)
        else:
            with replaced_file(target, is_forced_to_disk=True) as temporary:
                temporary.write_bytes(data)
            if self.source != PIPE and self.source.is_file():
                shutil.copystat(self.source, target)
        if self.removes_source:
            self.source.unlink()

    def tell(self, facts: dict[str, object], *, as_json: bool) -> None:
        """Say what was done, as JSON or to a person who is watching."""
        if as_json:
            print_json({"output": str(self.target), **facts})
        else:
            note(", ".join(f"{name} {value:,}" for name, value in facts.items()))


def _check_source(file: Path, *, is_removed: bool) -> None:
    from granular_lm.errors import CorpusError, CorpusNotFoundError

    unreadable = CorpusError(f"{file} cannot be read (Permission denied); give yourself the right to read it.")
    try:
        is_folder = S_ISDIR(file.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CorpusNotFoundError(f"there is no file {file} (seen from {Path.cwd()}); check its name.") from error
    except PermissionError as error:
        raise unreadable from error
    if is_folder:
        raise CorpusError(f"{file} is a folder; name one of the files in it.")
    if not os.access(file, os.R_OK):
        raise unreadable
    if is_removed and not S_ISREG(file.lstat().st_mode):
        kind = "a link" if file.is_symlink() else "no regular file"
        raise CorpusError(f"{file} is {kind}, and would be removed; keep it with -k, or give -o FILE.")


def _check_target(target: Path, *, force: bool) -> None:
    from granular_lm.errors import OutputExistsError

    if target.is_dir():
        raise OutputExistsError(f"{target} is a folder; give the name of a file with -o.")
    if target.exists() and not force:
        raise OutputExistsError(f"{target} exists already; give another name with -o, or -f to overwrite it.")


def num_documents(documents: Sequence[str]) -> int:
    """Return how many documents a file has: what is behind its last line end is none if it is empty."""
    return len(documents) - (documents[-1:] == [""])


@contextmanager
def progress_bar(name: str) -> "Iterator[Tell]":
    """Give what draws how far it is; the bar vanishes when done, and is not there if stderr is no terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(escape(name), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def write_to_stdout(data: bytes) -> None:
    """Write raw bytes to stdout."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def check_stdout_is_free(transfer: Transfer, *, json: bool) -> None:
    """Raise `OptionError` if JSON and data would both go to stdout."""
    from granular_lm.errors import OptionError

    if json and transfer.target == PIPE:
        raise OptionError("--json and the data cannot both go to stdout; give -o FILE.")


def check_message_is_alone(file: Path, output: Path | None, **switches: bool) -> None:
    """Raise `OptionError` if a message was given together with files, or with switches that are for files."""
    from granular_lm.errors import OptionError

    for_files = [f"--{name.replace('_', '-')}" for name, is_on in switches.items() if is_on]
    if file != PIPE or output is not None or for_files:
        raise OptionError(
            f"--message goes from the command line to stdout; leave out {', '.join(['FILE', '-o', *for_files])}."
        )
