"""Jobs in processes of their own: what one leaves behind in memory or in caches is no help and no harm to the next."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def in_new_process(function: Callable[P, Result], *args: P.args, **settings: P.kwargs) -> Result:
    """Return what a function of a module's top level returns, called in a Python that is started for it alone."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **settings).result()


def peak_memory_bytes() -> int | None:
    """Return the most memory that this process has held, or None where the system does not say.

    Not ``ru_maxrss``: on Linux that starts with what the parent process held.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
