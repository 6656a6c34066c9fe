"""The pictures of the report that show where the bits go: parts, kinds of documents, bytes, lengths."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.plotting import Mark, line, marks
from granular_lm.comparison.results import Comparison
from granular_lm.comparison.slices import LENGTH_CLASSES, MEANING
from granular_lm.page.plotting import COLOURS, INK, Figure, Picture, axis, figure

BAR, LABEL = 36, 16  # pixels
MOST_BINS = 40


def parts(comparison: Comparison) -> Picture:
    """Return the bits per byte of content, of the stop and of the marginal gap, with baselines as lines."""
    shown = comparison.ranking()[::-1]
    gaps = np.array([_gap(comparison, entry) for entry in shown])
    stacked = {
        "content": (np.array([comparison.mean(entry, "bpb_content") for entry in shown]) - gaps, COLOURS[0]),
        "stop": (np.array([comparison.mean(entry, "bpb_stop") for entry in shown]), COLOURS[1]),
    }
    if gaps.any():
        stacked["marginal gap"] = (gaps, INK)
    lines, labels, farthest = _baselines(comparison, height=BAR * len(shown))
    top = 40 + LABEL * len(labels)
    drawn = figure(
        [_bars(shown, values.tolist(), name, colour) for name, (values, colour) in stacked.items()],
        xaxis=axis("bits per byte", range=[0, 1.25 * max(farthest, comparison.mean(shown[0], "bpb"))]),
        yaxis=axis(ticksuffix=" "),
        barmode="stack",
        bargap=0.35,
        height=top + BAR * len(shown) + 56,
        margin={"l": 8, "r": 16, "t": top, "b": 56},
        showlegend=True,
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "y": 1 + top / (BAR * len(shown)),
            "yanchor": "top",
            "x": 0,
        },
        shapes=lines,
        annotations=labels,
    )
    gap = " The marginal gap is what one tokenisation of a document costs over several." if gaps.any() else ""
    return Picture("parts", "Where the bits go", f"What a byte costs.{gap} Dotted: methods without a network.", drawn)


def _bars(entries: Sequence[str], values: Sequence[float], name: str, colour: str) -> Figure:
    return {
        "type": "bar",
        "orientation": "h",
        "y": list(entries),
        "x": list(values),
        "name": name,
        "marker": {"color": colour},
        "hovertemplate": f"%{{x:.3f}} bpb<extra>{name}</extra>",
    }


def _gap(comparison: Comparison, entry: str) -> float:
    """Return what the marginal bits save, a mean over the seeds it was measured for."""
    gaps = [job.row["marginal"]["gap"] for job in comparison.of_entry(entry) if job.row["marginal"]]
    return float(np.mean(gaps)) if gaps else 0.0


def _baselines(comparison: Comparison, height: int) -> tuple[list[Figure], list[Figure], float]:
    """Return a line and a label for each baseline, and the highest of them.

    The uniform one would only stretch the axis. Labels stand right of their line, the further left the higher up, so
    no line runs through a label.
    """
    found = [each for each in comparison.baselines if each["name"] != "uniform"]
    lines, labels = [], []
    for position, baseline in enumerate(sorted(found, key=lambda each: -float(each["bpb"]))):
        top = 1 + LABEL * (position + 0.8) / height
        place = {"x": baseline["bpb"], "yref": "paper"}
        lines.append(_baseline_line(baseline["bpb"], top))
        text = {"text": baseline["name"], "y": top, "xanchor": "left", "yanchor": "middle", "xshift": 3}
        labels.append({**place, **text, "showarrow": False, "font": {"size": 11}})
    return lines, labels, max((each["bpb"] for each in found), default=0.0)


def _baseline_line(bpb: float, top: float) -> Figure:
    dots = {"color": INK, "width": 1.25, "dash": "dot"}
    return {"type": "line", "x0": bpb, "x1": bpb, "yref": "paper", "y0": 0, "y1": top, "line": dots}


def slices(comparison: Comparison) -> Picture | None:
    """Return the bits per byte of kinds of documents as dots."""
    counts = {
        name: part["documents"]
        for job in comparison.jobs
        for name, part in job.row["slices"].items()
        if part["bpb"] is not None
    }
    if not counts:
        return None
    labels = {name: f"{name} ({count:,}) " for name, count in counts.items()}
    drawn = figure(
        [_dots(comparison, entry, labels) for entry in comparison.entries],
        height=80 + BAR * len(labels),
        xaxis=axis("bits per byte"),
        yaxis=axis(categoryorder="array", categoryarray=list(labels.values())[::-1]),
    )
    caption = (
        f"Bits per byte of some kinds of test documents, with the number of them. {MEANING} length 1/{LENGTH_CLASSES} "
        "is the shortest quarter; a script is that of more than half of the letters."
    )
    return Picture("slices", "Kinds of documents", caption, drawn)


def _dots(comparison: Comparison, entry: str, labels: dict[str, str]) -> Figure:
    rows = [job.row["slices"] for job in comparison.of_entry(entry)]
    means = {
        label: float(np.mean([row[name]["bpb"] for row in rows]))
        for name, label in labels.items()
        if all(name in row and row[name]["bpb"] is not None for row in rows)
    }
    mark = marks(comparison)[entry]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": entry,
        "x": list(means.values()),
        "y": list(means),
        "marker": {"color": mark.colour, "symbol": mark.symbol, "size": 11, "opacity": 0.9},
        "hovertemplate": f"%{{x:.3f}} bpb<extra>{entry}</extra>",
    }


def positions(comparison: Comparison) -> Picture | None:
    """Return the mean bits of the first byte of a document, the second, and so on."""
    if not all(job.row["bits_by_position"] for job in comparison.jobs):
        return None
    drawn = figure(
        [_along(comparison, entry, mark) for entry, mark in marks(comparison).items()],
        xaxis=axis("byte of a document, from 0"),
        yaxis=axis("mean bits of it", rangemode="tozero"),
    )
    caption = "How hard the first byte is, the second, and so on. The bits of a token are shared out among its bytes."
    return Picture("positions", "Bits along a document", caption, drawn)


def _along(comparison: Comparison, entry: str, mark: Mark) -> Figure:
    means = np.mean([job.row["bits_by_position"] for job in comparison.of_entry(entry)], axis=0).round(4).tolist()
    hover = f"byte %{{x}}: %{{y:.2f}} bits<extra>{entry}</extra>"
    return line(entry, mark, range(len(means)), means, hovertemplate=hover)


def lengths(comparison: Comparison) -> Picture | None:
    """Return how long samples are, over how long the test documents are."""
    drawn_by = {
        entry: np.array([size for job in comparison.of_entry(entry) for size in job.row["sample_bytes"]])
        for entry in comparison.entries
    }
    if not all(map(len, drawn_by.values())):
        return None
    width = max(1, int(np.ceil(1.2 * np.quantile(comparison.num_bytes, 0.99) / MOST_BINS)))
    edges = np.arange(MOST_BINS + 1) * width
    places = (edges[:-1] + width / 2).tolist()
    traces = [_area(places, _density(comparison.num_bytes, edges))]
    for entry, mark in marks(comparison).items():
        look: dict[str, Any] = {"shape": "hvh", "hovertemplate": f"%{{y:.4f}} a byte<extra>{entry}</extra>"}
        traces.append(line(entry, mark, places, _density(drawn_by[entry], edges), **look))
    drawn = figure(
        traces,
        xaxis=axis("bytes", range=[0, int(edges[-1])]),
        yaxis=axis("share for each byte of length", rangemode="tozero"),
    )
    caption = "How long the samples are, over how long the test documents are (grey). The longest are not shown."
    return Picture("lengths", "Length of samples", caption, drawn)


def _area(x: Sequence[float], y: Sequence[float]) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "test documents",
        "x": list(x),
        "y": list(y),
        "line": {"color": INK, "width": 0, "shape": "hvh"},
        "fill": "tozeroy",
        "hovertemplate": "%{y:.4f} a byte<extra>test documents</extra>",
    }


def _density(sizes: NDArray[np.int64], edges: NDArray[np.int64]) -> list[float]:
    """Return the share of all lengths that lies in each bin, for each byte of its width."""
    counts, _ = np.histogram(sizes, bins=edges)
    shares: list[float] = (counts / len(sizes) / np.diff(edges)).round(6).tolist()
    return shares
