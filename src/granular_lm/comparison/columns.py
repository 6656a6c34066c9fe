"""The columns of the table of results."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from granular_lm.comparison.results import Comparison
from granular_lm.comparison.slices import MEANING
from granular_lm.comparison.wording import interval

KINDS = ("unseen", "ASCII", "non-ASCII", "emoji")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One number of every entry.

    Attributes:
        group: What it belongs to: neighbours of one group share a head.
        name: Its head.
        meaning: What the number is, in a sentence.
        cell: Returns the number as text, or None where an entry has none.
        is_main: Whether a short table shows it.
    """

    group: str
    name: str
    meaning: str
    cell: Callable[[Comparison, str], str | None]
    is_main: bool = False


def filled_columns(comparison: Comparison) -> list[Column]:
    """Return the columns in which at least one entry has something to show."""
    entries = comparison.entries
    return [
        column
        for column in (*COLUMNS[:AFTER_BITS], *_slices(comparison), *COLUMNS[AFTER_BITS:])
        if any(column.cell(comparison, entry) is not None for entry in entries)
    ]


def heads(columns: Sequence[Column]) -> list[tuple[str, int]]:
    """Return the groups of columns and how many columns each spans."""
    return [(group, len(list(members))) for group, members in groupby(column.group for column in columns)]


def _mean(value: Callable[[Row], Any], form: str) -> Callable[[Comparison, str], str | None]:
    """Return a cell that shows the mean over those seeds that have a value."""

    def cell(comparison: Comparison, entry: str) -> str | None:
        values = [value(job.row) for job in comparison.of_entry(entry)]
        met = [each for each in values if each is not None]
        return format(float(np.mean(met)), form) if met else None

    return cell


def _of(name: str, form: str, scale: float = 1.0) -> Callable[[Comparison, str], str | None]:
    return _mean(lambda row: None if row[name] is None else row[name] * scale, form)


def _within(part: str, name: str, form: str) -> Callable[[Comparison, str], str | None]:
    return _mean(lambda row: row[part] and row[part][name], form)


def _bpb(comparison: Comparison, entry: str) -> str:
    estimate = comparison.estimates[entry]
    return f"{estimate.bpb:.3f}" + ("" if estimate.seed_sd is None else f" ± {estimate.seed_sd:.3f}")


def _interval(comparison: Comparison, entry: str) -> str:
    return interval(comparison.estimates[entry].ci)


def _coded(comparison: Comparison, entry: str) -> str | None:
    shown = _within("proof", "bpb_coded", ".4f")(comparison, entry)
    proofs = [job.row["proof"] for job in comparison.of_entry(entry) if job.row["proof"]]
    return shown and f"{shown} {_tick(all(proof['is_identical'] for proof in proofs))}"


def _lossless(comparison: Comparison, entry: str) -> str:
    return _tick(all(job.row["lossless"] for job in comparison.of_entry(entry)))


def _tick(holds: bool) -> str:
    return "✔" if holds else "✘"


def _slices(comparison: Comparison) -> Iterator[Column]:
    """Yield one column for each of `KINDS` that there are test documents of; a picture shows all kinds."""
    for name in KINDS:
        counts = {job.row["slices"][name]["documents"] for job in comparison.jobs if name in job.row["slices"]}
        if counts:
            what = f" {MEANING}" if name == "unseen" else ""
            meaning = f"Bits per byte of one kind of test documents; there are {counts.pop():,}.{what}"
            yield Column("kinds of documents", name, meaning, _slice(name))


def _slice(name: str) -> Callable[[Comparison, str], str | None]:
    return _mean(lambda row: row["slices"].get(name, {}).get("bpb"), ".3f")


BITS, SIZE, TRAINING, SAMPLES = "bits", "size", "training", "samples"
COLUMNS = (
    Column(BITS, "bpb", "All bits of the test documents, stops included, over their raw UTF-8 bytes.", _bpb, True),
    Column(BITS, "95 % CI", "Interval of bpb.", _interval, True),
    Column(BITS, "content", "The part of bpb paid for the text itself.", _of("bpb_content", ".3f"), True),
    Column(BITS, "stop", "The part of bpb paid for saying where a document ends.", _of("bpb_stop", ".3f"), True),
    Column(
        BITS,
        "marginal",
        "bpb if several ways of cutting a document into tokens are added up; bpb itself counts one.",
        _within("marginal", "bpb_marginal", ".3f"),
        True,
    ),
    Column(
        BITS,
        "coded",
        "Bits per byte of a file that a range coder wrote with the model; ✔: it was decoded to the same bytes.",
        _coded,
        True,
    ),
    Column(
        BITS,
        "over ideal",
        "How much more the coded test documents take than their bits under the model, the file's header not counted.",
        _mean(lambda row: row["proof"] and row["proof"]["coded_bits"] / row["proof"]["ideal_bits"] - 1, "+.3%"),
    ),
    Column(
        BITS, "of a file", "bpb with a newline a document among the bytes, as for xz.", _of("bpb_file", ".3f"), True
    ),
    Column(
        BITS, "with model", "bpb if the files of the model and its codec are paid for too.", _of("adjusted_bpb", ".3f")
    ),
    Column(BITS, "bits/string", "Mean bits of a document.", _of("bits_per_string", ".1f")),
    Column(SIZE, "V", "Ids of the vocabulary, the stop included.", _of("vocab_size", ",.0f"), True),
    Column(SIZE, "tokens/byte", "Tokens for each byte of the test documents.", _of("tokens_per_byte", ".3f"), True),
    Column(SIZE, "parameters", "All parameters of the model.", _within("parameters", "total", ",.0f"), True),
    Column(SIZE, "embedding", "Parameters of the embedding.", _within("parameters", "embedding", ",.0f")),
    Column(SIZE, "LSTM", "Parameters of the LSTM layers.", _within("parameters", "lstm", ",.0f")),
    Column(SIZE, "softmax", "Parameters of the output layer.", _within("parameters", "head", ",.0f")),
    Column(TRAINING, "MB seen", "Megabytes read in training.", _of("bytes_seen", ",.2f", 1e-6), True),
    Column(TRAINING, "updates", "Training updates.", _of("updates", ",.0f")),
    Column(
        TRAINING,
        "MFLOPs/byte",
        "Millions of operations spent on a byte in training.",
        _of("flops_per_byte", ".3g", 1e-6),
    ),
    Column(TRAINING, "seconds", "Seconds of training.", _of("seconds", ",.0f"), True),
    Column(
        SAMPLES,
        "valid UTF-8",
        "Share of samples that are valid UTF-8 if nothing makes them so.",
        _of("samples_valid_utf8", ".0%"),
    ),
    Column(SAMPLES, "ended", "Share of samples that ended by themselves.", _of("samples_finished", ".0%")),
    Column(SAMPLES, "copies", "Share of samples that are a training document.", _of("samples_copied", ".1%")),
    Column("codec", "lossless", "Whether every document came back from the codec byte for byte.", _lossless, True),
)
AFTER_BITS = sum(column.group == BITS for column in COLUMNS)
