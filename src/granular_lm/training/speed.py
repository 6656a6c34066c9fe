"""How fast a network trains on this machine, by trying."""

from granular_lm.batching import Batches
from granular_lm.token_store import TokenStore
from granular_lm.training.options import TrainingOptions
from granular_lm.training.schedule import Budget
from granular_lm.training.trainer import Trainer
from granular_lm.weights import ModelConfig

WARM_UP_UPDATES = 4


def bytes_per_second(config: ModelConfig, store: TokenStore, options: TrainingOptions, *, seconds: float) -> float:
    """Return the training speed.

    A few updates come before the trial, because the first one loads a good part of torch; and the first half of the
    trial is not counted, in which kernels are prepared.

    Raises:
        KeyboardInterrupt: Ctrl-C during the trial.
    """
    for budget in (warm_up(store, options), Budget(seconds=seconds)):
        trial = Trainer(config, store, None, budget=budget, options=options)
        trial.run()
        if trial.ended == "interrupted":
            raise KeyboardInterrupt
    points = trial.metrics.points  # every process has the same: their seconds are the main one's
    middle, last = points[len(points) // 2], points[-1]
    if middle is last:
        return float(last["bytes_seen"] / last["seconds"])
    return float((last["bytes_seen"] - middle["bytes_seen"]) / (last["seconds"] - middle["seconds"]))


def warm_up(store: TokenStore, options: TrainingOptions) -> Budget:
    """Return the budget of a few updates, each of which reads a batch or, if that is less, all there is."""
    batch_bytes = Batches(store, batch_bytes=options.batch_bytes).batch_bytes
    return Budget(max_bytes=WARM_UP_UPDATES * min(batch_bytes, int(store.num_bytes.sum())))
