"""The pages so far, one a line, in the only file that a collection has while it runs.

Where a collection stands is read from its pages alone, so there is no second file that could disagree with them.
A line is on the disk before the next page is asked for. Whatever ends the process, every page is there whole, but
perhaps the last, whose line is then cut off and whose page is asked for again.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from granular_lm.corpus.twitter.pages import Page
from granular_lm.errors import CollectionError, OutputExistsError
from granular_lm.files import lock, replaced_file

FORMAT, FORMAT_VERSION = "granular-lm collection", 1
LEAST_FREE_BYTES = 2**22  # several times the longest page: a full disk is met before a page is paid for


class Journal:
    """A file of pages that grows, held by one process at a time.

    Args:
        path: The file.
        file: The same, opened for appending, without a buffer.
    """

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file

    @classmethod
    @contextmanager
    def opened(cls, path: Path, title: str, *, resume: bool) -> Iterator["Journal"]:
        """Give the journal of a new collection, or with ``resume`` that of one that was begun.

        Args:
            path: The file; with ``resume`` it is made if it is not there.
            title: What is collected, which has to be what was collected so far.
            resume: Whether to go on.

        Raises:
            OutputExistsError: The file is there, and not to go on with.
            CollectionError: It is of another collection, damaged, or another process writes it.
        """
        if path.exists() and not resume:
            raise OutputExistsError(f"{path} holds pages already; go on with --resume, or remove it first.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path) as file:
            journal = cls(path, file)
            journal._begin(json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION, "title": title}))
            _check_title(path, title)
            _cut_torn_line(path)
            yield journal

    def _begin(self, header: str) -> None:
        """Write the first line, also where it was begun and not ended; whatever else stands there is left alone."""
        begun = next(_lines(self._path), b"")
        if begun.endswith(b"\n") or not header.encode("ascii").startswith(begun):
            return
        self._file.truncate(0)
        self._write(header)
        _force_folder_to_disk(self._path.parent)

    def append(self, page: Page) -> None:
        """Write a page; when this returns it is on the disk."""
        self._write(json.dumps(page.to_dict()))

    def check_room(self) -> None:
        """Raise `CollectionError` if the disk may be too full for another page."""
        free = shutil.disk_usage(self._path.parent).free
        if free < LEAST_FREE_BYTES:
            raise CollectionError(
                f"{self._path.parent} has {free:,} bytes left; no page is paid for with less than "
                f"{LEAST_FREE_BYTES:,}. Make room and go on with --resume."
            )

    def _write(self, line: str) -> None:
        rest = memoryview(f"{line}\n".encode("ascii"))
        end = os.fstat(self._file.fileno()).st_size
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(end)
            raise


def read_pages(path: Path) -> Iterator[Page]:
    """Yield the pages of a journal in the order in which they came, without a last one that is not written yet.

    Raises:
        CollectionError: The file is not there, or a line of it is no page.
    """
    lines = _lines(path)
    next(lines, None)
    for number, line in enumerate(lines, start=2):
        if not line.endswith(b"\n"):
            return
        try:
            yield Page.from_dict(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise CollectionError(
                f"{path}:{number}: this line is not the page that was written ({error}); restore the file from a copy."
            ) from error


def rewrite_pages(path: Path, pages: Iterator[Page]) -> None:
    """Replace the pages of a journal, all at once."""
    header = next(_lines(path))
    with replaced_file(path, is_forced_to_disk=True) as temporary, temporary.open("wb") as out:
        out.write(header)
        out.writelines(f"{json.dumps(page.to_dict())}\n".encode("ascii") for page in pages)


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError as error:
        raise CollectionError(f"there is no {path}; give a folder that granular-lm collect has written.") from error


def _check_title(path: Path, title: str) -> None:
    header = _header(path)
    if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
        raise CollectionError(f"{path} is no journal of this version of granular-lm; give another folder.")
    if header.get("title") != title:
        raise CollectionError(
            f"{path} holds {header.get('title')}, and this is {title}; "
            "go on with what it was begun with, or give another folder, or remove the file."
        )


def _header(path: Path) -> dict[str, Any]:
    try:
        header = json.loads(next(_lines(path)))
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _cut_torn_line(path: Path) -> None:
    """Cut the last line off where it was not written to its end; no page behind it has been asked for."""
    end, line = 0, b""
    for line in _lines(path):
        end += len(line)
    if line and not _is_whole(line):
        with path.open("r+b") as file:
            file.truncate(end - len(line))
            os.fsync(file.fileno())


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n")


@contextmanager
def locked(path: Path) -> Iterator[FileIO]:
    """Open a journal for appending, and keep other processes away until it is closed, however that comes about.

    Raises:
        CollectionError: Another process has it.
    """
    with path.open("ab", buffering=0) as file:
        if lock(file.fileno()) is False:
            raise CollectionError(f"another process is writing {path}; wait for it, or give another folder.")
        yield file


def _force_folder_to_disk(folder: Path) -> None:
    """Have the name of a new file survive a power cut, too, where a folder can be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
