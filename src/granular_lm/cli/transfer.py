"""How a command turns one file into another, with the manners of xz.

FILE becomes a file beside it and is removed once that is safely there; with ``-o``, ``-k`` or a pipe nothing is.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from granular_lm.cli.output import note, print_json

SUFFIX = ".glm"
PIPE = Path("-")

File = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read; - or none is stdin, written to stdout.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write, - for stdout; FILE is kept.")
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
            CorpusError: The file is not there, or is a folder.
            OutputExistsError: The target is there.
        """
        from granular_lm.errors import CorpusError, CorpusNotFoundError, OutputExistsError

        if file != PIPE and not file.exists():
            raise CorpusNotFoundError(f"there is no file {file} (seen from {Path.cwd()}); check its name.")
        if file.is_dir():
            raise CorpusError(f"{file} is a folder; name one of the files in it.")
        target = output or (PIPE if file == PIPE else beside(file))
        if target != PIPE and target.exists() and not force:
            raise OutputExistsError(f"{target} exists already; give another name with -o, or -f to overwrite it.")
        return cls(file, target, removes_source=file != PIPE and output is None and not keep)

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
            if self.source != PIPE:
                shutil.copymode(self.source, target)
        if self.removes_source:
            self.source.unlink()

    def tell(self, facts: dict[str, object], *, as_json: bool) -> None:
        """Say what was done, as JSON or to a person who is watching."""
        if as_json:
            print_json({"output": str(self.target), **facts})
        else:
            note(", ".join(f"{name} {value:,}" for name, value in facts.items()))


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
