"""What a name stands for: a file, the files of a folder or of a pattern, an address, standard input."""

import os
import stat
import sys
from contextlib import nullcontext
from glob import glob
from pathlib import Path

from granular_lm.corpus.readers.endings import ACCEPTED, is_meant, is_pattern
from granular_lm.corpus.readers.remote import is_address, remote_sources
from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError, CorpusNotFoundError

STANDARD_INPUT = "-"


def find_sources(name: str | Path, *, of_any_ending: bool) -> list[Source]:
    """Return the sources that a name stands for, each of which is there.

    Args:
        name: A path, a pattern, an address or ``-``.
        of_any_ending: Whether all files of a folder are meant, or only those whose names end in a format.

    Raises:
        CorpusNotFoundError: Nothing is there.
        CorpusError: It cannot be read, or is a folder without a file that is meant.
    """
    if not str(name):
        raise CorpusNotFoundError("the name of a file is empty; give a file, a folder, or - for standard input.")
    if str(name) == STANDARD_INPUT:
        return [Source(name="standard input", file_name="stdin.txt", open=lambda: nullcontext(sys.stdin.buffer))]
    if is_address(str(name)):
        return remote_sources(str(name), of_any_ending=of_any_ending)
    path = Path(name)
    if is_pattern(str(path)) and not os.path.lexists(path):
        return [_checked(each) for each in _matches(path)]
    if stat.S_ISDIR(_mode(path)):
        return [_checked(each) for each in _in_folder(path, of_any_ending)]
    return [_checked(path)]


def _matches(pattern: Path) -> list[Path]:
    found = sorted(glob(str(pattern), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    files = [path for path in map(Path, found) if not path.is_dir()]
    if not files:
        raise CorpusNotFoundError(f"no file matches {pattern} (seen from {Path.cwd()}); check the pattern.")
    return files


def _in_folder(folder: Path, of_any_ending: bool) -> list[Path]:
    """Return the files of a folder, but not those of the folders in it."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise _source(folder).unreadable(error) from error
    files = [path for path in inside if path.is_file() and is_meant(path.name, of_any_ending=of_any_ending)]
    if not files:
        raise CorpusError(
            f"{folder} is a folder without files to read; accepted: {ACCEPTED}. "
            f"Folders in it are read with a pattern such as '{folder}/**/*.txt'."
        )
    return files


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CorpusNotFoundError(f"there is no file {path} (seen from {Path.cwd()}); check its name.") from error
    except (OSError, ValueError) as error:
        raise _source(path).unreadable(error) from error


def _checked(path: Path) -> Source:
    """Return the source of a file that may be read."""
    if not os.access(path, os.R_OK):
        raise CorpusError(f"{path} cannot be read (Permission denied); give yourself the right to read it.")
    return _source(path)


def _source(path: Path) -> Source:
    return Source(name=str(path), file_name=path.name, open=lambda: path.open("rb"))
