"""The tables that a comparison prints."""

import io

from rich.console import Console
from rich.table import Table

from granular_lm.comparison.columns import filled_columns
from granular_lm.comparison.results import Comparison
from granular_lm.comparison.wording import interval_over

NARROW = 140
"""Below so many columns of a terminal, the table shows only what the comparison is about."""

NARROW_COLUMNS = ("bpb", "content", "stop", "tokens/byte", "parameters", "seconds")
WIDE_COLUMNS = (*NARROW_COLUMNS, "95 % CI", "marginal", "coded", "V", "MB seen")


def results_table(comparison: Comparison, width: int = NARROW) -> Table:
    """Return one row for each entry, the best first, and one for each baseline.

    Args:
        comparison: What to show.
        width: Of the terminal.
    """
    shown = WIDE_COLUMNS if width >= NARROW else NARROW_COLUMNS
    columns = [column for column in filled_columns(comparison) if column.name in shown]
    table = Table(title="bits per byte on the test documents (lower is better)", title_justify="left")
    table.add_column("codec", overflow="fold", min_width=6)
    for column in columns:
        table.add_column(column.name, justify="right", no_wrap=True)
    for entry in comparison.ranking():
        table.add_row(entry, *(column.cell(comparison, entry) or "" for column in columns))
    table.add_section()
    for baseline in comparison.baselines:
        table.add_row(baseline["name"], f"{baseline['bpb']:.3f}", style="dim")
    return table


def pairs_table(comparison: Comparison) -> Table:
    """Return one row for every two entries of a width."""
    table = Table(title=f"differences; intervals over {interval_over(comparison)}", title_justify="left")
    table.add_column("pair", overflow="fold", min_width=6)
    for name in ("Δ bpb", "95 % CI", "p (Holm)"):
        table.add_column(name, justify="right", min_width=7)
    table.add_column("verdict", justify="right", overflow="fold", min_width=10)
    for pair in comparison.pairs:
        table.add_row(
            f"{pair.a} - {pair.b}",
            f"{pair.delta:+.4f}",
            f"{pair.ci[0]:+.4f} to {pair.ci[1]:+.4f}",
            f"{pair.p_adjusted:.2g}",
            pair.verdict,
        )
    return table


def as_text(table: Table) -> str:
    """Return a table as plain text."""
    out = io.StringIO()
    Console(file=out, width=160).print(table)
    return out.getvalue()
