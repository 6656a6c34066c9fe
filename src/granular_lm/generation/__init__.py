"""Generation: drawing strings from a language model."""

from granular_lm.generation.generator import Generator
from granular_lm.generation.sample import Sample

__all__ = ["Generator", "Sample"]
