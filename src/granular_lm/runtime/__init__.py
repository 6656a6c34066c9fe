"""Inference without torch: ids and a state in, next-token log-probabilities and a state out."""

from granular_lm.runtime.engine import NumpyEngine, State, fill_holes, select_rows

__all__ = ["NumpyEngine", "State", "fill_holes", "select_rows"]
