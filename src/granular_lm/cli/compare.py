"""``granular-lm compare``: codecs on the same documents."""

from pathlib import Path
from typing import Annotated

import typer

from granular_lm.cli import options
from granular_lm.cli.output import output_width, print_json, print_table


def compare(
    data: options.OptionalData = None,
    codecs: Annotated[
        str,
        typer.Option(help="Codecs, with options if wanted: byte,char:min_count=5,spm:vocab_size=512,model=bpe."),
    ] = "byte,char,spm",
    match: Annotated[
        str, typer.Option(help="What is held equal: data (documents, order, bytes read, shape).")
    ] = "data",
    seeds: Annotated[int, typer.Option(metavar="N", help="Models to train with each codec.")] = 1,
    max_time: options.MaxTime = None,
    epochs: options.Epochs = None,
    max_bytes: options.MaxBytes = None,
    preset: options.Preset = "small",
    embedding_dim: options.EmbeddingDim = None,
    hidden_size: options.HiddenSize = None,
    num_layers: options.NumLayers = None,
    dropout: options.Dropout = None,
    tie_embeddings: options.TieEmbeddings = None,
    optimizer: options.Optimizer = None,
    learning_rate: options.LearningRate = None,
    matrix_learning_rate: options.MatrixLearningRate = None,
    batch_bytes: options.BatchBytes = None,
    window_bytes: options.WindowBytes = None,
    precision: options.Precision = None,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FOLDER", help="Results, report and jobs; done jobs are reused."),
    ] = Path("comparison"),
    field: options.Field = "text",
    column: options.Column = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Train one model with each codec on the same documents and compare their bits per byte.

    The budget holds for each job, a codec and a seed; 60 seconds if none is given. A time is turned into bytes by
    the slowest codec, so that all read the same.
    """
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.corpus.readers import read_documents

    documents = read_documents(data, field=field, column=column, whole_file=whole_file) if data else generate_bios()

    from granular_lm.cli.progress import training_display
    from granular_lm.comparison import compare as compare_codecs
    from granular_lm.comparison.table import pairs_table, results_table
    from granular_lm.training import TrainingOptions

    settings = options.given(
        optimizer=optimizer,
        learning_rate=learning_rate,
        matrix_learning_rate=matrix_learning_rate,
        batch_bytes=batch_bytes,
        window_bytes=window_bytes,
        precision=precision,
    )
    with training_display() as display:
        comparison = compare_codecs(
            documents,
            codecs,
            match=match,
            seeds=seeds,
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
            options=TrainingOptions(**settings),
            output=output,
            on_stage=display.stage,
            on_step=display,
        )
    if json:
        print_json(comparison.to_dict())
        return
    print_table(results_table(comparison, output_width()))
    if comparison.pairs:
        print_table(pairs_table(comparison))
    typer.echo(f"\n{comparison.answer()}\nreport: {output / 'report.html'}")
