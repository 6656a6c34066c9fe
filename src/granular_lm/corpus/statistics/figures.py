"""The pictures of the page of statistics."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from granular_lm.corpus.statistics.counting import CorpusStatistics
from granular_lm.corpus.statistics.lengths import Lengths, readable_length
from granular_lm.page.plotting import COLOURS, Figure, Picture, axis, figure, log_axis

ROW = 22  # pixels
MOST_SCRIPTS = 20
LEGEND_ON_TOP: Figure = {
    "showlegend": True,
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    "margin": {"l": 8, "r": 16, "t": 36, "b": 8},
}
BYTE_KINDS = {"ASCII": (0x00, 0x80), "continuation": (0x80, 0xC0), "first of several": (0xC0, 0x100)}


def pictures(counted: CorpusStatistics, codecs: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Return the pictures that there are numbers for.

    Args:
        counted: The statistics.
        codecs: Those of codecs, as JSON values.
    """
    drawn = [
        _lengths("bytes", counted.bytes_per_document),
        _lengths("characters", counted.characters_per_document),
        _bytes(counted.byte_counts),
        _characters(counted),
        _scripts(counted),
        _emoji(counted),
        _codecs(codecs),
    ]
    return [picture for picture in drawn if picture is not None]


def readable(text: str) -> str:
    """Return text that can be shown: a character without a shape by its number, invalid UTF-8 in backslashes."""
    if len(text) == 1 and (not text.isprintable() or text.isspace() or unicodedata.category(text).startswith("M")):
        return f"U+{ord(text):04X}"
    return text.encode("utf-8", "backslashreplace").decode()


def _lengths(unit: str, lengths: Lengths) -> Picture:
    """Return the histogram of lengths; the bar of the longest documents is as wide as the others."""
    bins = lengths.histogram
    width = bins[0][1] - bins[0][0] + 1
    drawn = figure(
        [
            {
                "type": "bar",
                "x": [first + width / 2 for first, _, _ in bins],
                "y": [documents for _, _, documents in bins],
                "width": width,
                "customdata": [f"{first:,} to {last:,} {unit}" for first, last, _ in bins],
                "marker": {"color": [COLOURS[1] if last - first >= width else COLOURS[0] for first, last, _ in bins]},
                "hovertemplate": "%{y:,} documents of %{customdata}<extra></extra>",
            }
        ],
        xaxis=axis(f"{unit} of a document", range=[bins[0][0], bins[-1][0] + width]),
        yaxis=axis("documents", rangemode="tozero"),
        bargap=0.05,
    )
    more = (
        f" The last bar, orange, is all from {bins[-1][0]:,} to {lengths.max:,}."
        if bins[-1][1] >= bins[-1][0] + width
        else ""
    )
    half = f"Half of the documents have up to {readable_length(lengths.median)} {unit}"
    caption = f"{half}, 99 of 100 up to {lengths.p99:,}.{more}"
    return Picture(f"lengths-{unit}", f"Lengths in {unit}", caption, drawn)


def _bytes(counts: Sequence[int]) -> Picture | None:
    if not any(counts):
        return None
    traces = [
        _byte_bars(name, first, end, counts, colour)
        for (name, (first, end)), colour in zip(BYTE_KINDS.items(), COLOURS, strict=False)
    ]
    drawn = figure(
        traces,
        xaxis=axis(
            "byte value",
            range=[-1, 256],
            tickvals=list(range(0, 257, 32)),
            ticktext=[f"{at:02x}" for at in range(0, 257, 32)],
        ),
        yaxis=log_axis("occurrences", [1, max(counts)]),
        bargap=0,
        **LEGEND_ON_TOP,
    )
    return Picture("bytes", "Bytes", "How often each byte value occurs; the axis is logarithmic.", drawn)


def _byte_bars(name: str, first: int, end: int, counts: Sequence[int], colour: str) -> Figure:
    values = range(first, end)
    return {
        "type": "bar",
        "name": name,
        "x": list(values),
        "y": [counts[value] or None for value in values],
        "customdata": [f"{value:02x}" + (f" {chr(value)!r}" if 0x20 < value < 0x7F else "") for value in values],
        "marker": {"color": colour},
        "hovertemplate": "%{customdata}: %{y:,}<extra></extra>",
    }


def _characters(counted: CorpusStatistics) -> Picture | None:
    which = _which(len(counted.most_frequent_characters), counted.distinct_characters)
    caption = f"{which}, as a share of all characters."
    pairs = [(readable(text), count / counted.characters) for text, count in counted.most_frequent_characters]
    return _ranking("characters", "Characters", caption, pairs)


def _emoji(counted: CorpusStatistics) -> Picture | None:
    by = "" if counted.emoji_unit == "grapheme" else ", by character"
    which = _which(len(counted.most_frequent_emoji), counted.distinct_emoji)
    caption = f"{which}{by}, as a share of {counted.emoji:,} emoji."
    pairs = [(readable(text), count / counted.emoji) for text, count in counted.most_frequent_emoji]
    return _ranking("emoji", "Emoji", caption, pairs)


def _which(shown: int, distinct: int) -> str:
    return f"The most frequent of {distinct:,}" if shown < distinct else "All there are"


def _ranking(name: str, title: str, caption: str, pairs: Sequence[tuple[str, float]]) -> Picture | None:
    """Return bars of shares, the first on top."""
    if not pairs:
        return None
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": [text for text, _ in pairs],
        "x": [share for _, share in pairs],
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{y}: %{x:.2%}<extra></extra>",
    }
    drawn = figure(
        [trace],
        xaxis=axis(tickformat=".2~p", rangemode="tozero"),
        yaxis=_rows(),
        bargap=0.3,
        height=ROW * len(pairs) + 48,
    )
    return Picture(name, title, caption, drawn)


def _rows() -> Figure:
    """Return an axis of names, the first on top."""
    return axis(type="category", autorange="reversed", ticksuffix=" ", dtick=1)


def _scripts(counted: CorpusStatistics) -> Picture | None:
    shown = counted.scripts[:MOST_SCRIPTS]
    if not shown:
        return None
    letters = sum(script.letters for script in counted.scripts)
    percent = {
        "letters": [100 * script.letters / letters for script in shown],
        "documents": [100 * script.documents / counted.documents for script in shown],
    }
    names = [script.name for script in shown]
    drawn = figure(
        [_dots(name, names, values, colour) for (name, values), colour in zip(percent.items(), COLOURS, strict=False)],
        xaxis=log_axis("percent", [1, 100, *(value for values in percent.values() for value in values if value)]),
        yaxis=_rows(),
        height=ROW * len(shown) + 108,
        **LEGEND_ON_TOP,
    )
    caption = (
        "Share of all letters, and of documents that have more than half of theirs in it; the axis is logarithmic."
    )
    return Picture("scripts", "Scripts", caption, drawn)


def _dots(name: str, rows: Sequence[str], values: Sequence[float], colour: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "y": list(rows),
        "x": [value or None for value in values],
        "marker": {"size": 9, "color": colour, "symbol": "circle" if name == "letters" else "diamond"},
        "hovertemplate": f"%{{y}}: %{{x:.3g}} % of {name}<extra></extra>",
    }


def _codecs(codecs: Sequence[Mapping[str, Any]]) -> Picture | None:
    if not codecs:
        return None
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": [told["codec"] for told in codecs],
        "x": [told["tokens_per_byte"] for told in codecs],
        "marker": {"color": [COLOURS[at % len(COLOURS)] for at in range(len(codecs))]},
        "hovertemplate": "%{y}: %{x:.3f} tokens per byte<extra></extra>",
    }
    drawn = figure(
        [trace],
        xaxis=axis("tokens per byte", rangemode="tozero"),
        yaxis=_rows(),
        bargap=0.4,
        height=40 * len(codecs) + 80,
    )
    caption = "How many tokens a byte takes: the fewer, the shorter the strings a model has to learn."
    return Picture("codecs", "Codecs", caption, drawn)
