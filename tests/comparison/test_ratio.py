"""How well the spread of a ratio is known."""

import math

import numpy as np
import pytest

from granular_lm.comparison.ratio import degrees_of_freedom, delta_standard_error


def test_the_standard_error_is_the_formula() -> None:
    """sqrt(n/(n-1) Σ(d - ΔB)²)/ΣB for d = 1, 3 and B = 2, 2: Δ = 1, residuals ∓1, sqrt(2·2)/4."""
    assert delta_standard_error(np.array([1.0, 3.0]), np.array([2.0, 2.0])) == pytest.approx(math.sqrt(2 * 2) / 4)


def test_a_few_clusters_know_less_than_their_number_of_degrees() -> None:
    """Squared residuals of 0 eight times and 1 twice: 2 · 10 · 0.2²/0.16 = 5; all alike leave one less than all."""
    differences = np.array([0.0] * 8 + [1.0, -1.0])
    assert degrees_of_freedom(differences, np.ones(10)) == pytest.approx(5)
    assert degrees_of_freedom(np.array([1.0, -1.0] * 5), np.ones(10)) == 9
