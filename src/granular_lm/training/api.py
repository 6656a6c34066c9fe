"""`train`: documents in, a language model out."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from numbers import Real
from pathlib import Path
from typing import Any

import torch

from granular_lm.checks import check_number
from granular_lm.codecs import Codec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.corpus.document_set import DocumentSet, quantiles
from granular_lm.corpus.split import Part, part_of_documents
from granular_lm.corpus.store import DocumentStore
from granular_lm.errors import CorpusError, OptionError, OutputExistsError
from granular_lm.files import locked_folder
from granular_lm.model import LanguageModel
from granular_lm.text import documents_of, is_utf8, to_bytes
from granular_lm.token_store import TokenStore
from granular_lm.training.checkpoint import CHECKPOINT_FILE, CHECKPOINT_SECONDS, Checkpoint, CheckpointWriter
from granular_lm.training.options import Callback, TrainingOptions
from granular_lm.training.recipe import AUTO, choose
from granular_lm.training.schedule import Budget
from granular_lm.training.trainer import Trainer
from granular_lm.weights import ModelConfig, check_changes, weights_hash

VALID_SHARE = 0.05
ENCODED = ".encoded-"
"""How the names of the folders begin in which the processes of a run keep encoded documents."""


@torch.inference_mode(mode=False)  # whatever the caller is in, tensors made here have to take part in training
def train(
    documents: Iterable[str],
    codec: str | Codec | None = None,
    *,
    validation: Iterable[str] | float | None = None,
    max_time: float | None = None,
    epochs: float | None = None,
    max_bytes: int | None = None,
    preset: str = AUTO,
    network: dict[str, Any] | None = None,
    base: LanguageModel | str | Path | None = None,
    options: TrainingOptions | None = None,
    checkpoint_folder: str | Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    resume: bool = False,
    on_step: Callback | None = None,
) -> LanguageModel:
    """Train a language model on documents.

    Args:
        documents: The training documents; they are read once and kept on disk while training lasts.
        codec: A codec's name, with options if wanted (``"spm:vocab_size=512"``), or a codec; ``"byte"`` if not given.
        validation: Development documents, which choose the weights that are kept, or the share of the documents
            to hold out for that; 5 % if not given. Near-duplicates of held-out documents are held out, too.
        max_time: Budget in seconds of wall clock.
        epochs: Budget in passes over the training documents.
        max_bytes: Budget in bytes read. With none of the three, five minutes.
        preset: A network shape, one of `granular_lm.weights.PRESETS`, or ``"auto"``, which chooses one by the size
            of the corpus and the budget (see `granular_lm.training.recipe`).
        network: Changes to single values of that shape, such as ``{"hidden_size": 384}``.
        base: A model, or the name or folder of one, to go on from with new text; it brings its codec and network.
        options: Learning rate, batch size, seed and the like.
        checkpoint_folder: Where the run keeps its checkpoints and the encoded documents; yours to remove when the
            model is saved. Without it nothing outlasts the call.
        checkpoint_seconds: Least time between two checkpoints; 0 for one at each batch, whatever it costs.
        resume: Go on from the checkpoint in that folder, if there is one. The outcome is that of a run that was
            never interrupted, to the bit on one machine with one number of threads, unless the budget is a time.
        on_step: Called with the trainer and a `Progress` after each update; the trainer's ``metrics.points`` are
            the learning curve so far. Ctrl-C ends training early and keeps the best weights so far; the model's
            ``training["ended"]`` says so.

    Raises:
        CorpusError: There is too little text.
        OptionError: An option is out of range, or excludes another.
        OutputExistsError: The checkpoint folder holds a run that is not to be resumed, or another process is at work
            in it.
        TrainingError: The checkpoint is damaged or another run's; or the gradient was not a finite number before
            there were any weights worth keeping; or memory does not suffice.

    Examples:
        >>> import granular_lm as glm
        >>> names = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Alan", "Niklaus", "Frances"] * 4
        >>> model = glm.train(names, epochs=1, network={"hidden_size": 16})
        >>> model.codec
        ByteCodec(vocab_size=257)
    """
    _check_types(
        network=(network, dict),
        options=(options, TrainingOptions),
        on_step=(on_step, Callable),
        codec=(codec, str | Codec),
        base=(base, str | Path | LanguageModel),
    )
    check_changes(network or {})
    budget = Budget.of(max_time=max_time, epochs=epochs, max_bytes=max_bytes)
    options = options or TrainingOptions()
    base = LanguageModel.from_pretrained(base) if isinstance(base, str | Path) else base
    _refuse_contradictions(base, codec, preset, network or {})
    check_number("checkpoint_seconds", checkpoint_seconds, "0 or more seconds", within=lambda value: value >= 0)
    if resume and checkpoint_folder is None:
        raise OptionError("resume=True needs the checkpoint_folder of the run to go on with; give it, too.")
    with _work_folder(checkpoint_folder) as work:
        checkpoint = _checkpoint(work, resume=resume)
        train_documents, valid_documents = _hold_out(documents_of(documents), validation, options.seed, work)
        ready = _codec(codec, base, train_documents)
        stores = _encode(ready, train_documents, valid_documents, work)
        if checkpoint is not None:  # what was chosen then, not what would be chosen now
            options = checkpoint.options_for(options)
        if base is not None:
            config = base.config
        elif checkpoint is not None and preset == AUTO:
            config = checkpoint.config_for(network or {})
        else:
            config, options = choose(preset, stores[0], budget=budget, options=options, changes=network or {})
        writer = None if checkpoint_folder is None else CheckpointWriter(work / CHECKPOINT_FILE, checkpoint_seconds)
        trainer = Trainer(
            config,
            *stores,
            budget=budget,
            options=options,
            weights=base.weights if base is not None else None,
            checkpoints=writer,
            on_step=on_step,
        )
        if checkpoint is not None:
            trainer.resume(checkpoint)
        return _trained(trainer, stores[0], train_documents, valid_documents, base)


@torch.inference_mode(mode=False)
def fit(
    codec: Codec,
    config: ModelConfig,
    train_documents: Sequence[str],
    valid_documents: Sequence[str],
    *,
    budget: Budget,
    options: TrainingOptions,
    on_step: Callback | None = None,
) -> LanguageModel:
    """Train a network of a given shape on documents that are split already, with a codec that is trained already."""
    with tempfile.TemporaryDirectory() as folder:
        stores = _encode(codec, train_documents, valid_documents, Path(folder))
        trainer = Trainer(config, *stores, budget=budget, options=options, on_step=on_step)
        return _trained(trainer, stores[0], train_documents, valid_documents)


def _check_types(**given: tuple[object, Any]) -> None:
    for name, (value, kind) in given.items():
        if value is not None and not isinstance(value, kind):
            kinds = " or ".join(each.__name__ for each in getattr(kind, "__args__", (kind,)))
            raise OptionError(f"{name}={value!r:.60} is not accepted; give a {kinds}.")


def _refuse_contradictions(base: object, codec: object, preset: str, network: Mapping[str, Any]) -> None:
    if base is None:
        return
    given = [*(["codec"] if codec is not None else []), *(["preset"] if preset != AUTO else []), *network]
    if given:
        names = ", ".join(f"{name}=..." for name in given)
        raise OptionError(f"base=... brings its own codec and network; leave that out, or {names}")


@contextmanager
def _work_folder(folder: str | Path | None) -> Iterator[Path]:
    """Give the folder of a run, in which it leaves nothing but a checkpoint; what else is there stays.

    Raises:
        OutputExistsError: Another process is at work in it.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    work = Path(folder)
    if work.exists() and not work.is_dir():
        raise OutputExistsError(f"{work} is a file, not a folder; give another name.")
    work.mkdir(parents=True, exist_ok=True)
    with locked_folder(work) if _rank() == 0 else nullcontext():  # the others of a run share what the first has locked
        for torn in work.glob(f".{CHECKPOINT_FILE}.*"):  # a kill while a checkpoint was being written
            torn.unlink(missing_ok=True)
        try:
            yield work
        finally:
            shutil.rmtree(_own_place(work), ignore_errors=True)
            with suppress(OSError):  # a checkpoint is in it, or another process's documents
                work.rmdir()


def _own_place(work: Path) -> Path:
    """Return where this process encodes."""
    return work / f"{ENCODED}{_rank()}"


def _rank() -> int:
    """Return the number of this process: torchrun and accelerate number them."""
    return int(os.environ.get("RANK", "0"))


def _checkpoint(work: Path, *, resume: bool) -> Checkpoint | None:
    path = work / CHECKPOINT_FILE
    if resume:
        return Checkpoint.load(path)
    if path.exists():
        raise OutputExistsError(
            f"{work} holds the checkpoint of a run; go on from it (--resume, resume=True), or remove the folder."
        )
    return None


def _hold_out(
    documents: Iterable[str], validation: Iterable[str] | float | None, seed: int, work: Path
) -> tuple[Iterable[str], Iterable[str]]:
    """Return training and development documents, on disk and to be read as often as needed."""
    place = _own_place(work)
    store = DocumentStore.write(documents, place / "documents")
    if isinstance(validation, Iterable):
        return store, DocumentStore.write(documents_of(validation), place / "validation")
    share = VALID_SHARE if validation is None else validation
    if not isinstance(share, Real) or not 0 < share < 1:
        raise OptionError(f"validation={validation} is not accepted; give a share between 0 and 1, or documents.")
    try:
        is_valid = part_of_documents(store, valid=float(share), test=0.0, seed=seed) == Part.VALID
    except CorpusError as error:
        raise CorpusError(f"{error} Development documents of their own (--valid, validation) need no split.") from error
    if not any(store.where(is_valid)):
        raise CorpusError(
            f"the {is_valid.sum()} documents held out for development have no text; give another seed, or development "
            "documents of their own (--valid, validation)."
        )
    return store.where(~is_valid), store.where(is_valid)


def _codec(codec: str | Codec | None, base: LanguageModel | None, documents: Iterable[str]) -> Codec:
    if base is not None:
        return base.codec
    return codec if isinstance(codec, Codec) else CodecSpec.parse("byte" if codec is None else codec).train(documents)


def _encode(
    codec: Codec, train_documents: Iterable[str], valid_documents: Iterable[str], work: Path
) -> tuple[TokenStore, TokenStore]:
    place = _own_place(work)
    return (
        TokenStore.write(codec, train_documents, place / "train"),
        TokenStore.write(codec, valid_documents, place / "valid"),
    )


def _trained(
    trainer: Trainer,
    store: TokenStore,
    documents: Iterable[str],
    valid_documents: Iterable[str],
    base: LanguageModel | None = None,
) -> LanguageModel:
    """Train, and return the model with what its card says of the training."""
    trainer.run()
    weights, state = trainer.selection.best_weights, trainer.state
    assert weights is not None
    known, num_valid = _remembered(documents)
    before = DocumentSet.of([]) if base is None or base.documents is None else base.documents
    about = {
        "documents": len(store),
        "distinct_documents": len(known),
        "valid_utf8_documents": num_valid,
        "document_bytes": quantiles(store.num_bytes),
        "corpus_bytes": trainer.corpus_bytes,
        "tokens_per_byte": len(store.ids) / trainer.corpus_bytes,
        "bytes_seen": state.bytes_seen,
        "updates": state.step,
        "best_update": state.best_step,
        "skipped": state.skipped,
        "seconds": round(state.seconds, 1),
        "precision": trainer.precision,
        "valid_bpb": state.best_valid_bpb,
        "valid_bytes": state.evaluated_bytes,
        "valid_documents_trained_on": _num_trained_on(valid_documents, documents, known, before),
        "sharpness": round(state.best_sharpness, 4),
        "ended": trainer.ended,
        "options": asdict(trainer.options),
    }
    if base is not None:
        about["base"] = {"weights": weights_hash(base.weights), "documents": base.training.get("documents")}
    model = LanguageModel(trainer.codec, trainer.network.config, weights, training=about, documents=known)
    if base is not None:  # a base that does not know its documents would let copies of them pass for new strings
        model.documents = None if base.documents is None else known | before
    return model


def _num_trained_on(
    valid_documents: Iterable[str], documents: Iterable[str], known: DocumentSet, before: DocumentSet
) -> int:
    """Return how many distinct development documents were trained on; an empty one says nothing, and does not count.

    Args:
        valid_documents: The development documents.
        documents: What was trained on. It is read once more where fingerprints agree: among millions some do by chance.
        known: The set of those.
        before: What the model knew that training went on from.
    """
    suspects = {raw for raw in map(to_bytes, valid_documents) if raw and (raw in known or raw in before)}
    again = suspects.intersection(map(to_bytes, documents)) if suspects else set()
    return len(again | {raw for raw in suspects if raw in before})


def _remembered(documents: Iterable[str]) -> tuple[DocumentSet, int]:
    """Return the set of some documents and how many are valid UTF-8, reading them once."""
    num_valid = 0

    def raw() -> Iterator[bytes]:
        nonlocal num_valid
        for data in map(to_bytes, documents):
            num_valid += is_utf8(data)
            yield data

    return DocumentSet.of(raw()), num_valid
