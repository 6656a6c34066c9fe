"""Freed memory is kept while training, and given back after it."""

import json
import subprocess
import sys

import pytest

from granular_lm.training import memory
from granular_lm.training.memory import freed_memory_kept

needs_gnu_libc = pytest.mark.skipif(memory._gnu_libc() is None, reason="the settings are those of the GNU C library")

PROGRAM = """
import json, resource
from pathlib import Path
import numpy as np
from granular_lm.training.memory import freed_memory_kept

def resident_after_a_block():
    np.ones(25_000_000)  # 200 MB, freed at once
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

told = {"before": resident_after_a_block()}
try:
    with freed_memory_kept():
        told["within"] = resident_after_a_block()
        1 / 0
except ZeroDivisionError:
    told["after"] = resident_after_a_block()
print(json.dumps(told))
"""


@needs_gnu_libc
def test_a_large_block_comes_from_what_was_freed() -> None:
    """Within, 200 MB stay when they are freed; at the end, also after an error, all is as before.

    In a process of its own: what other tests have freed would hide it.
    """
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    resident = json.loads(ran.stdout)
    assert resident["within"] - resident["before"] > 150_000_000
    assert resident["after"] - resident["before"] < 50_000_000


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere nothing is asked of them."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory._gnu_libc() is None
    with freed_memory_kept():
        pass
