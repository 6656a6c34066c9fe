"""The development loss: which documents an evaluation reads, and what they cost."""

from granular_lm.batching import Batches, Window
from granular_lm.token_store import TokenStore
from granular_lm.training.calibration import Surprise
from granular_lm.training.parallel import Parallel

EVALUATED_SHARE = 0.015
"""Bytes that one evaluation reads, as a share of the whole budget: ten of them take about a twentieth of the time."""

FEWEST_EVALUATED_BYTES, MOST_EVALUATED_BYTES = 16_384, 200_000
WINDOWS_PER_SEGMENT = 8
LARGER = 8  # times the batch and the window of training: without gradients they cost no memory


class DevelopmentSet:
    """A seeded sample of the development documents, whatever the codec and the size of a batch.

    Only a document of many windows is cut into segments that start from the zero state.
    """

    def __init__(self, store: TokenStore, *, batch_bytes: int, window_bytes: int, seed: int) -> None:
        self._store, self._seed = store, seed
        self._batch_bytes, self._window_bytes = LARGER * batch_bytes, LARGER * window_bytes
        self._sample: list[list[Window]] = []

    def read(self, parallel: Parallel, max_bytes: int, sharpness: float) -> tuple[Surprise, int]:
        """Return what a network makes of the sample, and how many bytes that has.

        Args:
            parallel: The network.
            max_bytes: About how much to read; the first call decides for all.
            sharpness: What the network's logits are multiplied by.
        """
        self._sample = self._sample or self._drawn(max_bytes)
        total = Surprise()
        for windows in self._sample:
            states = parallel.zero_states()
            for window in windows:
                of_window, states = parallel.surprise(window, states, sharpness)
                total += of_window
        return total, sum(window.num_bytes for windows in self._sample for window in windows)

    def _drawn(self, max_bytes: int) -> list[list[Window]]:
        batches = Batches(
            self._store,
            batch_bytes=self._batch_bytes,
            window_bytes=self._window_bytes,
            windows_per_segment=WINDOWS_PER_SEGMENT,
            share=max_bytes / self._store.num_bytes.sum(),
            seed=self._seed,
        )
        return list(batches.epoch(0))


def affordable_bytes(expected: float) -> int:
    """Return how many bytes an evaluation may read, from how many a run is expected to read."""
    return int(min(max(EVALUATED_SHARE * expected, FEWEST_EVALUATED_BYTES), MOST_EVALUATED_BYTES))
