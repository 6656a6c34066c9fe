"""Budgets and the learning rate, as pure functions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.errors import OptionError
from granular_lm.training.schedule import DEFAULT_SECONDS, Budget, learning_rate_factor


@given(st.floats(0, 1), st.floats(0, 0.9))
def test_the_factor_rises_to_one_and_falls_to_zero(progress: float, warmup: float) -> None:
    """Between 0 and 1 everywhere, 1 at the end of the warm-up, 0 at the end."""
    assert 0 <= learning_rate_factor(progress, warmup=warmup) <= 1
    assert learning_rate_factor(warmup, warmup=warmup) == pytest.approx(1)
    assert learning_rate_factor(1.0, warmup=warmup) == 0


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(Budget(seconds=10), 0.3), (Budget(epochs=2), 0.25), (Budget(max_bytes=200), 0.5), (Budget(epochs=0.5), 1.0)],
)
def test_progress_in_each_unit(budget: Budget, expected: float) -> None:
    """After 3 seconds and 100 bytes of a corpus of 200."""
    assert budget.progress(seconds=3, bytes_seen=100, corpus_bytes=200) == pytest.approx(expected)


@pytest.mark.parametrize(
    "limits", [{}, {"epochs": 1, "seconds": 3}, {"epochs": 0}, {"max_bytes": -5}, {"max_bytes": 10**400}]
)
def test_a_budget_is_one_positive_number(limits: dict[str, float]) -> None:
    """None, two, zero, negative and endless budgets are refused."""
    with pytest.raises(OptionError):
        Budget(**limits)  # type: ignore[arg-type]


def test_without_a_budget_there_is_a_default() -> None:
    """Five minutes."""
    assert Budget.of() == Budget(seconds=DEFAULT_SECONDS)


def test_a_budget_is_the_same_however_it_is_written() -> None:
    """Seconds and passes as 40 and as 40.0 are one budget, and a job of `compare` is found again under it."""
    assert repr(Budget.of(max_time=40)) == repr(Budget.of(max_time=40.0))
    assert repr(Budget.of(epochs=1)) == repr(Budget.of(epochs=1.0))
