"""The network's shape, its parameters by name, and the file that holds them.

The names and shapes are those of `torch.nn.LSTM`, so the file loads into the torch network and into the numpy
runtime alike. Parameters are float32 in safetensors: no pickle, nothing that can run.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from granular_lm.checks import check_integer, check_number, take_plain_numbers
from granular_lm.errors import ModelError, OptionError

Weights = Mapping[str, NDArray[np.float32]]
WEIGHTS_FILE = "model.safetensors"
MOST = 1_000_000  # of ids, units or layers: a larger number is a slip of the finger

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"embedding_dim": 48, "hidden_size": 192, "num_layers": 1, "dropout": 0.0},
    "small": {"embedding_dim": 64, "hidden_size": 256, "num_layers": 1, "dropout": 0.0},
    "medium": {"embedding_dim": 128, "hidden_size": 512, "num_layers": 1, "dropout": 0.1},
    "large": {"embedding_dim": 256, "hidden_size": 1024, "num_layers": 2, "dropout": 0.2},
    # The network of the post that this project grew out of.
    "seed": {"embedding_dim": 256, "hidden_size": 512, "num_layers": 4, "dropout": 0.5},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The shape of an LSTM language model.

    Attributes:
        vocab_size: Number of ids, the stop included (V).
        embedding_dim: Width of the input embedding (E).
        hidden_size: Width of each LSTM layer (H).
        num_layers: Depth of the stack (L).
        dropout: Share of each layer's outputs dropped in training, the last layer's included.
        weight_dropout: Share of each layer's recurrent weights dropped in training, the same at all steps of a window.
        tie_embeddings: Whether the output layer is the transposed embedding; needs E = H.

    Raises:
        OptionError: A value is out of range.
    """

    vocab_size: int
    embedding_dim: int = 64
    hidden_size: int = 256
    num_layers: int = 1
    dropout: float = 0.0
    weight_dropout: float = 0.0
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        for name in ("vocab_size", "embedding_dim", "hidden_size", "num_layers"):
            check_integer(name, getattr(self, name), least=1, most=MOST)
        for name in ("dropout", "weight_dropout"):
            below_one = "a number from 0 up to, not including, 1"
            check_number(name, getattr(self, name), below_one, within=lambda share: 0 <= share < 1)
        if self.tie_embeddings and self.embedding_dim != self.hidden_size:
            raise OptionError(
                f"tie_embeddings needs embedding_dim equal to hidden_size, met {self.embedding_dim} and "
                f"{self.hidden_size}; make them equal."
            )

    @classmethod
    def preset(cls, name: str, *, vocab_size: int, **changes: Any) -> Self:
        """Return a named shape, with ``changes`` to single values.

        Raises:
            OptionError: No preset has that name.
        """
        if name not in PRESETS:
            raise OptionError(f"no preset is named {name!r}; accepted: {', '.join(PRESETS)}.")
        return cls.from_dict({"vocab_size": vocab_size, **PRESETS[name], **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the shape that `to_dict` wrote.

        Raises:
            OptionError: A key is unknown or missing.
        """
        known = {field.name for field in fields(cls)}
        if unknown := set(values) - known:
            raise OptionError(f"unknown network setting {min(unknown)!r}; accepted: {', '.join(sorted(known))}.")
        if "vocab_size" not in values:
            raise OptionError("the network settings lack 'vocab_size'.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the shape as JSON values."""
        return asdict(self)


def check_changes(changes: Mapping[str, Any]) -> None:
    """Raise `OptionError` if changes to a shape say how many ids there are, which the codec does."""
    if "vocab_size" in changes:
        raise OptionError(f"vocab_size={changes['vocab_size']!r} follows from the codec; leave it out.")


def parameter_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every parameter, in file order."""
    v, e, h = config.vocab_size, config.embedding_dim, config.hidden_size
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (v, e)}
    for layer in range(config.num_layers):
        shapes[f"lstm.weight_ih_l{layer}"] = (4 * h, h if layer else e)
        shapes[f"lstm.weight_hh_l{layer}"] = (4 * h, h)
        shapes[f"lstm.bias_ih_l{layer}"] = (4 * h,)
        shapes[f"lstm.bias_hh_l{layer}"] = (4 * h,)
    if not config.tie_embeddings:
        shapes["head.weight"] = (v, h)
    shapes["head.bias"] = (v,)
    return shapes


def num_parameters(config: ModelConfig) -> dict[str, int]:
    """Return how many parameters the embedding, the LSTM stack and the output layer hold."""
    counts = {"embedding": 0, "lstm": 0, "head": 0}
    for name, shape in parameter_shapes(config).items():
        counts[name.partition(".")[0]] += math.prod(shape)
    return counts


def flops_per_token(config: ModelConfig) -> int:
    """Return the multiply-add FLOPs of one training step per token: forward once, backward twice.

    Embedding look-ups and element-wise work are not counted. Source: Kaplan et al. 2020, section 2.1, with the
    matrices of an LSTM: 3 · 2 · (Σ_l 4 h (in_l + h) + h V).
    """
    h = config.hidden_size
    inputs = [config.embedding_dim, *[h] * (config.num_layers - 1)]
    return 6 * (sum(4 * h * (width + h) for width in inputs) + h * config.vocab_size)


def save_weights(weights: Weights, path: Path) -> None:
    """Write the parameters as float32, contiguous, in file order."""
    arrays = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in weights.items()}
    path.write_bytes(save(arrays, metadata={"format": "granular-lm"}))


def weights_hash(weights: Weights) -> str:
    """Return the SHA-256 of the parameters, as they would be written."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name], dtype=np.float32).tobytes())
    return digest.hexdigest()


def load_weights(path: Path, config: ModelConfig) -> dict[str, NDArray[np.float32]]:
    """Read the parameters of a network of this shape.

    Raises:
        ModelError: The file is missing or damaged, or holds other parameters than the shape calls for.
    """
    try:
        loaded = load_file(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; copy the whole model folder, or train the model again.") from error
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise ModelError(
            f"{path} is not a readable safetensors file ({error}); copy or train the model again."
        ) from error
    check_weights(loaded, config, origin=str(path))
    return loaded


def check_weights(weights: Weights, config: ModelConfig, *, origin: str) -> None:
    """Raise `ModelError` unless these are float32 parameters of exactly this shape, all of them finite."""
    expected = parameter_shapes(config)
    for name in sorted(set(expected) ^ set(weights)):
        problem = "lacks" if name in expected else "holds an unexpected"
        raise ModelError(f"{origin} {problem} parameter {name!r}; config.json belongs to another model.")
    for name, shape in expected.items():
        found = weights[name]
        if found.shape != shape or found.dtype != np.float32:
            raise ModelError(
                f"{origin}: parameter {name!r} is {found.dtype} {found.shape}, expected float32 {shape}; "
                "config.json belongs to another model."
            )
        if not np.isfinite(found).all():
            raise ModelError(f"{origin}: parameter {name!r} holds NaN or infinity; train the model again.")
