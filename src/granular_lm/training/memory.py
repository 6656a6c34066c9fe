"""What training does about memory: what an update frees is kept for the next, and the want of it has a name."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# Parameters of mallopt, from malloc.h of the GNU C library, and its defaults.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
DEFAULT_TRIM_THRESHOLD, DEFAULT_MMAP_MAX = 128 * 1024, 65536
LARGEST_INT = 2**31 - 1


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Have the C library keep what is freed for a while, then give it back.

    Updates ask for the same large blocks again and again. By default the GNU C library takes each block above
    32 MiB from the operating system, which has to clear it page by page: with 16 KiB of text a batch that was a
    tenth of the time. Other C libraries are left as they are.
    """
    libc = _gnu_libc()
    if libc is None:
        yield
        return
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)
    try:
        yield
    finally:
        libc.mallopt(M_MMAP_MAX, DEFAULT_MMAP_MAX)
        libc.mallopt(M_TRIM_THRESHOLD, DEFAULT_TRIM_THRESHOLD)
        libc.malloc_trim(0)


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error is torch's for want of memory, which on a CPU has no class of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _gnu_libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
