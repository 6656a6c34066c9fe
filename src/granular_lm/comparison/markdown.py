"""The report as markdown: what can be read in a terminal and published where the corpus cannot."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from granular_lm.comparison import wording
from granular_lm.comparison.columns import filled_columns
from granular_lm.comparison.results import Comparison
from granular_lm.files import replaced_file


def write_markdown(comparison: Comparison, path: Path) -> None:
    """Write the report to ``path``, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(render_markdown(comparison), encoding="utf-8")


def render_markdown(comparison: Comparison) -> str:
    """Return the report as markdown: numbers alone, no text of the corpus and no samples."""
    return "\n".join((*_opening(comparison), *_results(comparison), *_differences(comparison), *_notes(comparison), ""))


def _opening(comparison: Comparison) -> Iterator[str]:
    yield from (f"# {wording.QUESTION}", "", f"**{comparison.answer()}**", "")
    failures = wording.failures(comparison)
    if failures:
        yield from (*(f"- {failure}" for failure in failures), "")
    yield from (wording.setting(comparison), wording.held_equal(comparison))


def _results(comparison: Comparison) -> Iterator[str]:
    yield from ("", "## Results", "")
    columns = [column for column in filled_columns(comparison) if column.is_main]
    rows = [[entry, *(column.cell(comparison, entry) or "–" for column in columns)] for entry in comparison.ranking()]
    methods = [
        [baseline["name"], f"{baseline['bpb']:.3f}", *[""] * (len(columns) - 1)] for baseline in comparison.baselines
    ]
    yield from _table(["codec", *(column.name for column in columns)], [*rows, *methods])


def _differences(comparison: Comparison) -> Iterator[str]:
    if not comparison.pairs:
        return
    yield from ("", "## Differences, document by document", "")
    rows = (
        [
            f"{pair.a} − {pair.b}",
            wording.number(pair.delta, "+.4f"),
            wording.interval(pair.ci, "+.4f"),
            f"{pair.p_adjusted:.2g}",
            pair.verdict,
        ]
        for pair in comparison.pairs
    )
    yield from _table(["pair", "Δ bpb", "95 % interval", "p, Holm", "verdict"], rows)


def _notes(comparison: Comparison) -> Iterator[str]:
    yield from ("", "## Notes", "")
    yield f"- {wording.RATIO}"
    yield f"- {wording.uncertainty(comparison)}"
    if comparison.pairs:
        yield f"- {wording.VERDICTS}"
    if gaps := wording.checked_gaps(comparison):
        yield f"- {gaps}"
    yield from (f"- {note}" for note in wording.baseline_notes(comparison))
    for column in filled_columns(comparison):
        if column.is_main:
            yield f"- {column.name}: {column.meaning}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _line(head)
    yield _line(["---", *["---:"] * (len(head) - 1)])
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
