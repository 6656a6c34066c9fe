"""Differences between codecs: over documents, over seeds."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from granular_lm.comparison.statistics import Pair, cluster_numbers, compare_all, holm

Floats = NDArray[np.float64]


def compare(a: Floats, b: Floats, sizes: NDArray[np.int64], *, resamples: int = 1000, seed: int = 0) -> Pair:
    """Compare two codecs, each document being a cluster of its own."""
    rows = {"a": np.atleast_2d(a), "b": np.atleast_2d(b)}
    return compare_all(rows, sizes, np.arange(len(sizes)), [("a", "b")], resamples=resamples, seed=seed)[1][0]


def test_the_difference_is_a_ratio_of_sums() -> None:
    """Bits 10 and 4 against 6 and 4 over 2 and 6 bytes: delta 4/8, and 14/8 bits per byte."""
    rows = {"x": np.array([[10.0, 4]]), "y": np.array([[6.0, 4]])}
    estimates, (pair,) = compare_all(rows, np.array([2, 6]), np.arange(2), [("x", "y")])
    assert pair.delta == 0.5
    assert estimates["x"].bpb == 1.75


def test_seeds_are_paired_by_number_and_averaged() -> None:
    """Differences of 2/4 and 4/4 are 0.75 on average, sd √(2·0.25²); a third seed of one codec has no partner."""
    a, b = np.array([[2.0, 4.0], [4.0, 4.0], [9.0, 9.0]]), np.array([[2.0, 2.0], [2.0, 2.0]])
    rows, sizes = {"a": a, "b": b}, np.array([2, 2])
    estimates, (pair,) = compare_all(rows, sizes, np.arange(2), [("a", "b")])
    assert pair.delta == 0.75
    assert pair.seed_sd == pytest.approx(math.sqrt(2 * 0.25**2))
    assert estimates["a"].bpb == pytest.approx((6 + 8 + 18) / 3 / 4)


def test_one_seed_has_no_spread_over_seeds() -> None:
    """With one seed the interval is that over documents, and nothing is said of seeds."""
    rng = np.random.default_rng(0)
    pair = compare(rng.normal(100, 9, 50), rng.normal(98, 9, 50), np.full(50, 50))
    assert pair.seed_sd is None
    assert pair.ci == pair.ci_documents


def test_the_interval_is_that_of_the_delta_method_on_many_documents() -> None:
    """Two ways to the same interval: drawing anew, and 1.96 standard errors."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(5, 160, 3000)
    pair = compare(200 + rng.normal(0, 0.3 * sizes), np.full(3000, 200.0), sizes, resamples=10_000)
    expected = pair.delta + 1.96 * pair.se_documents * np.array([-1, 1])
    assert pair.ci == pytest.approx(expected.tolist(), abs=0.05 * pair.se_documents)


def test_near_duplicates_count_as_one_unit() -> None:
    """Copying every document changes nothing where copies are one cluster; taken as documents they narrow it."""
    rng = np.random.default_rng(0)
    bits = {"a": rng.normal(100, 9, (3, 50)), "b": rng.normal(98, 9, (3, 50))}
    sizes, pairs = rng.integers(20, 60, 50), [("a", "b")]
    twice, twice_sizes = {name: np.tile(rows, 2) for name, rows in bits.items()}, np.tile(sizes, 2)
    once_estimates, (once,) = compare_all(bits, sizes, np.arange(50), pairs)
    estimates, (clustered,) = compare_all(twice, twice_sizes, np.tile(np.arange(50), 2), pairs)
    _, (apart,) = compare_all(twice, twice_sizes, np.arange(100), pairs)
    assert clustered.ci == pytest.approx(once.ci)
    assert clustered.p == once.p
    assert estimates["a"].ci == pytest.approx(once_estimates["a"].ci)
    assert apart.ci_documents[1] - apart.ci_documents[0] < 0.8 * (once.ci_documents[1] - once.ci_documents[0])


def test_all_codecs_meet_the_same_draws() -> None:
    """A codec under another name differs in nothing, neither from itself nor in how it differs from others."""
    rng = np.random.default_rng(1)
    b = rng.normal(98, 9, (3, 50))
    bits = {"a": rng.normal(100, 9, (3, 50)), "b": b, "again": b}
    pairs = [("a", "b"), ("a", "again"), ("b", "again")]
    estimates, (first, second, same) = compare_all(bits, rng.integers(20, 60, 50), np.arange(50), pairs)
    assert first.ci == pytest.approx(second.ci, rel=1e-12)
    assert first.p == second.p
    assert estimates["b"].ci == pytest.approx(estimates["again"].ci, rel=1e-12)
    assert (same.delta, same.p, same.verdict) == (0, 1, "equivalent")
    assert same.ci == pytest.approx((0, 0), abs=1e-12)


def test_the_other_way_round_is_the_mirror_image() -> None:
    """The difference of b and a is that of a and b with the sign changed."""
    rng = np.random.default_rng(2)
    bits, sizes = {"a": rng.normal(100, 9, (1, 50)), "b": rng.normal(98, 9, (1, 50))}, np.full(50, 50)
    _, (there, back) = compare_all(bits, sizes, np.arange(50), [("a", "b"), ("b", "a")])
    assert (-back.ci[1], -back.ci[0]) == pytest.approx(there.ci)
    assert back.p == there.p


def test_a_seed_decides_all_draws() -> None:
    """The same seed gives the same numbers to the last bit, another one others."""
    rng = np.random.default_rng(4)
    a, b, sizes = rng.normal(100, 9, (3, 500)), rng.normal(98, 9, (3, 500)), rng.integers(20, 60, 500)
    assert compare(a, b, sizes) == compare(a, b, sizes)
    assert compare(a, b, sizes).ci != compare(a, b, sizes, seed=1).ci


@pytest.mark.parametrize(
    ("shift", "spread", "verdict"),
    [(-5.0, 1.0, "a better"), (5.0, 1.0, "b better"), (0.0, 0.5, "equivalent"), (0.3, 60.0, "undecided")],
)
def test_verdicts(shift: float, spread: float, verdict: str) -> None:
    """Clear differences are decided, small sure ones are equivalent, unsure ones undecided."""
    rng = np.random.default_rng(1)
    base = rng.normal(300, 20, 2000)
    other = base + shift + rng.normal(0, spread, 2000)
    assert compare(other, base, np.full(2000, 100)).verdict == verdict


def test_a_difference_on_these_documents_is_none_if_seeds_disagree() -> None:
    """Sure over documents, but one seed says a and the other b: undecided, where each alone would decide."""
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 1, (2, 1000))
    a = 200 + noise + np.array([[6.0], [-4.0]])
    pair = compare(a, np.full((2, 1000), 200.0), np.full(1000, 100))
    assert pair.ci_documents[0] > 0
    assert pair.verdict == "undecided"
    assert compare(a[0], np.full(1000, 200.0), np.full(1000, 100)).verdict == "b better"


def test_a_verdict_minds_how_many_pairs_there_are() -> None:
    """What a single pair would decide at p = 0.02 is open among fifteen pairs."""
    rng = np.random.default_rng(10)
    bits = {name: rng.normal(200, 20, (1, 300)) for name in "abcdef"}
    bits["a"] += 200 * 0.018 + (bits["b"].mean() - bits["a"].mean())
    sizes = np.full(300, 100)
    alone = compare(bits["a"], bits["b"], sizes)
    among = compare_all(bits, sizes, np.arange(300), list(combinations(bits, 2)))[1][0]
    assert alone.verdict == "b better"
    assert among.ci[0] > 0
    assert among.p < 0.05 <= among.p_adjusted
    assert among.verdict == "undecided"


def test_holm_by_hand() -> None:
    """Of four, the smallest counts fourfold, the next threefold, and none less than a smaller one; 1 is the most."""
    assert holm([0.02, 0.01, 0.6, 0.022]) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([]) == []


def test_the_p_value_is_that_of_all_signs() -> None:
    """Of all 2^8 ways to sign eight differences, the share whose sum is as far from 0."""
    differences = np.array([3.0, 1.0, -1.0, 4.0, 2.0, 6.0, -2.0, 5.0])
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=8)]
    exact = np.mean([each >= abs(differences.sum()) for each in sums])
    pair = compare(100 + differences, np.full(8, 100.0), np.arange(1, 9), resamples=40_000)
    assert pair.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 40_000))


def test_one_document_decides_nothing() -> None:
    """With a single unit there is no interval, however many seeds there are."""
    pair = compare(np.array([[1.0], [1.1]]), np.array([[9.0], [9.2]]), np.array([3]))
    assert (pair.verdict, pair.p) == ("undecided", 1)
    told = pair.to_dict()
    assert (told["ci"], told["ci_documents"], told["se_documents"]) == ([None, None], [None, None], None)


def test_a_draw_of_empty_documents_divides_nothing_by_zero() -> None:
    """Of three documents, two of them empty, some draws hold no byte."""
    pair = compare(np.array([9.0, 1.0, 2.0]), np.array([8.0, 2.0, 1.0]), np.array([5, 0, 0]))
    assert np.isfinite(pair.ci).all()
    assert pair.verdict == "undecided"


def test_clusters_are_numbered_by_key() -> None:
    """Equal keys share a number, from 0 in order of appearance."""
    assert cluster_numbers(["x", "y", "x", "z"]).tolist() == [0, 1, 0, 2]


def simulated(rng: np.random.Generator, seeds: int, documents: int, sds: tuple[float, float, float]) -> Pair:
    """Compare two codecs that are equal in truth; documents have the skewed lengths of short strings.

    Args:
        rng: What draws.
        seeds: Of each codec.
        documents: Clusters of one.
        sds: Standard deviation, in bits per byte, of the difference between documents, of that between seeds (by
            which all documents of one move alike), and of what one seed makes of one document.
    """
    sizes = np.maximum(rng.lognormal(4, 0.9, documents).astype(np.int64), 1)
    by_document, by_seed, by_both = sds
    difference = by_document * rng.normal(size=documents) + by_seed * rng.normal(size=(seeds, 1))
    difference = (difference + by_both * rng.normal(size=(seeds, documents))) * sizes
    return compare(difference, np.zeros((seeds, documents)), sizes, seed=int(rng.integers(2**31)))


def rates(seeds: int, documents: int, sds: tuple[float, float, float], repeats: int) -> tuple[float, float]:
    """Return the share of intervals that hold the truth, and of false verdicts."""
    rng = np.random.default_rng(seeds)
    pairs = [simulated(rng, seeds, documents, sds) for _ in range(repeats)]
    covered = np.mean([pair.ci[0] <= 0 <= pair.ci[1] for pair in pairs])
    return float(covered), float(np.mean([pair.verdict.endswith("better") for pair in pairs]))


# Of a true 95 %, 1 000 repeats show 92.9 to 97.1 % in 998 of 1 000 runs; seeds and draws are fixed, so no run is one of
# the other two.
REPEATS = 1000
SPREADS = {
    "documents alone": (0.3, 0.0, 0.0),
    "seeds as far apart as chance moves documents": (0.3, 0.03, 0.1),
    "seeds further apart": (0.3, 0.1, 0.1),
    "seeds that differ on single documents": (0.1, 0.03, 0.3),
}


@pytest.mark.slow
@pytest.mark.parametrize("documents", [10, 200])
def test_interval_is_not_too_narrow_over_documents(documents: int) -> None:
    """Of equal codecs, 95 % of intervals hold zero, with few documents or some, of very unequal lengths."""
    covered, false = rates(1, documents, (0.3, 0.0, 0.0), REPEATS)
    assert covered == pytest.approx(0.95, abs=0.021)
    assert false <= 0.071


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("spread", SPREADS)
def test_interval_is_not_too_narrow_over_seeds(seeds: int, spread: str) -> None:
    """Of equal codecs whose seeds differ, too, at least 95 % of intervals hold zero, and verdicts are rarely false.

    With two or three seeds more of them do: nearly all that such an interval holds is doubt about the spread over
    seeds, and a sum of Student's t and a normal distribution, each with its own variance, errs to that side.
    """
    covered, false = rates(seeds, 100, SPREADS[spread], REPEATS)
    assert covered >= 0.929
    assert covered <= {2: 1, 3: 0.99, 5: 0.98}[seeds]
    assert false <= 0.071


def test_an_interval_over_documents_alone_is_too_narrow_for_two_seeds() -> None:
    """What the interval over both is for: where seeds move the difference, documents alone miss the truth often."""
    rng = np.random.default_rng(0)
    pairs = [simulated(rng, 3, 50, (0.1, 0.1, 0.0)) for _ in range(200)]
    assert np.mean([pair.ci_documents[0] <= 0 <= pair.ci_documents[1] for pair in pairs]) < 0.75
    assert np.mean([pair.ci[0] <= 0 <= pair.ci[1] for pair in pairs]) > 0.93


def test_what_a_seed_makes_of_documents_counts_once() -> None:
    """Where nothing but seeds differs, on every document anew, five of them give an interval like that of their mean.

    Counted over seeds and over documents, its half would be sqrt(t² + 1.96²) standard errors instead of t = 2.78.
    """
    rng = np.random.default_rng(8)
    pair = compare(rng.normal(200, 9, (5, 2000)), np.full((5, 2000), 200.0), np.full(2000, 100), resamples=20_000)
    assert pair.seed_sd is not None
    half = (pair.ci[1] - pair.ci[0]) / 2
    assert half == pytest.approx(2.776 * pair.seed_sd / math.sqrt(5), rel=0.1)


def test_interval_is_never_narrower_than_over_documents() -> None:
    """Seeds that agree by luck do not make the documents any surer."""
    rng = np.random.default_rng(9)
    difference = np.tile(rng.normal(0, 9, 300), (2, 1))
    difference[1] += rng.normal(0, 9, 300)
    difference[1] += difference[0].mean() - difference[1].mean()
    pair = compare(200 + difference, np.full((2, 300), 200.0), np.full(300, 100))
    assert pair.seed_sd == pytest.approx(0, abs=1e-9)
    assert pair.ci == pair.ci_documents
