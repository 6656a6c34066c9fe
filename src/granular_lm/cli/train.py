"""``granular-lm train``: documents in, a model folder out."""

import time
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.output import warn
from granular_lm.cli.reading import how_to_read
from granular_lm.cli.train_summary import print_summary, warn_about
from granular_lm.interrupts import noted_interrupts
from granular_lm.text import printable, to_bytes

CURVE_FILES = {"learning-curve.svg", "metrics.jsonl"}

if TYPE_CHECKING:
    from granular_lm.model import LanguageModel
    from granular_lm.training.options import Callback


def train(
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The model folder to write.")],
    codec: Annotated[
        str | None,
        typer.Option(help="A codec, with options if wanted: spm:vocab_size=512,model=bpe. Default: byte."),
    ] = None,
    validation: Annotated[
        str,
        typer.Option("--valid", metavar="FILE|SHARE", help="Development documents, or the share to hold out for that."),
    ] = "0.05",
    test: Annotated[
        str | None, typer.Option(metavar="FILE", help="Documents scored once at the end, none of them in DATA.")
    ] = None,
    max_time: options.MaxTime = None,
    epochs: options.Epochs = None,
    max_bytes: options.MaxBytes = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of an unfinished run, if there is one.")
    ] = False,
    base: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Go on from a model, with its codec and network, on new text."),
    ] = None,
    preset: options.Preset = "auto",
    embedding_dim: options.EmbeddingDim = None,
    hidden_size: options.HiddenSize = None,
    num_layers: options.NumLayers = None,
    dropout: options.Dropout = None,
    weight_dropout: options.WeightDropout = None,
    tie_embeddings: options.TieEmbeddings = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    matrix_learning_rate: options.MatrixLearningRate = None,
    weight_decay: options.WeightDecay = None,
    batch_bytes: options.BatchBytes = None,
    window_bytes: options.WindowBytes = None,
    accumulate: Annotated[
        int | None, options.whole_number(metavar="N", help="Parts that each batch is read in, to save memory.")
    ] = None,
    eval_every: options.EvalEvery = None,
    patience: Annotated[
        int | None, options.whole_number(metavar="N", help="Stop after so many looks without a lower development loss.")
    ] = None,
    precision: options.Precision = None,
    seed: options.Seed = 0,
    checkpoint_every: Annotated[
        float | None,
        typer.Option(parser=options.duration, metavar="TIME", help="Least time between two checkpoints; default 30s."),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Send the learning curve to a tracker: tensorboard, wandb, mlflow, ..."),
    ] = None,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Train a model. The budget is a time, a number of passes, or a number of bytes; five minutes if none is given."""
    work, started = _work_folder(output, resume=resume), time.time()
    documents, valid_documents, test_documents = _read(
        data, validation, test, field=field, column=column, file_format=file_format, whole_file=whole_file
    )
    with noted_interrupts() as interrupted:  # what is half loaded fails in odd ways, with a traceback
        from accelerate import PartialState

        from granular_lm.scoring import bits_per_byte, score_documents
        from granular_lm.training import TrainingOptions
        from granular_lm.training import train as train_model
        from granular_lm.training.checkpoint import CHECKPOINT_FILE, discard_run
    if interrupted.is_set():
        raise KeyboardInterrupt

    curve: list[dict[str, Any]] = []
    title = printable(output.resolve().name)
    with (
        _told_how_to_go_on(work, since=started),
        _watchers(f"training {codec or base or 'byte'}", track, title, curve) as watch,
    ):
        model = train_model(
            documents,
            codec,
            validation=valid_documents,
            max_time=max_time,
            epochs=epochs,
            max_bytes=max_bytes,
            preset=preset,
            network=options.given(
                embedding_dim=embedding_dim,
                hidden_size=hidden_size,
                num_layers=num_layers,
                dropout=dropout,
                weight_dropout=weight_dropout,
                tie_embeddings=tie_embeddings,
            ),
            base=base,
            options=TrainingOptions(
                **options.given(
                    optimizer=optimizer,
                    learning_rate=learning_rate,
                    matrix_learning_rate=matrix_learning_rate,
                    weight_decay=weight_decay,
                    batch_bytes=batch_bytes,
                    window_bytes=window_bytes,
                    accumulate=accumulate,
                    eval_every=eval_every,
                    patience=patience,
                    precision=precision,
                ),
                seed=seed,
            ),
            checkpoint_folder=work,
            resume=resume,
            on_step=watch,
            **options.given(checkpoint_seconds=checkpoint_every),
        )
    if not PartialState().is_main_process:
        return
    with _told_how_to_go_on(work):
        if test_documents is not None:
            if base is not None and model.documents is not None:
                model.training["test_documents_trained_on"] = _num_known(model.documents, test_documents)
            with _kept_at_interrupt():
                model.training["test_bpb"] = bits_per_byte(score_documents(model, test_documents))
        with noted_interrupts():  # a moment, in which nothing is lost
            _write(model, curve or _recorded(work), output, title=title, replace=resume and _is_interrupted(output))
    has_diverged = model.training["ended"].startswith("diverged")
    if not has_diverged and model.training["ended"] != "interrupted":
        discard_run(work)
    warn_about(model, None if resume else max_time, can_go_on=(work / CHECKPOINT_FILE).exists())
    print_summary(model, output, json=json)
    if has_diverged:
        raise typer.Exit(1)


def _work_folder(output: Path, *, resume: bool) -> Path:
    """Return where a run keeps what it can be gone on with, if its model may be written."""
    from granular_lm.errors import OutputExistsError
    from granular_lm.files import refuse_existing, refuse_unwritable

    if not _is_interrupted(output):
        refuse_existing(output)
    elif not resume:
        raise OutputExistsError(f"{output} is the model of an unfinished run; go on with --resume, or remove it first.")
    work = output.resolve().parent / f"{output.resolve().name}.training"
    refuse_unwritable(output)
    refuse_unwritable(work)
    return work


@contextmanager
def _told_how_to_go_on(work: Path, *, since: float = 0.0) -> Iterator[None]:
    """Say of an error that is no matter of the training itself where the run can be gone on from.

    Args:
        work: Where its checkpoint is.
        since: A checkpoint from before that time is not the run's.
    """
    from granular_lm.errors import FolderInUseError, TrainingError
    from granular_lm.training.checkpoint import CHECKPOINT_FILE

    try:
        yield
    except (TrainingError, FolderInUseError):
        raise
    except (Exception, KeyboardInterrupt):
        with suppress(OSError):
            if (work / CHECKPOINT_FILE).stat().st_mtime >= since:
                warn("the last checkpoint is kept: the same command with --resume goes on from there.")
        raise


def _read(
    data: list[str], valid: str, test: str | None, **how_named: Any
) -> tuple[Iterable[str], Iterable[str] | float, list[str] | None]:
    """Return the training documents, those for development or their share, and those for the test, if any."""
    from granular_lm.corpus.held_out import apart_from
    from granular_lm.corpus.lock import read_locked

    share = _share(valid)
    names = [*data, *([valid] if share is None else []), *filter(None, [test])]
    how = how_to_read(names, **how_named)
    documents = read_locked(data, **how)
    validation = read_locked([valid], **how) if share is None else share
    if not test:
        return documents, validation, None
    test_documents = _with_text(test, read_locked([test], **how))
    return apart_from(documents, test_documents, "test"), validation, test_documents


def _num_known(known: Container[object], documents: list[str]) -> int:
    """Return how many distinct documents with text are known; by the model that training went on from, therefore."""
    return sum(raw in known for raw in set(map(to_bytes, documents)) if raw)


def _recorded(work: Path) -> list[dict[str, Any]]:
    """Return the learning curve of a run that had come to its end before, and only its model was not written."""
    from granular_lm.training.checkpoint import CHECKPOINT_FILE, Checkpoint

    checkpoint = Checkpoint.load(work / CHECKPOINT_FILE)
    return [] if checkpoint is None else checkpoint.points


@contextmanager
def _kept_at_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the scoring of test documents, and not lose the model that was trained before."""
    try:
        yield
    except KeyboardInterrupt:
        warn("interrupted, so the test documents are not scored; the model is kept.")


def _is_interrupted(output: Path) -> bool:
    """Tell whether a folder is the model of a run that did not come to its end, and nothing else."""
    from granular_lm.model import NAMES

    try:
        described = loads((output / "config.json").read_text(encoding="utf-8"))
        ended = str(described["training"]["ended"])
        is_model_alone = {path.name for path in output.iterdir()} <= {*NAMES, *CURVE_FILES}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return is_model_alone and ended.startswith(("interrupted", "diverged"))


def _share(valid: str) -> float | None:
    """Return the share that ``--valid`` gives, or None if it names a file."""
    try:
        return float(valid)
    except ValueError:
        return None


def _with_text(name: str, documents: Iterable[str]) -> list[str]:
    """Return documents that can be scored: before hours of training is the time to find out that they cannot."""
    from granular_lm.errors import CorpusError

    found = list(documents)
    if not any(found):
        raise CorpusError(f"{name} has no text to score in {len(found)} documents; give another file.")
    return found


@contextmanager
def _watchers(stage: str, track: str | None, run_name: str, curve: list[dict[str, Any]]) -> "Iterator[Callback]":
    """Give one callback that draws the progress, sends it to a tracker if wanted, and keeps the learning curve."""
    from granular_lm.cli.progress import training_display
    from granular_lm.training.tracking import tracker

    with ExitStack() as stack:
        display = stack.enter_context(training_display())
        display.stage(stage)
        callbacks: list[Callback] = [display]
        if track is not None:
            callbacks.append(stack.enter_context(tracker(track, run_name)))

        def watch(trainer: Any, told: Any) -> None:
            if len(curve) != len(trainer.metrics.points):
                curve[:] = trainer.metrics.points
            for callback in callbacks:
                callback(trainer, told)

        yield watch


def _write(model: "LanguageModel", curve: list[dict[str, Any]], output: Path, *, title: str, replace: bool) -> None:
    """Write the model folder and the learning curve in it, whole or not at all."""
    from granular_lm.files import new_folder
    from granular_lm.training import write_metrics
    from granular_lm.training.picture import learning_curve_svg

    with new_folder(output, replace=replace) as work:
        model.write_into(work, title=title)
        write_metrics(curve, work / "metrics.jsonl")
        picture = learning_curve_svg(curve, title=title)
        (work / "learning-curve.svg").write_text(picture, encoding="utf-8")
