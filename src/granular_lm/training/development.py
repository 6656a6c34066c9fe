"""The development loss: which documents an evaluation reads, and what they cost."""

from granular_lm.batching import Batches
from granular_lm.token_store import TokenStore
from granular_lm.training.calibration import Surprise
from granular_lm.training.parallel import Parallel

EVALUATED_SHARE = 0.015
"""Bytes that one evaluation reads, as a share of the whole budget: ten of them take about a twentieth of the time."""

FEWEST_EVALUATED_BYTES, MOST_EVALUATED_BYTES = 16_384, 200_000
WINDOWS_PER_SEGMENT = 8
LARGER = 8  # times the batch and the window of training: without gradients they cost no memory


class DevelopmentSet:
    """A seeded sample of the development documents: the same at each evaluation, whatever the codec and the batches.

    Only a document of many windows is cut into segments that start from the zero state.

    Attributes:
        num_bytes: Of all development documents.
    """

    def __init__(self, store: TokenStore, *, batch_bytes: int, window_bytes: int, seed: int) -> None:
        self.num_bytes = int(store.num_bytes.sum())
        self._store, self._seed = store, seed
        self._batch_bytes, self._window_bytes = LARGER * batch_bytes, LARGER * window_bytes

    def read(self, parallel: Parallel, max_bytes: int, sharpness: float) -> tuple[Surprise, int]:
        """Return what a network makes of documents of about ``max_bytes``, and how many bytes those were.

        Args:
            parallel: The network.
            max_bytes: How much to read.
            sharpness: What its logits are multiplied by.
        """
        total, num_bytes = Surprise(), 0
        for windows in self._sample(max_bytes).epoch(0):
            states = parallel.zero_states()
            for window in windows:
                of_window, states = parallel.surprise(window, states, sharpness)
                total += of_window
                num_bytes += window.num_bytes
        return total, num_bytes

    def _sample(self, max_bytes: int) -> Batches:
        return Batches(
            self._store,
            batch_bytes=self._batch_bytes,
            window_bytes=self._window_bytes,
            windows_per_segment=WINDOWS_PER_SEGMENT,
            share=max_bytes / max(self.num_bytes, 1),
            seed=self._seed,
        )


def affordable_bytes(expected: float) -> int:
    """Return how many bytes an evaluation may read, from how many a run is expected to read."""
    return int(min(max(EVALUATED_SHARE * expected, FEWEST_EVALUATED_BYTES), MOST_EVALUATED_BYTES))
