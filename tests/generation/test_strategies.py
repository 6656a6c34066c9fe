"""Each change to a distribution, as a property."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from granular_lm.errors import OptionError
from granular_lm.generation.strategies import (
    Strategy,
    apply_temperature,
    draw,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
    normalise,
    penalise_repetition,
)

rows = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(2, 12)), elements=st.floats(-20, 3)).map(normalise)


def probabilities(log_probs: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(log_probs))


@given(rows, st.sampled_from([0, 0.1, 0.7, 1.0, 1.5, 10]))
def test_temperature_keeps_the_order_and_the_sum(log_probs: np.ndarray, temperature: float) -> None:
    """Ranks never change, and every row sums to one."""
    changed = apply_temperature(log_probs, temperature)
    assert np.allclose(probabilities(changed).sum(-1), 1)
    order = np.argsort(-log_probs, axis=-1, kind="stable")
    ranked = np.take_along_axis(changed, order, -1)
    assert (ranked[:, :-1] >= ranked[:, 1:] - 1e-12).all()


def test_temperature_is_a_power_of_the_probabilities() -> None:
    """At T = 1/2, 0.8 and 0.2 become 0.64 and 0.04 over 0.68."""
    changed = probabilities(apply_temperature(np.log([[0.8, 0.2]]), 0.5))
    assert changed == pytest.approx(np.array([[0.64, 0.04]]) / 0.68)


def test_temperature_zero_is_greedy() -> None:
    """Only the most likely token stays, the lower id of two equal ones."""
    assert probabilities(apply_temperature(np.log([[0.2, 0.4, 0.4]]), 0)).tolist() == [[0, 1, 0]]


def test_the_smallest_temperatures_are_greedy() -> None:
    """Next to 0 nothing overflows into NaN."""
    assert probabilities(apply_temperature(np.log([[0.2, 0.5, 0.3]]), 1e-320)).tolist() == [[0, 1, 0]]


@given(rows, st.integers(1, 15))
def test_top_k_keeps_exactly_k(log_probs: np.ndarray, k: int) -> None:
    """Exactly k tokens stay, ties or not, and none that is less likely than one removed."""
    for tied in (log_probs, np.zeros_like(log_probs) - math.log(log_probs.shape[-1])):
        kept = np.isfinite(keep_top_k(tied, k))
        assert (kept.sum(-1) == min(k, tied.shape[-1])).all()
        for row, is_kept in zip(tied, kept, strict=True):
            assert is_kept.all() or row[is_kept].min() >= row[~is_kept].max()


@given(rows, st.floats(0.01, 1.0))
def test_top_p_keeps_the_fewest_that_reach_p(log_probs: np.ndarray, p: float) -> None:
    """The kept mass reaches p, and without the least likely kept token it would not."""
    kept = np.isfinite(keep_top_p(log_probs, p))
    for row, is_kept in zip(probabilities(log_probs), kept, strict=True):
        mass = row[is_kept].sum()
        assert mass >= p - 1e-9
        assert mass - row[is_kept].min() < p + 1e-9


@given(rows, st.floats(0.01, 1.0))
def test_min_p_keeps_what_is_near_the_likeliest(log_probs: np.ndarray, p: float) -> None:
    """A token stays exactly if it is at least p times as likely as the likeliest."""
    kept = np.isfinite(keep_min_p(log_probs, p))
    for row, is_kept in zip(log_probs, kept, strict=True):
        assert is_kept.tolist() == (row >= row.max() + math.log(p)).tolist()


@given(rows, st.floats(0.01, 1.0))
def test_typical_keeps_what_is_nearest_to_the_entropy(log_probs: np.ndarray, p: float) -> None:
    """The kept mass reaches p, and nothing kept is farther from the entropy than anything removed."""
    kept = np.isfinite(keep_typical(log_probs, p))
    for row, is_kept in zip(log_probs, kept, strict=True):
        probs = np.exp(row)
        distance = np.abs(-row - -(probs * row).sum())
        assert probs[is_kept].sum() >= p - 1e-9
        assert is_kept.all() or distance[is_kept].max() <= distance[~is_kept].min() + 1e-9


@given(rows, st.floats(1, 4), st.data())
def test_repetition_gets_rarer_by_a_power(log_probs: np.ndarray, penalty: float, data: st.DataObject) -> None:
    """Tokens seen lose against those not seen; within each kind proportions are a power of what they were."""
    is_seen = data.draw(arrays(np.bool_, log_probs.shape))
    changed = penalise_repetition(log_probs, is_seen, penalty)
    assert np.allclose(probabilities(changed).sum(-1), 1)
    for before, after, seen in zip(log_probs, changed, is_seen, strict=True):
        shift = after - np.where(seen, penalty * before, before)
        assert np.allclose(shift, shift[0])


def test_the_order_is_the_one_documented() -> None:
    """Each step sees the outcome of the one before it."""
    start = normalise(np.log([[0.4, 0.3, 0.15, 0.1, 0.05]]))
    is_seen = np.array([[False, True, False, False, False]])
    expected = apply_temperature(penalise_repetition(start, is_seen, 1.2), 2.0)
    expected = keep_typical(keep_min_p(keep_top_p(keep_top_k(expected, 4), 0.9), 0.5), 0.7)
    strategy = Strategy(temperature=2.0, top_k=4, top_p=0.9, min_p=0.5, typical_p=0.7, repetition_penalty=1.2)
    np.testing.assert_allclose(probabilities(strategy.apply(start, is_seen=is_seen)), probabilities(expected))


def test_a_list_of_temperatures_is_gone_through_again_and_again() -> None:
    """Step by step, and from its start after its end."""
    start = normalise(np.log([[0.5, 0.3, 0.2]]))
    strategy = Strategy(temperature=[1, 0.5, 0])
    for step, temperature in enumerate([1, 0.5, 0, 1, 0.5]):
        expected = apply_temperature(start, temperature)
        np.testing.assert_allclose(probabilities(strategy.apply(start, step=step)), probabilities(expected))


@given(rows, st.floats(0, 1, exclude_max=True))
def test_a_draw_never_takes_a_removed_token(log_probs: np.ndarray, uniform: float) -> None:
    """Whatever the random number, the token drawn has positive probability."""
    kept = keep_top_k(log_probs, 2)
    drawn, totals = draw(np.exp(kept), np.full(len(kept), uniform))
    assert np.isfinite(kept[np.arange(len(kept)), drawn]).all()
    assert totals == pytest.approx(1)


@given(st.integers(1, 4), st.integers(1, 140), st.integers(0, 2**32 - 1), st.floats(0, 1, exclude_max=True))
def test_a_draw_is_where_the_sum_passes_the_share(count: int, size: int, seed: int, uniform: float) -> None:
    """One row or several, of any length, with zeros among the weights: always the same token."""
    rng = np.random.default_rng(seed)
    weights = rng.random((count, size)).astype(np.float32) * (rng.random((count, size)) < 0.4)
    weights[:, rng.integers(size)] = 1.0
    drawn, totals = draw(weights, np.full(count, uniform))
    for row, token, total in zip(weights, drawn, totals, strict=True):
        sums = np.cumsum(row, dtype=np.float64)
        assert total == pytest.approx(sums[-1])
        assert row[token] > 0
        assert sums[token] >= uniform * sums[-1] * (1 - 1e-12)
        assert token == 0 or sums[token - 1] <= uniform * sums[-1] * (1 + 1e-12)


def test_rounding_between_blocks_and_tokens_does_not_matter() -> None:
    """Where the sum of a block exceeds the share and those of its tokens do not, its last token is drawn."""
    weights = np.zeros((2, 64))
    weights[:, :20] = 0.1
    uniforms = np.full(2, 1 - 2.0**-53)
    drawn, _ = draw(weights, uniforms)
    assert drawn.tolist() == [19, 19]


def test_a_whole_of_the_smallest_number_is_drawn_from() -> None:
    """Any share of it rounds to nothing or to all of it."""
    smallest = np.array([[0.0, 5e-324, 0.0]])
    for uniform in (0.0, 0.4, 0.9, 1 - 2.0**-53):
        assert draw(smallest, np.array([uniform]))[0].tolist() == [1]


def test_draws_follow_the_distribution() -> None:
    """Over an even grid of random numbers each token is drawn in proportion."""
    uniforms = (np.arange(10_000) + 0.5) / 10_000
    drawn, _ = draw(np.repeat([[0.1, 0.2, 0.7]], 10_000, axis=0), uniforms)
    assert np.bincount(drawn).tolist() == [1000, 2000, 7000]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"temperature": math.inf},
        {"temperature": math.nan},
        {"temperature": "1"},
        {"top_k": 0},
        {"top_k": 2.5},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"typical_p": 0},
        {"repetition_penalty": 0.9},
        {"temperature": []},
        {"temperature": [1, -1]},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    """The message names the option and the value met."""
    [(name, value)] = options.items()
    with pytest.raises(OptionError, match=re.escape(f"{name}={value!r}")):
        Strategy(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.array([0.5, 0.7]), [0.5], "0.5", np.inf, np.nan])
def test_what_is_no_share_is_refused_in_a_line(value: object) -> None:
    """Whatever it is, an array too."""
    with pytest.raises(OptionError, match=r"^top_p=.* is not accepted; give a number above 0, at most 1"):
        Strategy(top_p=value)  # type: ignore[arg-type]
