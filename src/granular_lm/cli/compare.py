"""``granular-lm compare``: codecs on the same documents."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.output import output_width, print_json, print_table, warn
from granular_lm.cli.reading import how_to_read

if TYPE_CHECKING:
    from granular_lm.comparison import Comparison


LEAST_USED = 0.5
"""Share of the time given that the slowest job takes, unless it was timed badly."""


def shard(text: str) -> tuple[int, int]:
    """Return the number and the count of a shard such as ``2/3``."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match:
        raise typer.BadParameter(f"{text!r} is no shard; write for example 2/3, the second of three.")
    return int(match[1]), int(match[2])


def widths(text: str) -> list[int]:
    """Return the numbers of a list such as ``128,256``."""
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise typer.BadParameter(f"{text!r} is no list of widths; write for example 128,256,512.")
    return [int(width) for width in text.split(",")]


def setting(text: str) -> tuple[str, str | int]:
    """Return the name and the value of a setting such as ``slurm_partition=cpu``."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise typer.BadParameter(f"{text!r} is no setting; write for example slurm_partition=cpu.")
    return name, int(value) if value.isdecimal() else value


def compare(
    data: options.OptionalData = None,
    codecs: Annotated[
        str,
        typer.Option(help="Codecs, with options if wanted, such as byte,char,spm:vocab_size=512."),
    ] = "byte,char,spm",
    match: Annotated[
        str,
        typer.Option(
            help="What is held equal: data (documents, order, bytes read, shape), params (parameters; the width is "
            "solved), flops (of training, a byte), time (seconds)."
        ),
    ] = "data",
    seeds: Annotated[int, options.whole_number(metavar="N", help="Models to train with each codec.")] = 1,
    sizes: Annotated[
        Any, typer.Option(parser=widths, metavar="H,H,...", help="Widths to train each codec at, for a sweep.")
    ] = None,
    trials: Annotated[
        int, options.whole_number(metavar="N", help="Settings each codec tries before, on the development documents.")
    ] = 0,
    prove: Annotated[
        bool, typer.Option("--prove", help="Compress the test documents with each model, and decompress them.")
    ] = False,
    marginal: Annotated[
        int, options.whole_number(metavar="K", help="Sum over K tokenisations of each test document: a tighter bound.")
    ] = 0,
    max_time: options.MaxTime = None,
    epochs: options.Epochs = None,
    max_bytes: options.MaxBytes = None,
    preset: Annotated[
        str,
        typer.Option(
            help="Network shape: tiny, small, medium, large, seed, or auto: small, with dropout, weight decay and "
            "Muon's rate by what is read."
        ),
    ] = "auto",
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
    precision: options.Precision = None,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FOLDER", help="Results, report and jobs; done jobs are reused."),
    ] = Path("comparison"),
    valid: Annotated[
        str | None, typer.Option(metavar="FILE", help="Development documents; default: 5 % of DATA.")
    ] = None,
    test: Annotated[str | None, typer.Option(metavar="FILE", help="Test documents; default: 5 % of DATA.")] = None,
    jobs: Annotated[int, options.whole_number(metavar="N", help="Jobs that run at once on this machine.")] = 1,
    launcher: Annotated[str, typer.Option(help="Where jobs run: local, dask or slurm.")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask's scheduler, such as tcp://host:8786.")
    ] = None,
    slurm: Annotated[
        list[Any] | None,
        typer.Option(parser=setting, metavar="NAME=VALUE", help="For Slurm, as submitit names it; may be repeated."),
    ] = None,
    shard: Annotated[
        Any, typer.Option(parser=shard, metavar="I/N", help="Run only the I-th of N shares of the jobs.")
    ] = None,
    merge: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Take over the jobs of a shard's folder; may be repeated."),
    ] = None,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Train models with each codec on the same documents and compare their bits per byte.

    The budget holds for each job, a codec and a seed; 60 seconds if none is given. Unless seconds are held equal, a
    time is turned into bytes by the slowest codec, so that all read the same. The exit code is 1 if a job failed or a
    codec was left out; the others are compared all the same.
    """
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.corpus.lock import read_locked

    names = [*(data or []), *filter(None, (valid, test))]
    how = how_to_read(names, field=field, column=column, file_format=file_format, whole_file=whole_file)
    documents = read_locked(data, **how) if data else generate_bios()

    from granular_lm.cli.progress import training_display
    from granular_lm.comparison import Launch
    from granular_lm.comparison import compare as compare_codecs
    from granular_lm.training import TrainingOptions

    settings = options.given(
        optimizer=optimizer,
        learning_rate=learning_rate,
        matrix_learning_rate=matrix_learning_rate,
        weight_decay=weight_decay,
        batch_bytes=batch_bytes,
        window_bytes=window_bytes,
        precision=precision,
    )
    with training_display() as display:
        comparison = compare_codecs(
            documents,
            codecs,
            valid=read_locked([valid], **how) if valid else None,
            test=read_locked([test], **how) if test else None,
            match=match,
            seeds=seeds,
            sizes=sizes,
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
            options=TrainingOptions(**settings),
            trials=trials,
            prove=prove,
            marginal=marginal,
            launch=Launch(launcher=launcher, jobs=jobs, scheduler=scheduler, shard=shard, slurm=dict(slurm or [])),
            merge=merge or [],
            output=output,
            on_stage=display.stage,
            on_step=display,
        )
    if json:
        print_json(comparison.to_dict())
    else:
        _show(comparison, output)
    _warn_of_time_left_over(comparison)
    for failure in comparison.failures:
        warn(_failed(failure))
    if comparison.failures:
        raise typer.Exit(1)


def _show(comparison: "Comparison", output: Path) -> None:
    from granular_lm.comparison.table import pairs_table, results_table

    print_table(results_table(comparison, output_width()))
    if comparison.pairs:
        print_table(pairs_table(comparison))
    typer.echo(f"\n{comparison.answer()}\nreport: {output / 'report.html'}")


def _warn_of_time_left_over(comparison: "Comparison") -> None:
    """Say that the jobs were done long before their time, and so read less than they could have."""
    seconds = comparison.plan["budget"]["seconds"]
    slowest = max(job.row["seconds"] for job in comparison.jobs)
    if comparison.plan["match"] != "time" and seconds is not None and slowest < LEAST_USED * seconds:
        warn(
            f"the slowest job took {slowest:.0f} of its {seconds:g} seconds: something else was at work, perhaps, when "
            f"the machine was timed. For more than {comparison.plan['max_bytes']:,} bytes each give --max-bytes, or "
            "another --output."
        )


def _failed(failure: dict[str, Any]) -> str:
    """Return a failure in a line: what, and why."""
    what = [failure["codec"]] if failure["codec"] else []
    what += [f"seed {failure['seed']}"] if failure["seed"] is not None else []
    shown = f" (such as {failure['document']!r})" if "document" in failure else ""
    return ": ".join([", ".join(what), failure["reason"]] if what else [failure["reason"]]) + shown
