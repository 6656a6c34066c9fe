"""Lossless compression with a model: what it finds likely becomes short, on any machine."""

from granular_lm.compression.api import compress, compress_message, decompress, decompress_message
from granular_lm.compression.proof import Proof, prove

__all__ = ["Proof", "compress", "compress_message", "decompress", "decompress_message", "prove"]
