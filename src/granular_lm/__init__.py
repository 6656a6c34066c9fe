"""Small language models of short strings, at any level: bytes, characters, subwords.

Names are loaded on first use, so that ``import granular_lm`` costs next to nothing and sampling never loads torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "Codec": "codecs",
    "Comparison": "comparison",
    "Generator": "generation",
    "LanguageModel": "model",
    "Launch": "comparison",
    "ModelConfig": "weights",
    "Sample": "generation",
    "Score": "scoring",
    "available_codecs": "codecs",
    "bits_per_byte": "scoring",
    "bundled_models": "model",
    "compare": "comparison",
    "compress": "compression",
    "decompress": "compression",
    "generate_bios": "corpus.bios",
    "load_codec": "codecs",
    "read_documents": "corpus.readers",
    "train": "training",
    "train_codec": "codecs",
}

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from granular_lm.codecs import Codec as Codec
    from granular_lm.codecs import available_codecs as available_codecs
    from granular_lm.codecs import load_codec as load_codec
    from granular_lm.codecs import train_codec as train_codec
    from granular_lm.comparison import Comparison as Comparison
    from granular_lm.comparison import Launch as Launch
    from granular_lm.comparison import compare as compare
    from granular_lm.compression import compress as compress
    from granular_lm.compression import decompress as decompress
    from granular_lm.corpus.bios import generate_bios as generate_bios
    from granular_lm.corpus.readers import read_documents as read_documents
    from granular_lm.generation import Generator as Generator
    from granular_lm.generation import Sample as Sample
    from granular_lm.model import LanguageModel as LanguageModel
    from granular_lm.model import bundled_models as bundled_models
    from granular_lm.scoring import Score as Score
    from granular_lm.scoring import bits_per_byte as bits_per_byte
    from granular_lm.training import train as train
    from granular_lm.weights import ModelConfig as ModelConfig


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names: {', '.join(__all__)}.")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)
