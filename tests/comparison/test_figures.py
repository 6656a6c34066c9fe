"""The pictures of the report."""

from collections.abc import Sequence

import plotly.graph_objects as go
import pytest

from granular_lm.comparison import Comparison
from granular_lm.comparison.figures import pictures
from granular_lm.comparison.paired import MOST_POINTS, NUM_BINS, paired_data
from granular_lm.page.plotting import log_axis
from made_comparison import made_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made_comparison()


def test_entries_of_a_sweep_are_drawn_apart() -> None:
    """Widths of a codec share its colour, a line in the picture of costs, and nothing else."""
    entries = ("byte @128", "byte @256", "spm:vocab_size=512 @128", "spm:vocab_size=512 @256")
    sweep = made_comparison(entries, seeds=1)
    drawn = {picture.name: picture.figure["data"] for picture in pictures(sweep)}
    assert [trace["text"] for trace in drawn["pareto"][1:]] == [list(entries[:2]), list(entries[2:])]
    looks = [(trace["line"]["color"], trace["line"]["dash"]) for trace in drawn["curve-bytes"]]
    assert len(set(looks)) == 4
    assert len({colour for colour, _ in looks}) == 2


def test_vocabularies_of_a_codec_share_a_line() -> None:
    """Where each codec has one width, the picture of costs joins the vocabulary sizes of a kind."""
    sizes = made_comparison(("byte", "spm:vocab_size=512", "spm:vocab_size=2k"), seeds=1)
    pareto = next(picture for picture in pictures(sizes) if picture.name == "pareto")
    assert [trace["text"] for trace in pareto.figure["data"][1:]] == [
        ["byte"],
        ["spm:vocab_size=512", "spm:vocab_size=2k"],
    ]


def test_no_model_lies_below_the_dotted_line(comparison: Comparison) -> None:
    """The frontier falls from left to right, and each entry is on it or above."""
    pareto = next(picture for picture in pictures(comparison) if picture.name == "pareto")
    frontier, *lines = pareto.figure["data"]
    assert frontier["y"] == sorted(frontier["y"], reverse=True)
    for trace in lines:
        for x, y in zip(trace["x"], trace["y"], strict=True):
            assert y >= min(best for cost, best in zip(frontier["x"], frontier["y"], strict=True) if cost <= x)


def test_pictures_are_what_plotly_takes(comparison: Comparison) -> None:
    """Plotly's own check of names and values accepts every picture, and every seed has its learning curve."""
    drawn = {picture.name: go.Figure(**picture.figure) for picture in pictures(comparison)}
    assert list(drawn) == ["curve-bytes", "curve-seconds", "pareto", "parts", "slices", "positions", "lengths"]
    assert len(drawn["curve-bytes"].data) == len(comparison.jobs)


def test_every_development_score_of_an_ordinary_run_is_in_the_picture(comparison: Comparison) -> None:
    """With ten or fewer of them none lies above it; of very many, the first ones do, and the rest fill it."""
    curve = next(picture for picture in pictures(comparison) if picture.name == "curve-bytes").figure
    low, high = curve["layout"]["yaxis"]["range"]
    assert all(low < bpb < high for trace in curve["data"] for bpb in trace["y"])
    for job in comparison.jobs:
        job.row["curve"].insert(0, {"bytes_seen": 100, "seconds": 0.1, "valid_bpb": 99.0})
    often = next(picture for picture in pictures(comparison) if picture.name == "curve-bytes").figure
    for job in comparison.jobs:
        del job.row["curve"][0]
    assert often["layout"]["yaxis"]["range"] == [low, high]


def test_stacked_parts_add_up(comparison: Comparison) -> None:
    """Content, stop and marginal gap together are the bits per byte of the table."""
    parts = next(picture for picture in pictures(comparison) if picture.name == "parts").figure["data"]
    assert [trace["name"] for trace in parts] == ["content", "stop", "marginal gap"]
    for position, entry in enumerate(parts[0]["y"]):
        assert sum(trace["x"][position] for trace in parts) == pytest.approx(comparison.mean(entry, "bpb"))


def test_pairs_count_every_document() -> None:
    """The histogram of a pair is over all documents, the points over some of them, and the best two come first."""
    texts = [f"document {number}" for number in range(MOST_POINTS + 500)]
    many = made_comparison(texts=texts, shown=[])
    paired = paired_data(many)
    assert paired is not None
    assert {paired["pairs"][0]["a"], paired["pairs"][0]["b"]} == set(many.ranking()[:2])
    for pair in paired["pairs"]:
        assert len(pair["counts"]) == NUM_BINS
        assert sum(pair["counts"]) == len(texts)
        assert pair["a_is_cheaper"] + pair["b_is_cheaper"] == pytest.approx(1)
    assert {len(bits) for bits in paired["bits"].values()} == {len(paired["bytes"])} == {MOST_POINTS}


@pytest.mark.parametrize("values", [[1.8, 5.0], [30.0, 2000.0], [0.001, 1000.0], [4.0, 4.0]])
def test_logarithmic_axes_have_round_numbers(values: Sequence[float]) -> None:
    """From one to eight of them, each within the range."""
    axis = log_axis("cost", values)
    assert 1 <= len(axis["tickvals"]) <= 8
    low, high = (10**exponent for exponent in axis["range"])
    assert all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in axis["tickvals"])
    assert low < min(values) <= max(values) < high
