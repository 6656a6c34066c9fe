"""`train`: documents in, a language model out."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from granular_lm.batching import TokenStore
from granular_lm.codecs import Codec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.corpus.split import split_documents
from granular_lm.errors import OptionError
from granular_lm.model import LanguageModel
from granular_lm.text import documents_of
from granular_lm.training.schedule import Budget
from granular_lm.training.trainer import Callback, Trainer, TrainingOptions
from granular_lm.weights import ModelConfig

VALID_SHARE = 0.05


def train(
    documents: Iterable[str],
    codec: str | Codec = "byte",
    *,
    validation: Iterable[str] | float | None = None,
    max_time: float | None = None,
    epochs: float | None = None,
    max_bytes: int | None = None,
    preset: str = "small",
    network: dict[str, Any] | None = None,
    options: TrainingOptions | None = None,
    on_progress: Callback | None = None,
) -> LanguageModel:
    """Train a language model on documents.

    Args:
        documents: The training documents.
        codec: A codec's name, with options if wanted (``"spm:vocab_size=512"``), or a codec.
        validation: Development documents, which choose the weights that are kept, or the share of the documents
            to hold out for that; 5 % if not given. Near-duplicates of held-out documents are held out, too.
        max_time: Budget in seconds of wall clock.
        epochs: Budget in passes over the training documents.
        max_bytes: Budget in bytes read. With none of the three, five minutes.
        preset: A network shape, one of `granular_lm.weights.PRESETS`.
        network: Changes to single values of that shape, such as ``{"hidden_size": 384}``.
        options: Learning rate, batch size, seed and the like.
        on_progress: Called with the trainer and a `Progress` after each update. Ctrl-C ends training early and
            keeps the best weights so far; the model's ``training["ended"]`` says so.

    Raises:
        CorpusError: There is too little text.
        OptionError: An option is out of range.
        TrainingError: The gradient was not a finite number before there were any weights worth keeping.

    Examples:
        >>> import granular_lm as glm
        >>> names = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Alan", "Niklaus", "Frances"] * 4
        >>> model = glm.train(names, epochs=1, network={"hidden_size": 16})
        >>> model.codec
        ByteCodec(vocab_size=257)
    """
    budget = Budget.of(max_time=max_time, epochs=epochs, max_bytes=max_bytes)
    options = options or TrainingOptions()
    train_documents, valid_documents = _hold_out(list(documents_of(documents)), validation, options.seed)
    ready = codec if isinstance(codec, Codec) else CodecSpec.parse(codec).train(train_documents)
    config = ModelConfig.preset(preset, vocab_size=ready.vocab_size, **(network or {}))
    return fit(
        ready,
        config,
        train_documents,
        valid_documents,
        budget=budget,
        options=options,
        on_progress=on_progress,
    )


def fit(
    codec: Codec,
    config: ModelConfig,
    train_documents: Sequence[str],
    valid_documents: Sequence[str],
    *,
    budget: Budget,
    options: TrainingOptions,
    on_progress: Callback | None = None,
) -> LanguageModel:
    """Train a network of a given shape on documents that are split already, with a codec that is trained already."""
    with tempfile.TemporaryDirectory() as folder:
        train_store, valid_store = (
            TokenStore.write(codec, documents, Path(folder) / part)
            for part, documents in (("train", train_documents), ("valid", valid_documents))
        )
        trainer = Trainer(config, train_store, valid_store, budget=budget, options=options, on_progress=on_progress)
        trainer.run()
    assert trainer.best_weights is not None
    return LanguageModel(codec, config, trainer.best_weights, training=_record(trainer, train_store))


def _hold_out(documents: list[str], validation: Iterable[str] | float | None, seed: int) -> tuple[list[str], list[str]]:
    """Return training and development documents."""
    if validation is not None and not isinstance(validation, float | int):
        return documents, list(documents_of(validation))
    share = VALID_SHARE if validation is None else float(validation)
    if not 0 < share < 1:
        raise OptionError(f"validation={validation} is not accepted; give a share between 0 and 1, or documents.")
    split = split_documents(documents, valid=share, test=0.0, seed=seed)
    return split.train, split.valid


def _record(trainer: Trainer, store: TokenStore) -> dict[str, Any]:
    """Return what the model card says of the training."""
    return {
        "documents": len(store),
        "corpus_bytes": trainer.corpus_bytes,
        "tokens_per_byte": len(store.ids) / trainer.corpus_bytes,
        "bytes_seen": trainer.bytes_seen,
        "updates": trainer.step,
        "seconds": round(trainer.seconds, 1),
        "precision": trainer.precision,
        "valid_bpb": trainer.best_valid_bpb,
        "valid_bytes": trainer.evaluated_bytes,
        "ended": trainer.ended,
        "options": asdict(trainer.options),
    }
