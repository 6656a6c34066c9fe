"""The report: what is on the page."""

import html
import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from granular_lm.comparison import Comparison
from granular_lm.comparison.columns import filled_columns
from granular_lm.comparison.matching import MATCHES
from granular_lm.comparison.report import render_report, write_report
from granular_lm.comparison.slices import MEANING
from granular_lm.comparison.wording import HELD_EQUAL
from made_comparison import HOSTILE, bare_comparison, made_comparison

MOST_BYTES = 8_000_000


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return made_comparison()


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> str:
    return render_report(comparison)


def visible(page: str) -> str:
    """Return the page without scripts, styles and tags."""
    bare = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", bare)))


def embedded(page: str, name: str) -> Any:
    """Return the JSON of one of the page's data scripts."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, flags=re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_says_what_was_found(comparison: Comparison, page: str) -> None:
    """The answer, every entry and baseline, every verdict and what was held equal are text of the page."""
    text = visible(page)
    assert text.index(comparison.answer()) < text.index("Results")
    assert f"Held equal: {HELD_EQUAL['data']}" in text
    for entry in comparison.entries:
        estimate = comparison.estimates[entry]
        assert (
            f"{entry} {estimate.bpb:.3f} ± {estimate.seed_sd:.3f} {estimate.ci[0]:.3f} to {estimate.ci[1]:.3f}" in text
        )
    for pair in comparison.pairs:
        assert f"{pair.a} − {pair.b}" in text
        assert pair.verdict in text
    for baseline in comparison.baselines:
        assert f"{baseline['name']} {baseline['bpb']:.3f}" in text


def test_the_table_has_the_columns_of_the_protocol(page: str) -> None:
    """Everything that is measured has a head, and a sentence on what it is."""
    names = {html.unescape(name) for name in re.findall(r'<th scope="col" title="[^"]+"[^>]*>([^<]+)</th>', page)}
    assert names >= {"bpb", "95 % CI", "content", "stop", "bits/string", "of a file", "marginal", "coded", "with model"}
    assert names >= {"V", "tokens/byte", "parameters", "embedding", "LSTM", "softmax", "MB seen", "updates"}
    assert names >= {"MFLOPs/byte", "seconds", "emoji", "ASCII", "valid UTF-8", "copies", "lossless"}


def test_the_page_says_what_one_has_to_know_of_a_number(page: str) -> None:
    """What a baseline does not count, and what counts as a document that was seen."""
    text = visible(page)
    assert text.count("zstd+dictionary: the 99 bytes of the dictionary are not counted.") == 1
    assert text.count("80% of their distinct runs of 8 bytes") == 1  # below the picture; no column is about them here


def test_the_column_of_unseen_documents_says_which_they_are() -> None:
    """The head of the column has the definition, and no other head."""
    comparison = made_comparison()
    for job in comparison.jobs:
        job.row["slices"]["unseen"] = job.row["slices"]["emoji"]
    meanings = {column.name: column.meaning for column in filled_columns(comparison)}
    assert [name for name, meaning in meanings.items() if MEANING in meaning] == ["unseen"]


def test_failures_stand_right_below_the_answer(comparison: Comparison, page: str) -> None:
    """Nobody reads a table without having been told that something is missing in it."""
    text = visible(page)
    note = "lossy: It does not give 'İ' back."
    assert text.index(comparison.answer()) < text.index(note) < text.index("Each codec trained")


def test_intervals_say_what_they_are_over() -> None:
    """With one seed an interval is over documents alone, and the page says so; with several it is over both."""
    assert "intervals are over documents alone" in visible(render_report(made_comparison(seeds=1)))
    assert "intervals are over seeds and documents" in visible(render_report(made_comparison(seeds=2)))


def test_what_is_missing_does_not_appear() -> None:
    """One codec, one seed, no proof, no slices: no empty columns, pictures, tables or sections."""
    page = render_report(bare_comparison())
    text = visible(page).partition("Data, network and training")[0]
    for absent in ("marginal", "coded", "emoji", "±", "copies", "Differences", "Byte by byte", "lossy"):
        assert absent not in text, absent
    assert "tried" not in text
    assert re.findall(r'class="picture" id="([\w-]+)"', page) == ["parts"]
    assert embedded(page, "pictures-data")["paired"] is None


def test_a_seed_without_a_proof_does_not_hide_that_of_another(comparison: Comparison, page: str) -> None:
    """Only the first seed was proved, and its number is shown with its tick."""
    for entry in comparison.entries:
        assert f"{comparison.of_entry(entry)[0].row['proof']['bpb_coded']:.4f} ✔" in page


def test_hostile_text_is_data(page: str) -> None:
    """Documents and samples that hold tags and ends of scripts come into the page as text, and unchanged."""
    assert "<img" not in page
    assert "window.hacked = 1</script>" not in page
    assert embedded(page, "documents-data")["documents"][0]["text"] == HOSTILE
    assert html.escape(HOSTILE.strip(), quote=False)[:40] in page


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    """No address but those inside of plotly's script, and a policy that forbids to load any."""
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"https?://|url\(|@import|<[^>]+\bsrc=|<link", own)
    assert "default-src 'none'" in own


def test_long_documents_and_many_entries_stay_small(tmp_path: Path) -> None:
    """A sweep of twelve entries over long documents still makes a page below 8 MB."""
    entries = [f"spm:vocab_size={512 * size} @{width}" for size, width in product((1, 2, 4, 8), (64, 128, 256))]
    texts = [f"{number} " + "long text without an end " * 120 for number in range(120)]
    write_report(made_comparison(entries, texts=texts, seeds=1), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < MOST_BYTES


def test_every_match_says_what_it_holds_equal() -> None:
    """There is a sentence for each mode."""
    assert set(HELD_EQUAL) == set(MATCHES)
