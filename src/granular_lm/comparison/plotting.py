"""How the entries of a comparison are drawn, in all pictures of the report alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from granular_lm.comparison.results import Comparison
from granular_lm.page.plotting import COLOURS, Figure

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "star")


@dataclass(frozen=True, slots=True)
class Mark:
    """How an entry is drawn: colours tell codecs apart, dashes and symbols the sizes of one codec."""

    colour: str
    dash: str
    symbol: str


def marks(comparison: Comparison) -> dict[str, Mark]:
    """Return how each entry is drawn."""
    return {
        entry: Mark(_cycled(COLOURS, codec), _cycled(DASHES, size), _cycled(SYMBOLS, size))
        for codec, entries in enumerate(entries_by_codec(comparison).values())
        for size, entry in enumerate(entries)
    }


def entries_by_codec(comparison: Comparison) -> dict[str, list[str]]:
    """Return the entries of each codec: its widths."""
    found: dict[str, list[str]] = {}
    for entry in comparison.entries:
        found.setdefault(comparison.of_entry(entry)[0].row["codec"], []).append(entry)
    return found


def line(entry: str, mark: Mark, x: Sequence[float], y: Sequence[Any], *, shape: str = "linear", **more: Any) -> Figure:
    """Return an entry's line."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": entry,
        "x": list(x),
        "y": list(y),
        "line": {"color": mark.colour, "width": 1.75, "dash": mark.dash, "shape": shape},
        "marker": {"size": 5, "symbol": mark.symbol},
        **more,
    }


def _cycled(choices: Sequence[str], position: int) -> str:
    return choices[position % len(choices)]
