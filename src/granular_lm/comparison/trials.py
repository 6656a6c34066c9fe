"""Equal tuning: each entry tries the same number of settings, and the development documents choose.

A setting scales the learning rates and sets the dropout. The first one is what was asked for; the others are spread
evenly over the ranges below, the same for every entry. Trials have a seed of their own, so the models that are
compared were not chosen for a lucky start, and the test documents are not looked at.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from granular_lm.comparison.job import Job

TRIAL_SEED = 2**31
LEAST_FACTOR, MOST_FACTOR = 0.4, 2.5
MOST_DROPOUT = 0.3
STEPS = (0.7548776662466927, 0.5698402909980532)
"""Multiples of these, modulo 1, fill the square evenly. Source: Roberts 2018, the R2 sequence."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a trial changes.

    Attributes:
        rate_factor: Of both learning rates.
        dropout: After each layer; None for what was asked for.
    """

    rate_factor: float = 1.0
    dropout: float | None = None

    def __str__(self) -> str:
        dropout = "" if self.dropout is None else f" and dropout {self.dropout}"
        return f"learning rates times {self.rate_factor}{dropout}"

    def to_dict(self) -> dict[str, Any]:
        """Return the setting as JSON values."""
        return asdict(self)

    def of(self, job: Job, *, seed: int, is_trial: bool) -> Job:
        """Return a job with this setting."""
        from granular_lm.training.options import TrainingOptions

        settled = TrainingOptions(**job.options).settled()
        rates = {name: getattr(settled, name) for name in ("learning_rate", "matrix_learning_rate")}
        scaled = {name: rate * self.rate_factor for name, rate in rates.items() if rate is not None}
        changed = job.network if self.dropout is None else {**job.network, "dropout": self.dropout}
        options = job.options if self == Setting() else {**job.options, **scaled}
        return replace(job, network=changed, options=options, seed=seed, is_trial=is_trial)


def settings(count: int) -> list[Setting]:
    """Return the settings that each entry tries.

    Examples:
        >>> settings(2)
        [Setting(rate_factor=1.0, dropout=None), Setting(rate_factor=1.595, dropout=0.17)]
    """
    return [Setting() if number == 0 else _spread(number) for number in range(count)]


def chosen(valid_bpb: Mapping[Setting, float]) -> Setting:
    """Return the setting with the fewest bits per byte on the development documents, the earliest of equals."""
    return min(valid_bpb, key=lambda setting: valid_bpb[setting])


def _spread(number: int) -> Setting:
    across, up = (number * step % 1 for step in STEPS)
    factor = LEAST_FACTOR * (MOST_FACTOR / LEAST_FACTOR) ** across
    return Setting(rate_factor=round(factor, 3), dropout=round(MOST_DROPOUT * up, 2))
