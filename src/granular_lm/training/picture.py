"""The learning curve as one SVG file that needs nothing else: no script, no network, no fonts of its own."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

from jinja2 import Environment, StrictUndefined

TEMPLATE = "picture.svg.jinja"
WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 696, 64, 344  # edges of the plot inside the picture, y downwards
X_TICKS, Y_TICKS = 6, 5
START_SHARE = 0.1
"""Share of the bytes whose training values the vertical axis need not show: an untrained network is far off."""

SMALLEST_RANGE = 0.05  # bits per byte; a flat curve is drawn as flat, not as noise blown up
SI_PREFIXES = ("", "k", "M", "G", "T", "P")

Curve = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to places in the picture.

    Attributes:
        low: Value at ``start``.
        high: Value at ``end``; above ``low``.
        start: Place in the picture.
        end: Place in the picture; may lie before ``start``.
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where ``value`` is drawn, to a hundredth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def learning_curve_svg(points: Sequence[Mapping[str, Any]], *, title: str) -> str:
    """Return the bits per byte of a run against the bytes it has read.

    The training loss is a line, the development loss a line with dots, the lowest of them marked with its value.
    Values that are no finite numbers are left out, and so is what the training loss does above the top in the first
    tenth of the run.

    Args:
        points: As `granular_lm.training.curve.MetricsRecorder` collects them; of each, ``bytes_seen``, ``train_bpb``
            and, where there is one, ``valid_bpb`` are read.
        title: Above the picture.

    Examples:
        >>> points = [
        ...     {"bytes_seen": 1000, "train_bpb": 6.1},
        ...     {"bytes_seen": 2000, "train_bpb": 4.2, "valid_bpb": 4.3},
        ... ]
        >>> learning_curve_svg(points, title="bios").startswith("<svg")
        True
    """
    train, valid = _curve(points, "train_bpb"), _curve(points, "valid_bpb")
    x = Axis(0.0, _most_bytes(train + valid), LEFT, RIGHT)
    y = Axis(*_interesting_range(train, valid), BOTTOM, TOP)
    best = min(valid, key=lambda point: point[1], default=None)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        title=title,
        description=_description(train, best),
        edges={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        x_ticks=[(x.place(value), si_bytes(value)) for value in ticks(x.low, x.high, X_TICKS)],
        y_ticks=[(y.place(value), label) for value, label in _labelled(ticks(y.low, y.high, Y_TICKS))],
        train=_placed(train, x, y),
        valid=_placed(valid, x, y),
        best=_mark(best, x, y),
    )


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return round values from ``low`` to ``high``, about ``count`` of them: steps of 1, 2 or 5 times a power of 10.

    Examples:
        >>> ticks(0, 970, 5)
        [0.0, 200.0, 400.0, 600.0, 800.0]
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def si_bytes(count: float) -> str:
    """Return a number of bytes with the prefix that keeps it short.

    Examples:
        >>> si_bytes(0), si_bytes(500), si_bytes(2_500_000)
        ('0', '500 B', '2.5 MB')
    """
    if not count:
        return "0"
    index = min(max(0, math.floor(math.log10(count) + 1e-9) // 3), len(SI_PREFIXES) - 1)
    return f"{count / 1000**index:.4g} {SI_PREFIXES[index]}B"


def _curve(points: Sequence[Mapping[str, Any]], name: str) -> Curve:
    """Return the bytes and values of those points that hold a finite value."""
    pairs = ((point["bytes_seen"], point.get(name)) for point in points)
    return [(float(seen), float(value)) for seen, value in pairs if value is not None and math.isfinite(value)]


def _most_bytes(curve: Curve) -> float:
    return max((seen for seen, _ in curve), default=0.0) or 1.0


def _interesting_range(train: Curve, valid: Curve) -> tuple[float, float]:
    """Return the lowest and the highest bits per byte to draw, with some air around the curves."""
    everything = [value for _, value in train + valid] or [0.0, 1.0]
    start = START_SHARE * _most_bytes(train)
    settled = [value for seen, value in train if seen > start] + [value for _, value in valid]
    low, high = min(everything), max(settled or everything)
    air = max(0.06 * (high - low), (SMALLEST_RANGE - (high - low)) / 2)
    return max(0.0, low - air), high + air


def _labelled(values: Sequence[float]) -> list[tuple[float, str]]:
    """Pair each value with its label, all with as many decimals as tell neighbours apart."""
    step = min((b - a for a, b in pairwise(values)), default=0.1)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, f"{value:.{decimals}f}") for value in values]


def _placed(curve: Curve, x: Axis, y: Axis) -> Curve:
    return [(x.place(seen), y.place(value)) for seen, value in curve]


def _mark(best: tuple[float, float] | None, x: Axis, y: Axis) -> dict[str, Any] | None:
    """Return where the best point and its label go: the label stays inside the plot."""
    if best is None:
        return None
    left, top = x.place(best[0]), y.place(best[1])
    anchor = "end" if left > RIGHT - 40 else "start" if left < LEFT + 40 else "middle"
    return {"x": left, "y": top, "text_y": round(top - 12, 2), "anchor": anchor, "label": f"{best[1]:.3f}"}


def _description(train: Curve, best: tuple[float, float] | None) -> str:
    """Return what the picture says, for those who do not see it."""
    if best is not None:
        return f"Lowest development loss: {best[1]:.3f} bits per byte after {si_bytes(best[0])}."
    if train:
        return f"Training loss: {train[-1][1]:.3f} bits per byte after {si_bytes(train[-1][0])}."
    return "Nothing was recorded."
