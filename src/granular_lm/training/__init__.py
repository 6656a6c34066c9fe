"""Training: one loop for every codec and device."""

from granular_lm.training.api import fit, train
from granular_lm.training.checkpoint import Checkpoint
from granular_lm.training.curve import write_metrics
from granular_lm.training.options import Progress, TrainingOptions
from granular_lm.training.schedule import Budget
from granular_lm.training.trainer import Trainer

__all__ = [
    "Budget",
    "Checkpoint",
    "Progress",
    "Trainer",
    "TrainingOptions",
    "fit",
    "train",
    "write_metrics",
]
