"""How many bytes every job gets to read.

Unless seconds are what is held equal, all jobs read the same bytes. A time budget is turned into bytes by timing each
entry for a few seconds, so that the slowest keeps to it; the outcome is kept, because a job is found again by it.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from granular_lm.codecs import Codec
from granular_lm.token_store import TokenStore
from granular_lm.weights import ModelConfig

PROBE_SECONDS = 4.0
PROBE_DOCUMENTS = 20_000
ROUND_TO = 10_000
TRAINING_SHARE = 0.93  # the rest of a job's time goes into evaluations


def affordable_bytes(
    shapes: Mapping[str, tuple[Codec, Mapping[str, Any]]],
    documents: Sequence[str],
    options: Mapping[str, Any],
    *,
    seconds: float,
    on_stage: Callable[[str], None],
) -> int:
    """Return the bytes that the slowest of some networks reads in a time.

    Args:
        shapes: Codec and settings of `ModelConfig`, by name.
        documents: The training documents.
        options: Settings of `TrainingOptions`.
        seconds: The time of each.
        on_stage: Told in a few words what is being done.
    """
    from granular_lm.training import TrainingOptions
    from granular_lm.training.speed import bytes_per_second

    sample = documents[:: max(1, len(documents) // PROBE_DOCUMENTS)]
    speeds = []
    for name, (codec, shape) in shapes.items():
        on_stage(f"timing {name}")
        config = ModelConfig.from_dict({**shape, "vocab_size": codec.vocab_size})
        with tempfile.TemporaryDirectory() as folder:
            store = TokenStore.write(codec, sample, Path(folder))
            speeds.append(bytes_per_second(config, store, TrainingOptions(**options), seconds=PROBE_SECONDS))
    affordable = min(speeds) * seconds * TRAINING_SHARE
    return max(ROUND_TO, int(affordable) // ROUND_TO * ROUND_TO)
