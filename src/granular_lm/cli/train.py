"""``granular-lm train``: documents in, a model folder out."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.output import print_facts, print_json

if TYPE_CHECKING:
    from granular_lm.model import LanguageModel


def train(
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The model folder to write.")],
    codec: Annotated[str, typer.Option(help="A codec, with options if wanted: spm:vocab_size=512,model=bpe.")] = "byte",
    valid: Annotated[
        str,
        typer.Option(metavar="FILE|SHARE", help="Development documents, or the share to hold out for that."),
    ] = "0.05",
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Documents scored once at the end, for the model card.")
    ] = None,
    max_time: options.MaxTime = None,
    epochs: options.Epochs = None,
    max_bytes: options.MaxBytes = None,
    preset: options.Preset = "small",
    embedding_dim: options.EmbeddingDim = None,
    hidden_size: options.HiddenSize = None,
    num_layers: options.NumLayers = None,
    dropout: options.Dropout = None,
    tie_embeddings: options.TieEmbeddings = None,
    learning_rate: options.LearningRate = None,
    batch_bytes: options.BatchBytes = None,
    window_bytes: options.WindowBytes = None,
    precision: options.Precision = None,
    seed: options.Seed = 0,
    field: options.Field = "text",
    column: options.Column = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Train a model. The budget is a time, a number of passes, or a number of bytes; five minutes if none is given."""
    from granular_lm.corpus.readers import read_documents
    from granular_lm.files import refuse_existing

    refuse_existing(output)
    read = partial(read_documents, field=field, column=column, whole_file=whole_file)
    documents = read(data)
    share = _share(valid)
    validation = read([Path(valid)]) if share is None else share
    test_documents = _with_text(test, read([test])) if test else None

    from accelerate import PartialState

    from granular_lm.cli.progress import training_display
    from granular_lm.scoring import bits_per_byte, score_documents
    from granular_lm.training import MetricsRecorder, TrainingOptions
    from granular_lm.training import train as train_model

    settings = options.given(
        learning_rate=learning_rate, batch_bytes=batch_bytes, window_bytes=window_bytes, precision=precision
    )
    recorder = MetricsRecorder()
    with training_display() as display:
        display.stage(f"training {codec}")

        def watch(trainer: Any, told: Any) -> None:
            recorder(trainer, told)
            display(trainer, told)

        model = train_model(
            documents,
            codec,
            validation=validation,
            max_time=max_time,
            epochs=epochs,
            max_bytes=max_bytes,
            preset=preset,
            network=options.given(
                embedding_dim=embedding_dim,
                hidden_size=hidden_size,
                num_layers=num_layers,
                dropout=dropout,
                tie_embeddings=tie_embeddings,
            ),
            options=TrainingOptions(**settings, seed=seed),
            on_progress=watch,
        )
    if not PartialState().is_main_process:
        return
    if test_documents is not None:
        model.training["test_bpb"] = bits_per_byte(score_documents(model, test_documents))
    model.save_pretrained(output)
    recorder.write(output / "metrics.jsonl")
    _tell(model, output, json=json)


def _share(valid: str) -> float | None:
    """Return the share that ``--valid`` gives, or None if it names a file."""
    try:
        return float(valid)
    except ValueError:
        return None


def _with_text(path: Path, documents: Iterable[str]) -> list[str]:
    """Return documents that can be scored: before hours of training is the time to find out that they cannot."""
    from granular_lm.errors import CorpusError

    found = list(documents)
    if not any(found):
        raise CorpusError(f"{path} has no text to score in {len(found)} documents; give another file.")
    return found


def _tell(model: "LanguageModel", output: Path, *, json: bool) -> None:
    about = model.training
    if about["ended"] != "budget":
        typer.echo(f"granular-lm: training {about['ended'].rstrip('.')}; the best weights so far are kept.", err=True)
    if json:
        print_json({"output": str(output), "parameters": model.num_parameters, **about})
        return
    print_facts(
        {
            "development bits per byte": f"{about['valid_bpb']:.4f}",
            **({"test bits per byte": f"{about['test_bpb']:.4f}"} if "test_bpb" in about else {}),
            "codec": f"{model.codec.name}, {model.codec.vocab_size} ids",
            "parameters": f"{model.num_parameters:,}",
            "read": f"{about['bytes_seen'] / 1e6:.2f} MB in {about['updates']:,} updates, {about['seconds']:.0f} s",
            "model": output,
            "next": f"granular-lm sample {output}",
        }
    )
