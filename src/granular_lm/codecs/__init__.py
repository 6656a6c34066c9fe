"""Text to token ids and back, at any level of resolution."""

from granular_lm.codecs.base import Codec, EncodedDocuments
from granular_lm.codecs.registry import available_codecs, codec_class
from granular_lm.codecs.spec import train_codec
from granular_lm.codecs.storage import load_codec, save_codec

__all__ = [
    "Codec",
    "EncodedDocuments",
    "available_codecs",
    "codec_class",
    "load_codec",
    "save_codec",
    "train_codec",
]
