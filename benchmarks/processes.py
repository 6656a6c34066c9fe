"""Jobs in processes of their own: what one leaves behind in memory or in caches is no help and no harm to the next."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


def in_new_process(function: Callable[P, Result], *args: P.args, **settings: P.kwargs) -> Result:
    """Return what a function of a module's top level returns, called in a Python that is started for it alone."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **settings).result()
