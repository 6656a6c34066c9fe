"""A language model: a codec, weights, and an engine that computes the next token's probabilities.

A model is a folder:

    config.json          the network's shape, the codec's name and fingerprint, how it was trained
    model.safetensors    the parameters
    codec/               codec.json and the codec's own files
    documents.bin        fingerprints of the training documents, five bytes each: samples that are copies are known
    README.md            the model card

Nothing in it is a pickle and nothing in it names code to import.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec, load_codec, save_codec
from granular_lm.corpus.document_set import DocumentSet
from granular_lm.errors import ModelError, ModelNotFoundError
from granular_lm.files import new_folder
from granular_lm.runtime import Cursor, NumpyEngine, State
from granular_lm.scoring import Score, score_documents
from granular_lm.text import printable
from granular_lm.weights import (
    WEIGHTS_FILE,
    ModelConfig,
    Weights,
    check_weights,
    load_weights,
    num_parameters,
    save_weights,
)

FORMAT = "granular-lm model"
FORMAT_VERSION = 1
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"
DOCUMENTS_FILE = "documents.bin"
CODEC_FOLDER = "codec"
NAMES = (CONFIG_FILE, WEIGHTS_FILE, CODEC_FOLDER, CARD_FILE, DOCUMENTS_FILE)
"""All that a model folder may hold."""

FILES = [f"{CODEC_FOLDER}/*" if name == CODEC_FOLDER else name for name in NAMES]
"""The same as patterns of files."""

LABELS = {
    "valid_utf8_documents": "documents in valid UTF-8",
    "document_bytes": "bytes of a document",
    "corpus_bytes": "bytes of all documents",
    "seconds": "seconds of training",
    "valid_bpb": "development bits per byte",
    "valid_bytes": "development bytes",
    "valid_documents_trained_on": "distinct development documents that were trained on",
    "sharpness": "factor on the logits",
    "test_bpb": "test bits per byte",
}
"""What the model card calls what it does not call by its name."""

BUNDLED = Path(__file__).parent / "pretrained"


class LanguageModel:
    """A distribution over strings.

    Args:
        codec: Between text and ids.
        config: The network's shape; its vocabulary is the codec's.
        weights: The parameters, by name.
        training: What the model card should say of how it was made, as JSON values.
        documents: The training documents, for samples that have to be new.

    Raises:
        ModelError: Codec, shape and weights do not belong together.
    """

    def __init__(
        self,
        codec: Codec,
        config: ModelConfig,
        weights: Weights,
        *,
        training: Mapping[str, Any] | None = None,
        documents: DocumentSet | None = None,
    ) -> None:
        if config.vocab_size != codec.vocab_size:
            raise ModelError(
                f"the network has {config.vocab_size} ids, the codec {codec.name!r} has {codec.vocab_size}; "
                "give the codec that the network was trained with."
            )
        check_weights(weights, config, origin="the weights given")
        self.codec = codec
        self.config = config
        self.weights = dict(weights)
        self.training = dict(training or {})
        self.documents = documents

    @cached_property
    def _engine(self) -> NumpyEngine:
        return NumpyEngine(self.config, self.weights)

    def initial_state(self, batch_size: int = 1) -> State:
        """Return the state that ``batch_size`` strings start from: arrays whose second axis is the string."""
        return self._engine.initial_state(batch_size)

    def step(self, ids: NDArray[np.integer], state: State) -> tuple[NDArray[np.float32], State]:
        """Read one token of each string and return what comes next.

        Args:
            ids: Tokens just read, shape (B,); the stop id first of all.
            state: From the last step, or `initial_state`.

        Returns:
            Natural logarithms of the next token's probabilities, shape (B, V), and the new state.
        """
        return self._engine.step(ids, state)

    def cursor(self, state: State) -> Cursor:
        """Return a batch of strings to be read from left to right, quicker than by `step`: see `scoring.read_from`.

        What it reads comes as logits, which `granular_lm.runtime.log_softmax` turns into log-probabilities.
        """
        return self._engine.cursor(state)

    def score(self, documents: str | bytes | Iterable[str | bytes]) -> list[Score]:
        """Return the bits of each document; one document alone may be given as it is.

        Examples:
            >>> model = LanguageModel.from_pretrained("bios-byte")
            >>> [score] = model.score("coffee lover")
            >>> score.num_bytes, len(score.token_bits)
            (12, 13)
        """
        if isinstance(documents, str | bytes):
            documents = [documents]
        return list(score_documents(self, documents))

    @property
    def num_parameters(self) -> int:
        """How many parameters the network has."""
        return sum(num_parameters(self.config).values())

    def __repr__(self) -> str:
        c = self.config
        return (
            f"LanguageModel(codec={self.codec!r}, embedding_dim={c.embedding_dim}, hidden_size={c.hidden_size}, "
            f"num_layers={c.num_layers}, num_parameters={self.num_parameters})"
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder, whole or not at all.

        Raises:
            OutputExistsError: The folder exists and is not empty.
        """
        with new_folder(Path(folder)) as work:
            self.write_into(work, title=printable(Path(folder).resolve().name))

    def write_into(self, folder: Path, *, title: str) -> None:
        """Write the files of the model folder into an existing, empty folder."""
        described = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "network": self.config.to_dict(),
            "codec": {"name": self.codec.name, "fingerprint": self.codec.fingerprint()},
            "training": self.training,
        }
        text = json.dumps(described, indent=2, ensure_ascii=True) + "\n"
        (folder / CONFIG_FILE).write_text(text, encoding="utf-8")
        save_weights(self.weights, folder / WEIGHTS_FILE)
        if self.documents is not None:
            self.documents.save(folder / DOCUMENTS_FILE)
        (folder / CODEC_FOLDER).mkdir()
        save_codec(self.codec, folder / CODEC_FOLDER)
        (folder / CARD_FILE).write_text(_model_card(self, title), encoding="utf-8")

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "LanguageModel":
        """Return a model from a folder, the bundled ones, or the Hugging Face Hub, looked for in this order.

        Args:
            name_or_folder: A model folder, one of `bundled_models`, or a Hub id ``"user/model"``.

        Raises:
            ModelNotFoundError: None of the three has it.
            ModelError: The folder has a missing, damaged or foreign file, or one that may not be read.
        """
        folder = _find_folder(str(name_or_folder))
        _check_readable(folder)
        described = _read_config(folder / CONFIG_FILE)
        try:
            config = ModelConfig.from_dict(described["network"])
            fingerprint = described["codec"]["fingerprint"]
            training = dict(described["training"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder / CONFIG_FILE} is damaged ({error}); copy or train the model again.") from error
        if not (folder / CODEC_FOLDER / "codec.json").is_file():
            raise ModelError(f"{folder / CODEC_FOLDER / 'codec.json'} is missing; copy the whole model folder.")
        codec = load_codec(folder / CODEC_FOLDER)
        if codec.fingerprint() != fingerprint:
            raise ModelError(
                f"{folder / CODEC_FOLDER} belongs to another model than {CONFIG_FILE}; copy the whole folder."
            )
        known = DocumentSet.load(folder / DOCUMENTS_FILE) if (folder / DOCUMENTS_FILE).is_file() else None
        return cls(codec, config, load_weights(folder / WEIGHTS_FILE, config), training=training, documents=known)

    def push_to_hub(self, repo_id: str, *, private: bool = False) -> str:
        """Upload the model folder to the Hugging Face Hub and return its address; needs a login there."""
        import tempfile

        from huggingface_hub import HfApi

        api = HfApi()
        with tempfile.TemporaryDirectory() as temporary:
            self.write_into(Path(temporary), title=repo_id)
            api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=Path(temporary))
        return f"https://huggingface.co/{repo_id}"


def bundled_models() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob(f"*/{CONFIG_FILE}"))


def _find_folder(name: str) -> Path:
    if name and Path(name).is_dir():
        return Path(name)
    if name in bundled_models():
        return BUNDLED / name
    parts = name.split("/")
    if len(parts) == 2 and all(parts) and not Path(name).exists() and not name.startswith((".", "~")):
        return _download(name)
    raise ModelNotFoundError(
        f"no model is at {name!r}: it is no folder here; bundled: {', '.join(bundled_models())}. "
        "Give a model folder, a bundled name, or a Hub id 'user/model'."
    )


def _download(repo_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo_id, allow_patterns=FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelNotFoundError(
            f"no model is at {repo_id!r}: it is no folder here, and the Hub did not give it ({reason}); "
            f"bundled: {', '.join(bundled_models())}."
        ) from error


def _check_readable(folder: Path) -> None:
    """Raise `ModelError` if there is something in the folder that may not be read; what is missing is told later."""
    names = (CONFIG_FILE, WEIGHTS_FILE, DOCUMENTS_FILE, f"{CODEC_FOLDER}/codec.json")
    for path in chain((folder / name for name in names), (folder / CODEC_FOLDER).glob("*")):
        try:
            path.open("rb").close()
        except PermissionError as error:
            raise ModelError(
                f"{path} cannot be read ({error.strerror}); give yourself the right to read it."
            ) from error
        except OSError:
            continue


def _read_config(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing; give a folder that `granular-lm train` wrote.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not readable JSON ({error}); copy or train the model again.") from error
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise ModelError(f"{path} does not describe a granular-lm model; give a folder that `granular-lm train` wrote.")
    if described.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{path} has format version {described.get('format_version')!r}, this granular-lm reads "
            f"{FORMAT_VERSION}; upgrade granular-lm, or train the model again."
        )
    return described


def _model_card(model: LanguageModel, title: str) -> str:
    from huggingface_hub import ModelCardData

    header = ModelCardData(library_name="granular-lm", pipeline_tag="text-generation", tags=["lstm", model.codec.name])
    c = model.config
    facts = {
        "codec": f"{model.codec.name}, {model.codec.vocab_size} ids",
        "parameters": f"{model.num_parameters:,}",
    }
    facts["network"] = f"{c.num_layers} LSTM layer(s) of {c.hidden_size}, embedding {c.embedding_dim}"
    facts |= {LABELS.get(key, key.replace("_", " ")): _shown(value) for key, value in model.training.items()}
    rows = "\n".join(f"| {key} | {value} |" for key, value in facts.items())
    return f"""---
{header.to_yaml()}
---

# {title}

A language model of short strings, made with granular-lm.

| | |
|---|---|
{rows}

```python
import granular_lm as glm

print(glm.Generator.from_pretrained("{title}").sample())
```
"""


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_rounded(each) if isinstance(each, float) else each}" for key, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    text = _rounded(value) if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _rounded(value: float) -> str:
    """Return a number with four decimals, or four digits if it is below 1; zeros at the end are left out."""
    return f"{value:,.4f}".rstrip("0").removesuffix(".") if abs(value) >= 1 else f"{value:.4g}"
