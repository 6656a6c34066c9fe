"""Draws that all codecs of a comparison share."""

import math

import numpy as np
import pytest

from granular_lm.comparison import resampling
from granular_lm.comparison.resampling import Draws


def test_draws_are_sums_over_sums_of_whole_clusters() -> None:
    """Of two clusters, a draw holds both or one of them twice; with signs, it adds or subtracts each."""
    sums = {"a": np.array([[6.0, 2.0]])}
    draws = Draws.of(sums, np.array([2.0, 4.0]), 200, seed=0)
    assert set(draws.resampled["a"][0].tolist()) == {12 / 4, 8 / 6, 4 / 8}
    assert set(draws.flipped["a"][0].tolist()) == {8 / 6, 4 / 6, -4 / 6, -8 / 6}


def test_each_cluster_is_drawn_once_on_average() -> None:
    """As many are drawn as there are, and each cluster's share of the draws is the same."""
    counts = np.eye(7)
    draws = Draws.of({str(place): counts[place : place + 1] for place in range(7)}, np.ones(7), 20_000, seed=1)
    means = np.array([values.mean() for values in draws.resampled.values()])
    assert sum(values[0] for values in draws.resampled.values()) == pytest.approx(np.ones(20_000))
    assert means == pytest.approx(np.full(7, 1 / 7), rel=0.05)
    assert [values.mean() for values in draws.flipped.values()] == pytest.approx([0] * 7, abs=0.01)


def test_each_seed_of_a_codec_is_told_apart() -> None:
    """So that a pair can take those that both codecs have."""
    sums = {"a": np.array([[1.0], [2.0], [6.0]]), "b": np.array([[1.0], [2.0]])}
    draws = Draws.of(sums, np.ones(1), 2, seed=0)
    assert {name: values[:, 0].tolist() for name, values in draws.resampled.items()} == {"a": [1, 2, 6], "b": [1, 2]}


def test_draws_are_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for a few resamples at a time gives the numbers that memory for all of them gives."""
    sums, sizes = {"a": np.random.default_rng(5).normal(100, 9, (1, 40))}, np.full(40, 50.0)
    whole = Draws.of(sums, sizes, 100, seed=0)
    monkeypatch.setattr(resampling, "ENTRIES_AT_ONCE", 293)
    pieces = Draws.of(sums, sizes, 100, seed=0)
    assert pieces.resampled["a"] == pytest.approx(whole.resampled["a"])
    assert pieces.flipped["a"] == pytest.approx(whole.flipped["a"])


def test_interval_is_not_too_narrow_for_five_clusters() -> None:
    """Normal deviations of five become those of Student's t, 2.776 instead of 1.96, and divide by four."""
    draws = Draws({}, {}, resamples=200_000, seed=0)
    deviations = np.random.default_rng(1).normal(size=200_000) * draws.widths(4, clusters=5)
    assert np.quantile(deviations, 0.975) == pytest.approx(2.776 * math.sqrt(5 / 4), rel=0.02)


def test_one_seed_has_no_deviation_and_three_have_those_of_students_t() -> None:
    """The mean of three lies 4.303 standard errors off, or more, in one of twenty."""
    draws = Draws({}, {}, resamples=200_000, seed=0)
    assert not draws.of_seeds(1).any()
    assert np.quantile(draws.of_seeds(3), 0.975) == pytest.approx(4.303 / math.sqrt(3), rel=0.02)
