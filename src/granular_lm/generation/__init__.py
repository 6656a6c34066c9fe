"""Generation: drawing strings from a language model."""

from granular_lm.generation.continuations import Continuation
from granular_lm.generation.generator import Generator
from granular_lm.generation.options import SamplingOptions
from granular_lm.generation.sample import Sample

__all__ = ["Continuation", "Generator", "Sample", "SamplingOptions"]
