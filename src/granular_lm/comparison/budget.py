"""How many bytes every codec gets to read.

Under ``match="data"`` all codecs read the same bytes. A time budget is turned into bytes by timing each codec for a
few seconds, so that the slowest keeps to it; the outcome is kept, because a job is found again by its bytes.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from granular_lm.codecs import Codec
from granular_lm.comparison.plan import Plan
from granular_lm.weights import ModelConfig

PROBE_SECONDS = 4.0
PROBE_DOCUMENTS = 20_000
ROUND_TO = 10_000
TRAINING_SHARE = 0.93  # the rest of a job's time goes into evaluations


def planned_bytes(
    plan: Plan,
    codecs: Mapping[str, Codec],
    documents: Sequence[str],
    *,
    corpus_bytes: int,
    on_stage: Callable[[str], None],
) -> int:
    """Return the bytes that every job reads under the plan's budget of bytes, passes or seconds."""
    from granular_lm.token_store import TokenStore
    from granular_lm.training import TrainingOptions
    from granular_lm.training.speed import bytes_per_second

    budget = plan.budget
    if budget.max_bytes is not None:
        return budget.max_bytes
    if budget.epochs is not None:
        return max(1, round(budget.epochs * corpus_bytes))
    assert budget.seconds is not None
    speeds = {}
    for name, codec in codecs.items():
        on_stage(f"timing {name}")
        config = ModelConfig.from_dict({**plan.network, "vocab_size": codec.vocab_size})
        sample = documents[:: max(1, len(documents) // PROBE_DOCUMENTS)]
        with tempfile.TemporaryDirectory() as folder:
            store = TokenStore.write(codec, sample, Path(folder))
            speeds[name] = bytes_per_second(config, store, TrainingOptions(**plan.options), seconds=PROBE_SECONDS)
    affordable = min(speeds.values()) * budget.seconds * TRAINING_SHARE
    return max(ROUND_TO, int(affordable) // ROUND_TO * ROUND_TO)
