"""Work on one chunk of documents after another, in several processes where that is wanted."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WAITING_EACH = 3
"""Chunks that wait, for each process: enough that none is idle, and few to hold."""


class Map(Protocol):
    """Calls a function on items as `map` does."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """Yield the results in the order of the items."""
        ...


@contextmanager
def workers(jobs: int) -> Iterator[Map]:
    """Give a `map` that keeps ``jobs`` processes busy; with one, it is `map` itself.

    What it calls has to be a function of a module's top level, or a `functools.partial` of one.
    """
    if jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:

        def in_order(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
            return _in_order(pool, jobs * WAITING_EACH, function, items)

        yield in_order


def _in_order(pool: Executor, most: int, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
