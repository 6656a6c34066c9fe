"""The comparison: one LSTM recipe, several codecs, the same data, one number."""

from granular_lm.comparison.api import compare
from granular_lm.comparison.launch import Launch
from granular_lm.comparison.results import Comparison

__all__ = ["Comparison", "Launch", "compare"]
