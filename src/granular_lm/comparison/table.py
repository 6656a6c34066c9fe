"""The tables that a comparison prints."""

import io
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from granular_lm.comparison.results import Comparison

NARROW = 110
"""Below so many columns of a terminal, the table shows only what the comparison is about."""


def results_table(comparison: Comparison, width: int = NARROW) -> Table:
    """Return one row for each codec, the best first, and one for each baseline.

    Args:
        comparison: What to show.
        width: Of the terminal.
    """
    shown = [name for name, (_, is_detail) in COLUMNS.items() if width >= NARROW or not is_detail]
    table = Table(title="bits per byte on the test documents (lower is better)", title_justify="left")
    table.add_column("codec", overflow="fold", min_width=6)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for codec in comparison.ranking():
        table.add_row(codec, *(COLUMNS[name][0](comparison, codec) for name in shown))
    table.add_section()
    for baseline in comparison.baselines:
        table.add_row(baseline["name"], f"{baseline['bpb']:.3f}", style="dim")
    return table


def pairs_table(comparison: Comparison) -> Table:
    """Return one row for every two codecs."""
    table = Table(title="differences, document by document", title_justify="left")
    table.add_column("pair", overflow="fold", min_width=6)
    for name in ("Δ bpb", "95 % CI (documents)", "p (unadjusted)"):
        table.add_column(name, justify="right", min_width=7)
    table.add_column("verdict", justify="right", overflow="fold", min_width=10)
    for pair in comparison.pairs:
        low, high = pair.ci
        table.add_row(
            f"{pair.a} - {pair.b}",
            f"{pair.delta:+.4f}",
            f"{low:+.4f} to {high:+.4f}",
            f"{pair.p:.2g}",
            pair.verdict,
        )
    return table


def bpb_with_spread(comparison: Comparison, codec: str) -> str:
    """Return the mean bits per byte and, with several seeds, their standard deviation."""
    values = [job.row["bpb"] for job in comparison.of_codec(codec)]
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def _mean(name: str, form: str) -> Callable[[Comparison, str], str]:
    return lambda comparison, codec: format(comparison.mean(codec, name), form)


COLUMNS: dict[str, tuple[Callable[[Comparison, str], str], bool]] = {  # name: (what stands there, is it a detail)
    "bpb": (bpb_with_spread, False),
    "content": (_mean("bpb_content", ".3f"), False),
    "stop": (_mean("bpb_stop", ".3f"), False),
    "bits/string": (_mean("bits_per_string", ".1f"), True),
    "V": (_mean("vocab_size", ".0f"), True),
    "tokens/byte": (_mean("tokens_per_byte", ".3f"), False),
    "params": (lambda comparison, codec: f"{comparison.of_codec(codec)[0].row['parameters']['total']:,}", False),
    "MB seen": (lambda comparison, codec: f"{comparison.mean(codec, 'bytes_seen') / 1e6:.2f}", True),
    "updates": (_mean("updates", ".0f"), True),
    "s": (_mean("seconds", ".0f"), False),
}


def as_text(table: Table) -> str:
    """Return a table as plain text."""
    out = io.StringIO()
    Console(file=out, width=140).print(table)
    return out.getvalue()
