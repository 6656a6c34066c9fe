"""Several blocks of work at once, each in a thread of its own.

numpy lets go of the interpreter while it computes, and its products are the only part of it that uses more than one
core by itself. So where there are several batches to read, one core for each is quicker than all cores for one.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import islice
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(work: Callable[[Item], Iterable[Result]], items: Sequence[Item]) -> Iterator[Iterable[Result]]:
    """Yield ``work(item)`` for each item, in order.

    A single item, or a single thread, is worked on while its results are asked for. Otherwise as many items as numpy's
    products would use threads are worked on at once, and each comes as a list. What an item raises is raised here.

    Args:
        work: What to do, without a share in anything that changes.
        items: What to do it with.
    """
    count = min(num_threads(), len(items)) if len(items) > 1 else 1
    if count == 1:
        yield from map(work, items)
        return
    with _ONE_EACH:
        tasks = (_Task(partial(work, item)) for item in items)
        running = deque(islice(tasks, count))
        while running:
            result = running.popleft().result()
            running.extend(islice(tasks, 1))
            yield result


def num_threads() -> int:
    """Return how many threads numpy's products use when nothing is running here."""
    return _ONE_EACH.before or _most_threads()


class _Task(threading.Thread, Generic[Result]):
    """A list being made. A thread that nobody waits for any more does not keep Python from ending."""

    def __init__(self, work: Callable[[], Iterable[Result]]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._results = list(self._work())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error

    def result(self) -> list[Result]:
        self.join()
        if self._error is not None:
            raise self._error
        return self._results


class _OneThreadEach:
    """While anybody is within, each of numpy's products uses the one thread that asks for it."""

    def __init__(self) -> None:
        self.before = 0
        self._lock = threading.Lock()
        self._within = 0
        self._restore: Callable[[], None] = lambda: None

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                self.before = _most_threads()
                self._restore = _controller().limit(limits=1, user_api="blas").restore_original_limits
            self._within += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._restore()
                self.before = 0


_ONE_EACH = _OneThreadEach()


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController  # not needed to draw a few strings, nor therefore loaded

    return ThreadpoolController()


def _most_threads() -> int:
    return max((library["num_threads"] for library in _controller().select(user_api="blas").info()), default=1)
