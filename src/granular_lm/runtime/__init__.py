"""Inference without torch: ids and a state in, what may come next and a state out."""

from granular_lm.runtime.engine import Cursor, NumpyEngine, State, log_softmax, select_rows

__all__ = ["Cursor", "NumpyEngine", "State", "log_softmax", "select_rows"]
