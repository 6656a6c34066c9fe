"""The report: one HTML file that needs no network."""

from pathlib import Path
from statistics import mean

from granular_lm.comparison import wording
from granular_lm.comparison.byte_view import HEAT_STEPS, page_data, readable
from granular_lm.comparison.columns import filled_columns, heads
from granular_lm.comparison.figures import pictures
from granular_lm.comparison.paired import paired_data
from granular_lm.comparison.plotting import marks
from granular_lm.comparison.results import Comparison
from granular_lm.files import replaced_file
from granular_lm.page.template import page_environment


def write_report(comparison: Comparison, path: Path) -> None:
    """Write the report to ``path``, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(render_report(comparison), encoding="utf-8")


def render_report(comparison: Comparison) -> str:
    """Return the report as HTML."""
    columns = filled_columns(comparison)
    gaps = _gaps(comparison)
    environment = page_environment(__package__)
    environment.filters["signed"] = wording.number
    return environment.get_template("report.html.jinja").render(
        comparison=comparison,
        wording=wording,
        columns=columns,
        heads=heads(columns),
        marks=marks(comparison),
        pictures=pictures(comparison),
        paired=paired_data(comparison),
        gaps=gaps,
        gap_kinds=list(dict.fromkeys(kind for of_kind in gaps.values() for kind in of_kind)),
        samples={entry: _samples(comparison, entry) for entry in comparison.entries},
        documents=page_data(comparison.shown),
        heat_steps=HEAT_STEPS,
    )


def _gaps(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Return for each entry what a sum over tokenisations takes off, by kind of documents; the mean over seeds."""
    gaps = {}
    for entry in comparison.entries:
        rows = [job.row["marginal"] for job in comparison.of_entry(entry) if job.row["marginal"]]
        if rows:
            of_kinds = {kind: mean(row["slices"][kind] for row in rows) for kind in rows[0]["slices"]}
            gaps[entry] = {"all": mean(row["gap"] for row in rows), **of_kinds}
    return gaps


def _samples(comparison: Comparison, entry: str) -> list[str]:
    """Return what the first model of an entry wrote."""
    return [readable(text) for text in comparison.of_entry(entry)[0].samples]
