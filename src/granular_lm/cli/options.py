"""Options that several commands share, and how their values are read."""

import math
import re
from typing import Annotated, Any

import typer

SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
FACTORS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def duration(text: str) -> float:
    """Return the seconds of a duration such as ``90``, ``90s``, ``10m`` or ``1h30m``."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise typer.BadParameter(f"{text!r} is no duration; write for example 90s, 10m or 1h30m.")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def byte_count(text: str) -> int:
    """Return a number of bytes written as ``5000000``, ``500k``, ``5M`` or ``1G``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmg]?)b?", text.lower())
    count = float(match[1]) * FACTORS[match[2]] if match else math.inf
    if math.isinf(count) or 0 < count < 1:
        raise typer.BadParameter(f"{text!r:.40} is no number of bytes; write for example 500k, 5M or 1G.")
    return round(count)


def whole_number(*names: str, **how: Any) -> Any:
    """Return an option that takes a whole number; ``names`` and ``how`` as for `typer.Option`."""
    return typer.Option(*names, parser=_whole_number, **{"metavar": "N", **how})


def number(*names: str, **how: Any) -> Any:
    """Return an option that takes a number; ``names`` and ``how`` as for `typer.Option`."""
    return typer.Option(*names, parser=_number, **{"metavar": "X", **how})


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r:.40} is no whole number; write for example 3.") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r:.40} is no number; write for example 0.5.") from None


def _in_bytes(told: str) -> Any:
    """Return an option that takes a number of bytes."""
    return typer.Option(parser=byte_count, metavar="N", help=told)


Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
Model = Annotated[str, typer.Argument(help="A bundled model such as bios-byte, a model folder, or a Hub id.")]
_READ = (
    "What to read: files of documents (.txt, one a line, .jsonl, .csv, .tsv, .parquet, each also .gz, .zst, .xz), "
    "folders, quoted patterns, addresses, hub:user/name, or - for stdin."
)
Data = Annotated[list[str], typer.Argument(help=_READ)]
OptionalData = Annotated[list[str] | None, typer.Argument(help=f"{_READ} Default: embedded bios.")]
Field = Annotated[str, typer.Option(help="The field of a .jsonl line that holds the document.")]
Column = Annotated[str | None, typer.Option(help="The column of a table (.csv, .tsv, .parquet, hub:) to read.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="Read all files as txt, jsonl, csv, tsv or parquet. Default: by their names, and stdin as txt."
    ),
]
WholeFile = Annotated[bool, typer.Option("--whole-file", help="Read each file as one document.")]
Seed = Annotated[int, whole_number(help="Seed of everything random.")]
MaxTime = Annotated[
    float | None, typer.Option(parser=duration, metavar="TIME", help="Budget as a time: 90s, 10m, 1h30m.")
]
Epochs = Annotated[float | None, number(metavar="N", help="Budget as passes over the training documents.")]
MaxBytes = Annotated[int | None, _in_bytes("Budget as bytes read: 500k, 5M, 1G.")]
Preset = Annotated[str, typer.Option(help="Network shape: tiny, small, medium, large, seed, or auto by budget.")]
EmbeddingDim = Annotated[int | None, whole_number(metavar="E", help="Width of the embedding, if not the preset's.")]
HiddenSize = Annotated[int | None, whole_number(metavar="H", help="Width of the LSTM layers, if not the preset's.")]
NumLayers = Annotated[int | None, whole_number(metavar="L", help="Number of LSTM layers, if not the preset's.")]
Dropout = Annotated[float | None, number(metavar="P", help="Dropout after each layer, if not the preset's.")]
WeightDropout = Annotated[
    float | None, number(metavar="P", help="Share of the recurrent weights dropped, if not the preset's.")
]
TieEmbeddings = Annotated[
    bool | None, typer.Option("--tie-embeddings", help="Use the embedding as the output layer, too; needs E = H.")
]
Optimizer = Annotated[str | None, typer.Option(help="muon (AdamW for all but the LSTM's matrices) or adamw.")]
LearningRate = Annotated[float | None, number(help="Peak learning rate of AdamW: 0.028, alone 0.016.")]
MatrixLearningRate = Annotated[float | None, number(help="Peak learning rate of Muon: 0.035; auto chooses one.")]
WeightDecay = Annotated[float | None, number(help="Weight decay of all matrices: 0.01; auto chooses one.")]
EvalEvery = Annotated[int | None, _in_bytes("Bytes read between two looks at the development loss.")]
BatchBytes = Annotated[
    int | None, _in_bytes("Bytes that one update reads; by default 1024 to 2048, by the lengths of documents.")
]
WindowBytes = Annotated[
    int | None, _in_bytes("Longest stretch that gradients flow through: 256, or 64 if documents are long.")
]
Precision = Annotated[str | None, typer.Option(help="auto (bf16 where the processor has it), bf16 or fp32.")]


def given(**values: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in values.items() if value is not None}
