"""The pictures of the report: learning, and what computation buys."""

from collections.abc import Iterator, Sequence
from typing import Any

from granular_lm.comparison.bit_figures import lengths, parts, positions, slices
from granular_lm.comparison.job_result import JobResult
from granular_lm.comparison.plotting import entries_by_codec, line, marks
from granular_lm.comparison.results import Comparison
from granular_lm.page.plotting import INK, Figure, Picture, axis, figure, log_axis

SETTLED_SHARE = 0.05  # of what a run reads, half of the way to the first of ten evaluations


def pictures(comparison: Comparison) -> list[Picture]:
    """Return the pictures that there are numbers for."""
    drawn = (make(comparison) for make in (by_bytes, by_seconds, pareto, parts, slices, positions, lengths))
    return [picture for picture in drawn if picture is not None]


def by_bytes(comparison: Comparison) -> Picture | None:
    """Return development bits per byte against bytes read."""
    drawn = _curves(comparison, "bytes_seen", 1e-6, "megabytes read")
    caption = "Bits per byte of the development documents. One line a model; every seed is shown."
    return None if drawn is None else Picture("curve-bytes", "Learning, by bytes read", caption, drawn)


def by_seconds(comparison: Comparison) -> Picture | None:
    """Return development bits per byte against seconds of training."""
    drawn = _curves(comparison, "seconds", 1.0, "seconds of training")
    caption = "The same curves against the clock of the machine that trained."
    return None if drawn is None else Picture("curve-seconds", "Learning, by time", caption, drawn)


def _curves(comparison: Comparison, name: str, scale: float, title: str) -> Figure | None:
    if not any(map(_measured, comparison.jobs)):
        return None
    traces = [
        line(
            entry,
            marks(comparison)[entry],
            [point[name] * scale for point in _measured(job)],
            [point["valid_bpb"] for point in _measured(job)],
            mode="lines+markers",
            hovertemplate=f"%{{y:.3f}} bpb at %{{x:.3g}}<extra>{entry}, seed {job.row['seed']}</extra>",
        )
        for entry in comparison.entries
        for job in comparison.of_entry(entry)
    ]
    y_axis = axis("bits per byte", range=_settled_range(comparison.jobs))
    return figure(traces, xaxis=axis(title, rangemode="tozero"), yaxis=y_axis)


def _measured(job: JobResult) -> list[dict[str, Any]]:
    return [point for point in job.row["curve"] if "valid_bpb" in point]


def _settled_range(jobs: Sequence[JobResult]) -> list[float]:
    """Return the lowest and the highest value to show.

    Where the development documents are scored very often, the first values are those of a network that knows nothing
    yet: they lie above the picture, or nothing else could be told apart.
    """
    values = [
        point["valid_bpb"]
        for job in jobs
        for point in _measured(job)
        if point["bytes_seen"] >= SETTLED_SHARE * job.row["bytes_seen"]
    ]
    low, high = min(values), max(values)
    air = 0.06 * (high - low) + 0.01
    return [low - air, high + air]


def pareto(comparison: Comparison) -> Picture | None:
    """Return bits per byte against the computation of training."""
    if len(comparison.entries) < 2:
        return None
    costs = [_megaflops(comparison, entry) for entry in comparison.entries]
    drawn = figure(
        [_frontier(comparison), *_sizes(comparison)],
        xaxis=log_axis("MFLOPs of training for each byte", costs),
        yaxis=axis("bits per byte"),
    )
    caption = "Left is cheaper, down is better. Lines join the sizes of a codec; no model lies below the dotted one."
    return Picture("pareto", "What computation buys", caption, drawn)


def _sizes(comparison: Comparison) -> Iterator[Figure]:
    """Yield a line for the sizes of each codec: its widths or, where all have one, the vocabularies of its kind."""
    for name, entries in _lines(comparison).items():
        ordered = sorted(entries, key=lambda entry: _megaflops(comparison, entry))
        yield {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": [_megaflops(comparison, entry) for entry in ordered],
            "y": [comparison.mean(entry, "bpb") for entry in ordered],
            "text": ordered,
            "line": {"color": marks(comparison)[entries[0]].colour, "width": 1.5},
            "marker": {"size": 9, "symbol": [marks(comparison)[entry].symbol for entry in ordered]},
            "hovertemplate": "%{text}<br>%{y:.3f} bpb, %{x:.3g} MFLOPs/byte<extra></extra>",
        }


def _lines(comparison: Comparison) -> dict[str, list[str]]:
    codecs = entries_by_codec(comparison)
    if any(len(entries) > 1 for entries in codecs.values()):
        return codecs
    kinds: dict[str, list[str]] = {}
    for codec, entries in codecs.items():
        kinds.setdefault(codec.partition(":")[0], []).extend(entries)
    return kinds


def _frontier(comparison: Comparison) -> Figure:
    """Return a line through the entries that no other is both cheaper and better than."""
    x: list[float] = []
    y: list[float] = []
    for entry in sorted(comparison.entries, key=lambda entry: _megaflops(comparison, entry)):
        bpb = comparison.mean(entry, "bpb")
        if not y or bpb < y[-1]:
            x.append(_megaflops(comparison, entry))
            y.append(bpb)
    dots = {"color": INK, "width": 1.5, "dash": "dot", "shape": "hv"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": dots, "hoverinfo": "skip"}


def _megaflops(comparison: Comparison, entry: str) -> float:
    return comparison.mean(entry, "flops_per_byte") / 1e6
