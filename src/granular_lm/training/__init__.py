"""Training: one loop for every codec and device."""

from granular_lm.training.api import fit, train
from granular_lm.training.curve import MetricsRecorder
from granular_lm.training.schedule import Budget
from granular_lm.training.trainer import Progress, Trainer, TrainingOptions

__all__ = ["Budget", "MetricsRecorder", "Progress", "Trainer", "TrainingOptions", "fit", "train"]
