"""How many threads an update uses.

The threads of a matrix product wait for each other actively. Where something else runs on one of the cores, all wait
for the one that is delayed, and training on every core can be several times slower than on one. So now and then a
few updates are timed with one thread and with all, and the faster number goes on. What is computed is the same.
"""

import statistics
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch

TRIED_UPDATES = 5
FIRST_INTERVAL, LONGEST_INTERVAL = 2.0, 60.0  # seconds between two trials
GAIN = 1.1
"""How much faster the other number has to be: with less, the choice would follow the noise."""


class ThreadChooser:
    """Chooses between one thread and all of them by timing updates of like size.

    Args:
        most: How many threads there are to use.

    Attributes:
        threads: The present choice.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.threads = most
        self._interval = FIRST_INTERVAL
        self._next_trial = time.perf_counter() + FIRST_INTERVAL
        self._recent: deque[float] = deque(maxlen=TRIED_UPDATES)  # seconds of updates with the present number
        self._tried: list[float] = []  # and with the other, in the trial that is on

    @contextmanager
    def update(self) -> Iterator[None]:
        """Run one update with the number of threads that is due, and time it."""
        if self.most == 1:
            yield
            return
        is_trial = len(self._recent) == TRIED_UPDATES and time.perf_counter() >= self._next_trial
        torch.set_num_threads(self._other if is_trial else self.threads)
        started = time.perf_counter()
        yield
        (self._tried if is_trial else self._recent).append(time.perf_counter() - started)
        if len(self._tried) == TRIED_UPDATES:
            self._decide()

    def restore(self) -> None:
        """Set torch's number of threads back to all."""
        if self.most > 1:
            torch.set_num_threads(self.most)

    @property
    def _other(self) -> int:
        return 1 if self.threads == self.most else self.most

    def _decide(self) -> None:
        """Switch if the trial was faster; the longer a choice holds, the rarer it is put to the test."""
        is_faster = statistics.median(self._tried) * GAIN < statistics.median(self._recent)
        if is_faster:
            self.threads = self._other
            self._recent.clear()
        self._interval = FIRST_INTERVAL if is_faster else min(2 * self._interval, LONGEST_INTERVAL)
        self._next_trial = time.perf_counter() + self._interval
        self._tried.clear()
