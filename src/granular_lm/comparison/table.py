"""The tables that a comparison prints."""

import io

import numpy as np
from rich.console import Console
from rich.table import Table

from granular_lm.comparison.results import Comparison


def results_table(comparison: Comparison) -> Table:
    """Return one row for each codec, the best first, and one for each baseline."""
    table = Table(title="bits per byte on the test documents (lower is better)", title_justify="left")
    table.add_column("codec", no_wrap=True)
    for name in (
        "bpb",
        "content",
        "stop",
        "bits/string",
        "V",
        "tokens/byte",
        "params",
        "MB seen",
        "updates",
        "s",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for codec in comparison.ranking():
        first = comparison.of_codec(codec)[0].row
        table.add_row(
            codec,
            bpb_with_spread(comparison, codec),
            f"{comparison.mean(codec, 'bpb_content'):.3f}",
            f"{comparison.mean(codec, 'bpb_stop'):.3f}",
            f"{comparison.mean(codec, 'bits_per_string'):.1f}",
            str(first["vocab_size"]),
            f"{first['tokens_per_byte']:.3f}",
            f"{first['parameters']['total']:,}",
            f"{first['bytes_seen'] / 1e6:.2f}",
            str(first["updates"]),
            f"{comparison.mean(codec, 'seconds'):.0f}",
        )
    table.add_section()
    for baseline in comparison.baselines:
        table.add_row(baseline["name"], f"{baseline['bpb']:.3f}", style="dim")
    return table


def pairs_table(comparison: Comparison) -> Table:
    """Return one row for every two codecs."""
    table = Table(title="differences, document by document", title_justify="left")
    table.add_column("pair", no_wrap=True)
    for name in ("Δ bpb", "95 % CI (documents)", "p", "verdict"):
        table.add_column(name, justify="right")
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


def as_text(table: Table) -> str:
    """Return a table as plain text."""
    out = io.StringIO()
    Console(file=out, width=140).print(table)
    return out.getvalue()
