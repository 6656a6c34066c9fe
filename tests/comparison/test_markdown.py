"""The report as markdown."""

import pytest

from granular_lm.comparison import Comparison
from granular_lm.comparison.markdown import render_markdown
from granular_lm.comparison.wording import HELD_EQUAL
from made_comparison import TEXTS, bare_comparison, made_comparison


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made_comparison()


def test_markdown_holds_numbers_alone(comparison: Comparison) -> None:
    """report.md has the answer, the tables and the notes, and not one document or sample."""
    text = render_markdown(comparison)
    assert comparison.answer() in text
    assert HELD_EQUAL["data"] in text
    assert "- lossy: " in text
    assert "- zstd+dictionary: the 99 bytes of the dictionary are not counted." in text
    assert "- uniform: " not in text
    rows = [line for line in text.splitlines() if line.startswith(f"| {comparison.ranking()[0]} |")]
    assert len(rows) == 1
    assert f"{comparison.estimates[comparison.ranking()[0]].bpb:.3f}" in rows[0]
    assert all(f"| {pair.a} − {pair.b} |" in text for pair in comparison.pairs)
    assert not [each for each in (*TEXTS, "drawn by byte") if len(each) > 5 and each in text]


def test_markdown_of_one_codec_has_no_empty_parts() -> None:
    """Without pairs and failures there are neither their tables nor their lists."""
    text = render_markdown(bare_comparison())
    assert "Differences" not in text
    assert "Not in the results" not in text
    assert "\n\n\n" not in text


def test_tables_of_markdown_are_rectangular(comparison: Comparison) -> None:
    """Every row of a table has as many cells as its head."""
    widths = [line.count("|") for line in render_markdown(comparison).splitlines() if line.startswith("|")]
    assert len(set(widths)) == 2
