"""The report: one HTML file that needs no network."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from granular_lm.comparison.figures import bits_by_part, learning_curves, plotly_script
from granular_lm.comparison.results import Comparison
from granular_lm.comparison.table import bpb_with_spread
from granular_lm.files import replaced_file

TEMPLATE = "report.html.jinja"


def write_report(comparison: Comparison, path: Path) -> None:
    """Write the report to ``path``, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(render_report(comparison), encoding="utf-8")


def render_report(comparison: Comparison) -> str:
    """Return the report as HTML."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        comparison=comparison,
        rows=[_row(comparison, codec) for codec in comparison.ranking()],
        plotly=plotly_script(),
        figures=[*learning_curves(comparison), bits_by_part(comparison)],
        samples={codec: comparison.of_codec(codec)[0].row["samples"] for codec in comparison.codecs},
    )


def _row(comparison: Comparison, codec: str) -> dict[str, Any]:
    first = comparison.of_codec(codec)[0].row
    means = {
        name: comparison.mean(codec, name)
        for name in ("bpb_content", "bpb_stop", "bpb_file", "bits_per_string", "seconds")
    }
    return {**first, **means, "bpb_shown": bpb_with_spread(comparison, codec)}
