"""Temporary folders that killed jobs have left, told apart from those that somebody is working in.

While a job works in its temporary folder it holds a lock there, which the system takes back however the process ends.
Not every file system knows of locks on other machines, so a folder is only removed on the machine that made it, which
is told by its name.
"""

import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from granular_lm.files import lock

LOCK_FILE = "lock"


@contextmanager
def held(temporary: Path) -> Iterator[None]:
    """Keep others from taking the temporary folder of a job for one that was left."""
    with (temporary / f"{LOCK_FILE}.new").open("wb") as file:
        file.write(_machine())
        file.flush()
        if lock(file.fileno()):
            Path(file.name).rename(temporary / LOCK_FILE)  # it is never seen unlocked while somebody is at work
        yield


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes of this machine have left of the folder of a job."""
    for temporary in folder.parent.glob(f".{folder.name}.*"):  # as `new_folder` names them
        if _is_left(temporary):
            shutil.rmtree(temporary, ignore_errors=True)


def _is_left(temporary: Path) -> bool:
    try:
        with (temporary / LOCK_FILE).open("r+b") as file:
            return file.read() == _machine() and lock(file.fileno()) is True
    except OSError:
        return False


def _machine() -> bytes:
    return platform.node().encode()
