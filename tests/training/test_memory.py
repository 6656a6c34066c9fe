"""Freed memory is kept while training, and given back after it."""

import gc
import sys
from pathlib import Path

import pytest
import torch

from granular_lm.training import memory
from granular_lm.training.memory import freed_memory_kept

needs_gnu_libc = pytest.mark.skipif(memory._gnu_libc() is None, reason="the settings are those of the GNU C library")


def resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096


@needs_gnu_libc
def test_a_large_block_comes_from_what_was_freed() -> None:
    """Within, 200 MB stay when they are freed; at the end, also after an error, they are given back."""
    gc.collect()
    before = resident_bytes()
    with pytest.raises(ZeroDivisionError), freed_memory_kept():
        block = torch.ones(50_000_000)
        del block
        assert resident_bytes() - before > 150_000_000
        raise ZeroDivisionError
    assert resident_bytes() - before < 100_000_000
    block = torch.ones(50_000_000)
    del block
    assert resident_bytes() - before < 100_000_000


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere nothing is asked of them."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory._gnu_libc() is None
    with freed_memory_kept():
        pass
