"""What the pictures of all pages share: their colours, and what axes look like.

A picture is data that plotly draws. Colours of text, axes and grid are the page's: its style sheet sets them, so they
follow it from light to dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COLOURS = ("#3b7dc4", "#c9650b", "#2b8a57", "#9a5fc9", "#d6495b", "#148a96", "#a2683a", "#7a828c", "#c2479a", "#84801a")
"""Each stands out from the page in light and in dark."""

INK = "#7a828c"
CLEAR = "rgba(0,0,0,0)"
MOST_TICKS = 8
AIR = 1.5  # beside the lowest and the highest value of a logarithmic axis; less could hold no round number

Figure = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with what is said of it.

    Attributes:
        name: Names its element of the page.
        title: What is shown.
        caption: How to read it.
        figure: Data and layout, as plotly takes them.
    """

    name: str
    title: str
    caption: str
    figure: Figure


def figure(traces: Sequence[Figure], *, xaxis: Figure, yaxis: Figure, **layout: Any) -> Figure:
    """Return a figure that looks like all others; ``layout`` overrides. The page has one legend for all."""
    shared = {
        "height": 360,
        "margin": {"l": 8, "r": 16, "t": 8, "b": 8},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": INK},
        "showlegend": False,
        "hovermode": "closest",
        "dragmode": False,
    }
    return {"data": list(traces), "layout": {**shared, "xaxis": xaxis, "yaxis": yaxis, **layout}}


def axis(title: str = "", **more: Any) -> Figure:
    """Return an axis with room for its labels."""
    return {"title": {"text": title, "standoff": 12}, "zeroline": False, "automargin": True, **more}


def log_axis(title: str, values: Sequence[float]) -> Figure:
    """Return a logarithmic axis with a few round numbers around positive values."""
    low, high = min(values) / AIR, max(values) * AIR
    ticks: list[float] = []
    for factors in ((1, 2, 3, 5, 7), (1, 2, 5), (1,)):
        ticks = _round_numbers(low, high, factors)
        if len(ticks) <= MOST_TICKS:
            break
    span = [math.log10(low), math.log10(high)]
    return axis(title, type="log", range=span, tickvals=ticks, ticktext=[f"{tick:,.10g}" for tick in ticks])


def _round_numbers(low: float, high: float, factors: Sequence[int]) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [factor * 10.0**power for power in powers for factor in factors if low <= factor * 10.0**power <= high]
