"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from granular_lm.errors import FolderInUseError, OutputExistsError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def new_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes ``target`` when the block ends well, and vanishes when it does not.

    Where a disk is mounted at ``target`` nothing can take its place: the files are moved in one by one then, when those
    that they replace are gone.

    Args:
        target: The folder to make.
        replace: Whether it takes the place of a folder that is there; that one is whole until the end.

    Raises:
        OutputExistsError: ``target`` exists and is anything but an empty folder, and is not to be replaced.
    """
    if not replace:
        refuse_existing(target)
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    is_mount = os.path.ismount(target)
    place = target if is_mount else target.parent
    with (
        errors_naming(target),
        tempfile.TemporaryDirectory(prefix=_prefix(target), dir=place, ignore_cleanup_errors=True) as made,
    ):
        work = Path(made) / target.name
        work.mkdir()
        yield work
        if not replace:
            refuse_existing(target, but=Path(made))  # it may have come into being meanwhile
        if replace and target.is_dir() and not is_mount:
            replaced = target.rename(Path(made) / "replaced")
            try:
                work.rename(target)
            except OSError:
                replaced.rename(target)
                raise
        elif target.is_dir():  # perhaps somebody's current folder: it has to stay the one it is
            for old in set(target.iterdir()) - {Path(made)} if replace else ():
                (shutil.rmtree if old.is_dir() else Path.unlink)(old)
            for child in work.iterdir():
                child.rename(target / child.name)
        else:
            work.rename(target)


def refuse_existing(target: Path, *, but: Path | None = None) -> None:
    """Raise `OutputExistsError` if a folder written to ``target`` would touch something there, ``but`` aside."""
    if target.is_dir():
        if any(path != but for path in target.iterdir()):
            what = "a model" if (target / "config.json").exists() else "files"
            raise OutputExistsError(f"{target} already holds {what}; give another folder, or remove it first.")
    elif target.exists():
        raise OutputExistsError(f"{target} is a file, not a folder; give another name.")


def refuse_unwritable(target: Path) -> None:
    """Raise `PermissionError` if `new_folder` could not write to ``target``: before hours of work, not after them."""
    target = target.resolve()
    above = next(parent for parent in target.parents if parent.is_dir())
    for place in [target] if os.path.ismount(target) else [above, *([target] if target.is_dir() else [])]:
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "nothing can be written there", str(target))


def refuse_existing_file(target: Path) -> None:
    """Raise `OutputExistsError` if there is anything under a name that is to become a file."""
    if target.exists():
        raise OutputExistsError(f"{target} exists already; give another name, or remove it first.")


def lock(file: int) -> bool | None:
    """Keep other processes from locking a file or folder, until it is closed or this process ends.

    Args:
        file: The open file's descriptor.

    Returns:
        True if it is locked now, False if somebody else has locked it, None where there are no locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some file systems
        return None
    return True


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other processes from working in a folder, where there are locks.

    Raises:
        FolderInUseError: One does.
    """
    if os.name != "posix":
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if lock(handle) is False:
            raise FolderInUseError(f"another process is at work in {folder}; wait for it, or give another folder.")
        yield
    finally:
        os.close(handle)


@contextmanager
def replaced_file(target: Path, *, is_forced_to_disk: bool = False) -> Iterator[Path]:
    """Give a temporary name beside ``target`` that replaces it when the block ends well.

    Args:
        target: The file to write.
        is_forced_to_disk: Whether the content is on the disk itself before the name changes, so that not even a
            power cut leaves a file that is cut short.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with errors_naming(target):
        handle, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            if is_forced_to_disk:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def errors_naming(target: Path) -> Iterator[None]:
    """Let errors name ``target`` in place of what is temporary beside or in it, which nobody has asked for.

    Those for want of room name nothing by themselves.
    """
    places = (target.with_name(_prefix(target)), target / _prefix(target))
    temporary = tuple(map(os.path.abspath, places))  # Path.absolute keeps ".."
    try:
        yield
    except OSError as error:
        named = error.filename
        is_temporary = isinstance(named, str | Path) and os.path.abspath(named).startswith(temporary)  # noqa: PTH100
        if is_temporary or (named is None and error.errno in NO_ROOM):
            error.filename = str(target)
        raise


def _prefix(target: Path) -> str:
    """Return how the names begin of what is temporary beside a file or folder."""
    return f".{target.name}."


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
