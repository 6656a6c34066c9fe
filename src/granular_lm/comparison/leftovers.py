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
from typing import IO

LOCK_FILE = "lock"


@contextmanager
def held(temporary: Path) -> Iterator[None]:
    """Keep others from taking the temporary folder of a job for one that was left."""
    with (temporary / f"{LOCK_FILE}.new").open("wb") as file:
        file.write(_machine())
        file.flush()
        if _is_locked(file):
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
            return file.read() == _machine() and _is_locked(file)
    except OSError:
        return False


def _machine() -> bytes:
    return platform.node().encode()


def _is_locked(file: IO[bytes]) -> bool:
    """Return whether this has locked a file: nobody else holds it, and there are locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
