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
    """A seeded sample of the development documents, the same at each evaluation.

    Only a document of many windows is cut into segments that start from the zero state.
    """

    def __init__(self, store: TokenStore, *, batch_bytes: int, window_bytes: int, seed: int) -> None:
        self._batches = Batches(
            store,
            batch_bytes=LARGER * batch_bytes,
            window_bytes=LARGER * window_bytes,
            windows_per_segment=WINDOWS_PER_SEGMENT,
            seed=seed,
        )

    def read(self, parallel: Parallel, max_bytes: int, sharpness: float) -> tuple[Surprise, int]:
        """Return what a network makes of documents of about ``max_bytes``, and how many bytes those were.

        Args:
            parallel: The network.
            max_bytes: How much to read.
            sharpness: What its logits are multiplied by.
        """
        total, num_bytes = Surprise(), 0
        for windows in self._batches.epoch(0):
            states = parallel.zero_states()
            for window in windows:
                of_window, states = parallel.surprise(window, states, sharpness)
                total += of_window
                num_bytes += window.num_bytes
                if num_bytes >= max_bytes:
                    return total, num_bytes
        return total, num_bytes


def affordable_bytes(expected: float) -> int:
    """Return how many bytes an evaluation may read, from how many a run is expected to read."""
    return int(min(max(EVALUATED_SHARE * expected, FEWEST_EVALUATED_BYTES), MOST_EVALUATED_BYTES))
