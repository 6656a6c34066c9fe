"""The pictures of the report, as HTML that plotly draws."""

from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from granular_lm.comparison.results import Comparison

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#bab0ac")
INK = "#8a8f98"  # readable on light and on dark


def plotly_script() -> str:
    """Return plotly's own script, to be put into the page once."""
    script: str = get_plotlyjs()
    return script


def learning_curves(comparison: Comparison) -> Iterator[str]:
    """Yield development bits per byte against bytes read and against seconds, one line for each codec and seed."""
    for name, axis, scale in (
        ("bytes_seen", "megabytes read", 1e-6),
        ("seconds", "seconds of training", 1.0),
    ):
        figure = go.Figure()
        for colour, codec in zip(_colours(comparison), comparison.codecs, strict=True):
            for position, job in enumerate(comparison.of_codec(codec)):
                points = [point for point in job.row["curve"] if "valid_bpb" in point]
                figure.add_scatter(
                    x=[point[name] * scale for point in points],
                    y=[point["valid_bpb"] for point in points],
                    name=codec,
                    legendgroup=codec,
                    showlegend=position == 0,
                    mode="lines+markers",
                    line={"color": colour},
                    hovertemplate="%{y:.3f} bpb<extra>" + f"{codec}, seed {job.row['seed']}</extra>",
                )
        figure.update_layout(xaxis_title=axis, yaxis_title="bits per byte, development documents")
        yield _html(figure, f"curve-{name}")


def bits_by_part(comparison: Comparison) -> str:
    """Return the bits per byte of content and of the stop, stacked, one bar a codec, baselines as lines."""
    ranking = comparison.ranking()
    figure = go.Figure()
    for part, colour in (("content", "#4c78a8"), ("stop", "#f58518")):
        figure.add_bar(
            y=ranking[::-1],
            x=[comparison.mean(codec, f"bpb_{part}") for codec in ranking[::-1]],
            name=part,
            orientation="h",
            marker={"color": colour},
            hovertemplate="%{x:.3f} bpb<extra>" + part + "</extra>",
        )
    for baseline in comparison.baselines:
        if baseline["name"] in ("xz", "unigram"):
            figure.add_vline(x=baseline["bpb"], line={"dash": "dot", "color": INK}, annotation_text=baseline["name"])
    figure.update_layout(barmode="stack", xaxis_title="bits per byte, test documents")
    return _html(figure, "bits-by-part", height=120 + 60 * len(ranking))


def _colours(comparison: Comparison) -> list[str]:
    return [COLOURS[position % len(COLOURS)] for position in range(len(comparison.codecs))]


def _html(figure: Any, name: str, height: int = 380) -> str:
    axis = {"gridcolor": "rgba(138,143,152,0.25)", "zeroline": False}
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 20, "t": 30, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": INK},
        legend={"orientation": "h", "y": 1.12},
        xaxis=axis,
        yaxis=axis,
    )
    html: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"displayModeBar": False, "responsive": True},
    )
    return html
