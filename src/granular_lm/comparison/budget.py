"""How many bytes every codec gets to read.

Under ``match="data"`` all codecs read the same bytes. A time budget is turned into bytes by timing each codec for a
few seconds, so that the slowest keeps to it; the outcome is kept, because a job is found again by its bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from granular_lm.codecs import Codec
from granular_lm.comparison.plan import Plan
from granular_lm.weights import ModelConfig

if TYPE_CHECKING:
    from granular_lm.training import TrainingOptions

PROBE_SECONDS = 4.0
PROBE_DOCUMENTS = 20_000
ROUND_TO = 10_000


def planned_bytes(
    plan: Plan,
    codecs: Mapping[str, Codec],
    documents: Sequence[str],
    *,
    corpus_bytes: int,
    on_stage: Callable[[str], None],
) -> int:
    """Return the bytes that every job reads under the plan's budget of bytes, passes or seconds."""
    from granular_lm.training import TrainingOptions

    budget = plan.budget
    if budget.max_bytes is not None:
        return budget.max_bytes
    if budget.epochs is not None:
        return round(budget.epochs * corpus_bytes)
    assert budget.seconds is not None
    speeds = {}
    for name, codec in codecs.items():
        on_stage(f"timing {name}")
        config = ModelConfig.from_dict({**plan.network, "vocab_size": codec.vocab_size})
        speeds[name] = bytes_per_second(codec, documents[:PROBE_DOCUMENTS], config, TrainingOptions(**plan.options))
    return max(ROUND_TO, int(min(speeds.values()) * budget.seconds) // ROUND_TO * ROUND_TO)


def bytes_per_second(codec: Codec, documents: Sequence[str], config: ModelConfig, options: "TrainingOptions") -> float:
    """Return the training speed, the preparation of kernels in the first half of the probe not counted."""
    from granular_lm.training import Budget, Progress, Trainer, fit

    seen: list[Progress] = []

    def note(_: Trainer, told: Progress) -> None:
        seen.append(told)

    once = replace(options, evaluations=1)
    fit(
        codec,
        config,
        documents,
        documents[:1],
        budget=Budget(seconds=PROBE_SECONDS),
        options=once,
        on_progress=note,
    )
    if len(seen) < 3:
        return seen[-1].bytes_seen / seen[-1].seconds
    middle, last = seen[len(seen) // 2], seen[-2]  # the last one includes an evaluation
    return (last.bytes_seen - middle.bytes_seen) / max(last.seconds - middle.seconds, 1e-9)
