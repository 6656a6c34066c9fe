"""Sentences that the report says on the page and in markdown alike."""

import math
from collections.abc import Mapping
from statistics import mean
from typing import Any

from granular_lm.comparison.results import Comparison
from granular_lm.comparison.statistics import EQUIVALENCE_MARGIN

QUESTION = "Which level of text does a small language model read best?"

RATIO = (
    "Bits per byte are a ratio of sums, never a mean of ratios. For a codec other than bytes they are an upper bound: "
    "a string has more tokenisations than the one that is scored."
)
VERDICTS = (
    f"Two codecs within {EQUIVALENCE_MARGIN} bits per byte of each other count as equivalent. p is for no difference "
    "at all, adjusted for the number of pairs after Holm."
)
HELD_EQUAL = {
    "data": "the documents, their order, how many share an update, the bytes read, and the LSTM's width and depth. "
    "Parameters, computation and time are outcomes.",
    "params": "the documents, their order, the bytes read, and the parameters within 1 %: each vocabulary gets the "
    "width that makes up for it. Computation and time are outcomes.",
    "flops": "the documents, their order, the bytes read, and the computation for each of them within 1 %: each "
    "vocabulary gets the width that makes up for it. Parameters and time are outcomes.",
    "time": "the documents, the LSTM's width and depth, and the seconds of training on this machine. "
    "How much is read in them is an outcome.",
}
"""For each ``match``, how the sentence goes on that begins with "Held equal"."""


def held_equal(comparison: Comparison) -> str:
    """Return what was the same for all entries."""
    return f"Held equal: {HELD_EQUAL[comparison.plan['match']]}"


def setting(comparison: Comparison) -> str:
    """Return how many models were trained on how much, and scored on what."""
    plan, train, test = comparison.plan, comparison.data["train"], comparison.data["test"]
    counts = {len(comparison.of_entry(entry)) for entry in comparison.entries}
    models = "one model" if counts == {1} else f"{'up to ' if len(counts) > 1 else ''}{max(counts)} models"
    read = "" if plan["max_bytes"] is None else f", reading {plan['max_bytes'] / 1e6:,.2f} MB each"
    return (
        f"Each codec trained {models} on {train['documents']:,} documents{read}, and was scored once on "
        f"{test['documents']:,} held-out documents ({test['bytes']:,} bytes)."
    )


def interval_over(comparison: Comparison) -> str:
    """Return what the intervals of differences are over."""
    over = {pair.over for pair in comparison.pairs}
    if over == {"documents"}:
        return "documents alone"
    return "seeds and documents" + (", or over documents alone where one seed is shared" if len(over) > 1 else "")


def uncertainty(comparison: Comparison) -> str:
    """Return what the intervals speak of, and what not."""
    if comparison.is_multiseed:
        return (
            "Intervals are over seeds and documents: how far another training and another draw of documents would "
            "move a number. ± is the standard deviation over seeds."
        )
    return (
        "Intervals are over documents alone: how far another draw of them would move a number. They say nothing of "
        "another seed; give --seeds 3 to learn that."
    )


def failures(comparison: Comparison) -> list[str]:
    """Return a sentence for each codec that was left out, job that failed, and quantity that is not equal."""
    return [failure(each) for each in comparison.failures]


def failure(values: Mapping[str, Any]) -> str:
    """Return what failed, and why; without the document that a codec loses."""
    reason = f"{values['reason'][:1].upper()}{values['reason'][1:]}."
    if values["codec"] is None:
        return reason
    return ": ".join([values["codec"] + ("" if values["seed"] is None else f", seed {values['seed']}"), reason])


def checked_gaps(comparison: Comparison) -> str:
    """Return what a search for tokenisations by the model itself adds to the quick one; empty without marginals."""
    of_entry = {}
    for entry in comparison.entries:
        rows = [job.row["marginal"] for job in comparison.of_entry(entry)]
        gaps = [row for row in rows if row and row["beam_gap_checked"] is not None]
        if gaps:
            quick, slow = (mean(row[name] for row in gaps) for name in ("lattice_gap_checked", "beam_gap_checked"))
            of_entry[entry] = f"{entry} {quick:.4f} and {slow:.4f}"
    if not of_entry:
        return ""
    return (
        "The tokenisations are chosen by how often tokens occur, which is quick. A search by the model itself, byte by "
        f"byte on a sample of documents, finds more; in bits per byte: {', '.join(of_entry.values())}."
    )


def baseline_notes(comparison: Comparison) -> list[str]:
    """Return a sentence for each method without a network of which a reader has to know something."""
    return [f"{each['name']}: {each['note']}." for each in comparison.baselines if each["note"]]


def interval(bounds: tuple[float, float], form: str = ".3f") -> str:
    """Return an interval with a true minus sign.

    Examples:
        >>> interval((-0.0123, 0.5))
        '−0.012 to 0.500'
    """
    return " to ".join(number(bound, form) for bound in bounds)


def number(value: float, form: str) -> str:
    """Return a number with a true minus sign; one that is not finite as a dash."""
    return format(value, form).replace("-", "−") if math.isfinite(value) else "–"
