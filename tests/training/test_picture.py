"""The learning curve as a picture."""

import math
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.training.picture import BOTTOM, LEFT, RIGHT, TOP, learning_curve_svg, si_bytes, ticks

SVG = "{http://www.w3.org/2000/svg}"
bits = st.one_of(st.none(), st.floats(0, 20), st.sampled_from([math.nan, math.inf]))


def a_run(count: int = 40) -> list[dict[str, Any]]:
    """Return the points of a run that learns, the first ones far off, every tenth of them evaluated."""
    points = []
    for step in range(1, count + 1):
        point = {"bytes_seen": 25_000 * step, "train_bpb": 2 + 6 / step**0.7}
        if step % 10 == 0:
            point |= {"valid_bpb": point["train_bpb"] + 0.1}
        points.append(point)
    return points


def drawn(points: list[dict[str, Any]], title: str = "a run") -> Element:
    return fromstring(learning_curve_svg(points, title=title))


def places(svg: Element, name: str) -> list[tuple[float, float]]:
    """Return the corners of a curve."""
    [line] = [element for element in svg.iter(f"{SVG}polyline") if element.get("class") == name]
    return [(float(x), float(y)) for x, _, y in (pair.partition(",") for pair in line.get("points", "").split())]


def circles(svg: Element, name: str) -> list[Element]:
    return [element for element in svg.iter(f"{SVG}circle") if element.get("class") == name]


def test_more_is_further_right_and_further_up() -> None:
    """Bytes grow to the right, bits per byte grow upwards, in both curves."""
    points = a_run()
    svg = drawn(points)
    train, valid = places(svg, "train"), places(svg, "valid")
    assert len(train) == 40
    assert len(valid) == 4
    for curve in (train, valid):
        assert curve == sorted(curve)
        assert [y for _, y in curve] == sorted(y for _, y in curve)  # the losses fall, and y points down
    assert train[-1][0] == RIGHT
    assert all(v[1] < t[1] for v, t in zip(valid, train[9::10], strict=True))  # the same bytes, more bits


def test_the_first_values_do_not_flatten_the_curve() -> None:
    """What an untrained network spends lies above the plot; the rest fills it."""
    points = [{"bytes_seen": step, "train_bpb": 8.0 if step < 15 else 2 - step / 1000} for step in range(1, 201)]
    curve = places(drawn(points), "train")
    assert all(y < TOP for _, y in curve[:14])
    settled = [y for _, y in curve[20:]]
    assert min(settled) >= TOP
    assert max(settled) <= BOTTOM
    assert max(settled) - min(settled) > 0.7 * (BOTTOM - TOP)


def test_the_best_is_marked_with_its_value() -> None:
    """The lowest development loss, which need not be the last."""
    points = a_run()
    points[29]["valid_bpb"] = 1.234
    svg = drawn(points)
    [mark] = circles(svg, "best")
    assert [float(mark.get("cx", "")), float(mark.get("cy", ""))] == pytest.approx(places(svg, "valid")[2])
    [label] = [element for element in svg.iter(f"{SVG}text") if element.get("class") == "best-label"]
    assert label.text == "1.234"


def test_without_development_documents_there_is_one_curve() -> None:
    """No second line, no dots and no mark."""
    svg = drawn([{"bytes_seen": 1000 * step, "train_bpb": 3.0} for step in range(1, 5)])
    assert len(places(svg, "train")) == 4
    assert len(list(svg.iter(f"{SVG}polyline"))) == 1
    assert not list(svg.iter(f"{SVG}circle"))


def test_one_point_is_seen() -> None:
    """A line of one point shows nothing, so there is a dot."""
    [dot] = circles(drawn([{"bytes_seen": 512, "train_bpb": 5.0}]), "train-dot")
    assert TOP < float(dot.get("cy", "")) < BOTTOM


def test_the_title_is_text() -> None:
    """Nothing in it is markup."""
    svg = drawn(a_run(), title='bios & <script>alert("x")</script>')
    assert svg.findtext(f"{SVG}title") == 'bios & <script>alert("x")</script>'
    assert not list(svg.iter(f"{SVG}script"))


def test_nothing_is_loaded() -> None:
    """The file names no other place than the one that says what SVG is."""
    text = learning_curve_svg(a_run(), title="a run")
    assert text.count("http") == 1
    assert "url(#plot)" in text
    assert text.count("url(") == 1


@given(st.lists(st.tuples(st.integers(0, 10**13), bits, bits), max_size=12))
def test_every_run_can_be_drawn(rows: list[tuple[int, float | None, float | None]]) -> None:
    """Empty, flat, not a number, nothing read: well-formed, and each place is a number inside the sides."""
    rows.sort(key=lambda row: row[0])
    points = [{"bytes_seen": seen, "train_bpb": train, "valid_bpb": valid} for seen, train, valid in rows]
    svg = drawn(points)
    corners = [corner for line in svg.iter(f"{SVG}polyline") for corner in places(svg, line.get("class", ""))]
    finite = [value for _, *values in rows for value in values if value is not None and math.isfinite(value)]
    assert len(corners) == len(finite)
    assert all(LEFT <= x <= RIGHT and y <= BOTTOM for x, y in corners)


@given(st.floats(0, 1e12), st.floats(1e-3, 1e12), st.integers(3, 8))
def test_ticks_are_inside_and_even(low: float, span: float, count: int) -> None:
    """Between a third and two and a half times as many as asked for, evenly apart."""
    values = ticks(low, low + span, count)
    assert all(low - 1e-6 * span <= value <= low + span * (1 + 1e-6) + 1e-3 for value in values)
    assert count / 3 <= len(values) <= 2.5 * count


@pytest.mark.parametrize(
    ("count", "shown"),
    [(999, "999 B"), (1000, "1 kB"), (1_500_000, "1.5 MB"), (0, "0"), (2e16, "20 PB"), (3e18, "3000 PB")],
)
def test_bytes_are_short(count: float, shown: str) -> None:
    """A prefix for each thousandfold."""
    assert si_bytes(count) == shown
