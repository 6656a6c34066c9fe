"""Which development documents an evaluation reads."""

import math
from collections.abc import Iterator

from granular_lm.batching import Batches, TokenStore, Window
from granular_lm.training.options import TrainingOptions

EVALUATED_SHARE = 0.015
"""Bytes that one evaluation reads, as a share of the whole budget: ten of them take about a twentieth of the time."""

FEWEST_EVALUATED_BYTES, MOST_EVALUATED_BYTES = 16_384, 200_000
WINDOWS_PER_SEGMENT = 64
ROWS = 8  # times as many as in training: without gradients larger batches cost no memory


class DevelopmentSet:
    """A seeded sample of the development documents, the same at each evaluation.

    Only a document of many windows is cut into segments that start from the zero state.
    """

    def __init__(self, store: TokenStore, options: TrainingOptions, *, window_bytes: int) -> None:
        self._batches = Batches(
            store,
            batch_bytes=ROWS * options.batch_bytes,
            window_bytes=window_bytes,
            windows_per_segment=WINDOWS_PER_SEGMENT,
            seed=options.seed,
        )

    def batches(self, max_bytes: int) -> Iterator[Iterator[Window]]:
        """Yield the windows of each batch until about ``max_bytes`` are read."""
        left = max_bytes

        def affordable(windows: list[Window]) -> Iterator[Window]:
            nonlocal left
            for window in windows:
                if left <= 0:
                    return
                left -= window.num_bytes
                yield window

        for windows in self._batches.epoch(0):
            if left <= 0:
                return
            yield affordable(windows)


def affordable_bytes(bytes_seen: int, progress: float) -> int:
    """Return how many bytes an evaluation may read, from how far a run has come."""
    expected = bytes_seen / progress if progress else math.inf
    affordable = min(EVALUATED_SHARE * expected, MOST_EVALUATED_BYTES)
    return int(max(affordable, FEWEST_EVALUATED_BYTES))
