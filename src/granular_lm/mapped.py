"""Arrays in files, written piece by piece and read without being held.

A mapped page counts as memory of the process until it is given back, though the system could drop it at any time.
Who reads a large array from end to end therefore calls `release_pages` on the way.
"""

import mmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray


class ArrayWriter:
    """Writes one flat array to a file.

    Args:
        path: The file; one that is there is replaced. Arrays that are mapped from the old one keep what they hold.
        dtype: Of the array, in the byte order of this machine.
    """

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        path.unlink(missing_ok=True)  # to cut a mapped file short would end the process that reads it
        self._file = path.open("wb")

    def append(self, values: NDArray[Any]) -> None:
        """Write more elements behind those that are there."""
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class OffsetsWriter(ArrayWriter):
    """Writes the offsets, int64 and from 0, of things that have these lengths and follow one another."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, np.int64)
        self._total = 0
        super().append(np.zeros(1))

    def append(self, lengths: NDArray[Any]) -> None:
        """Write where each of some more things ends."""
        ends = self._total + np.cumsum(lengths, dtype=np.int64)
        self._total = int(ends[-1]) if len(ends) else self._total
        super().append(ends)


def map_array(path: Path, dtype: DTypeLike) -> NDArray[Any]:
    """Return the array in a file, one-dimensional and read-only; nothing is read until it is asked for."""
    size = path.stat().st_size
    if not size:  # which cannot be mapped
        return np.empty(0, dtype=dtype)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.ndarray(size // np.dtype(dtype).itemsize, dtype=dtype, buffer=mapped)


def release_pages(*arrays: NDArray[Any]) -> None:
    """Give back the memory that reading mapped arrays has taken, where the system has a way to; they stay usable."""
    if hasattr(mmap, "MADV_DONTNEED"):
        for array in arrays:
            if isinstance(array.base, mmap.mmap):
                array.base.madvise(mmap.MADV_DONTNEED)
