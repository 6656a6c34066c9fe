"""Paired differences."""

import math

import numpy as np
import pytest

from granular_lm.comparison.statistics import cluster_numbers, compare_pair, delta_standard_error


def test_the_difference_is_a_ratio_of_sums() -> None:
    """Bits 10 and 4 against 6 and 4 over 2 and 6 bytes: delta 4/8."""
    pair = compare_pair("x", "y", np.array([10.0, 4]), np.array([6.0, 4]), np.array([2, 6]), np.array([0, 1]))
    assert pair.delta == 0.5


def test_the_standard_error_is_the_formula() -> None:
    """sqrt(n/(n-1) Σ(d - ΔB)²)/ΣB for d = 1, 3 and B = 2, 2: Δ = 1, residuals ∓1, sqrt(2·2)/4."""
    assert delta_standard_error(np.array([1.0, 3.0]), np.array([2.0, 2.0])) == pytest.approx(math.sqrt(2 * 2) / 4)


def test_near_duplicates_count_as_one_unit() -> None:
    """Copying every document leaves the difference and, in clusters, the interval as they were."""
    rng = np.random.default_rng(0)
    bits_a, bits_b, sizes = rng.normal(100, 9, 50), rng.normal(98, 9, 50), rng.integers(20, 60, 50)
    once = compare_pair("a", "b", bits_a, bits_b, sizes, np.arange(50))
    twice_a, twice_b, twice_sizes = np.tile(bits_a, 2), np.tile(bits_b, 2), np.tile(sizes, 2)
    clustered = compare_pair("a", "b", twice_a, twice_b, twice_sizes, np.tile(np.arange(50), 2))
    assert clustered.delta == pytest.approx(once.delta)
    assert clustered.ci == pytest.approx(once.ci)
    assert compare_pair("a", "b", twice_a, twice_b, twice_sizes, np.arange(100)).ci != pytest.approx(once.ci)


@pytest.mark.parametrize(
    ("shift", "spread", "verdict"),
    [(-5.0, 1.0, "a better"), (5.0, 1.0, "b better"), (0.0, 0.5, "equivalent"), (0.3, 60.0, "undecided")],
)
def test_verdicts(shift: float, spread: float, verdict: str) -> None:
    """Clear differences are decided, small sure ones are equivalent, unsure ones undecided."""
    rng = np.random.default_rng(1)
    base = rng.normal(300, 20, 2000)
    other = base + shift + rng.normal(0, spread, 2000)
    sizes = np.full(2000, 100)
    assert compare_pair("a", "b", other, base, sizes, np.arange(2000)).verdict == verdict


def test_intervals_cover_and_equal_codecs_are_rarely_called_different() -> None:
    """Over 2 000 simulated comparisons of equal codecs, 93 to 97 % of intervals hold zero."""
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(2000):
        sizes = rng.integers(5, 160, 300)
        base = np.full(300, 200.0)
        pair = compare_pair("a", "b", base + rng.normal(0, 0.3 * sizes), base, sizes, np.arange(300))
        covered += pair.ci[0] <= 0 <= pair.ci[1]
    assert 0.93 <= covered / 2000 <= 0.97


def test_one_document_decides_nothing() -> None:
    """With a single unit there is no interval."""
    pair = compare_pair("a", "b", np.array([1.0]), np.array([9.0]), np.array([3]), np.array([0]))
    assert pair.verdict == "undecided"
    assert pair.to_dict()["ci"] == [None, None]


def test_clusters_are_numbered_by_key() -> None:
    """Equal keys share a number, from 0 in order of appearance."""
    assert cluster_numbers(["x", "y", "x", "z"]).tolist() == [0, 1, 0, 2]
