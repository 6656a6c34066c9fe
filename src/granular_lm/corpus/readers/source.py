"""A source: something with a name that gives bytes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import BinaryIO

from granular_lm.corpus.readers.packing import PACKINGS, unpacked
from granular_lm.errors import CorpusError

PIECE_BYTES = 2**15  # a block of lines stays in the processor's cache, and no more than it can is unpacked at once


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file or a stream of bytes.

    Args:
        name: What errors call it.
        file_name: The last part of its path, which says what it holds.
        open: Opens it from the start.
        failures: What opening and reading raise when it cannot be read.
        advice: What to do then.
    """

    name: str
    file_name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]
    failures: tuple[type[Exception], ...] = (OSError,)
    advice: str = "check the file and its permissions"

    @property
    def packing(self) -> str | None:
        """The suffix of how it is packed."""
        suffix = PurePath(self.file_name.lower()).suffix
        return suffix if suffix in PACKINGS else None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Give the bytes as they are stored.

        Raises:
            CorpusError: They cannot be read.
        """
        try:
            with self.open() as file:
                yield file
        except CorpusError:
            raise
        except self.failures as error:
            raise self.unreadable(error) from error

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes, unpacked, in pieces of any length.

        Raises:
            CorpusError: They cannot be read, or not be unpacked.
        """
        with self.opened() as file:
            pieces = _pieces(file)
            yield from unpacked(pieces, self.packing, self.name) if self.packing else pieces

    def unreadable(self, error: Exception) -> CorpusError:
        """Return the error that says why it cannot be read."""
        return unreadable(self.name, error, self.advice)


def unreadable(name: str, error: Exception, advice: str) -> CorpusError:
    """Return the error of something that cannot be read, in one line."""
    reason = " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".")
    return CorpusError(f"{name} cannot be read ({reason or type(error).__name__}); {advice}.")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Return what is there as soon as it is there, where the file can tell."""
    return iter(partial(getattr(file, "read1", file.read), PIECE_BYTES), b"")
