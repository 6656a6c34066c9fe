"""``granular-lm data``: what one does to corpora, and the embedded bios."""

from pathlib import Path
from typing import Annotated

import typer

from granular_lm.cli import data_clean, data_fetch, data_split, data_stats, options
from granular_lm.cli.output import json_line, note

app = typer.Typer(help="Get, make, look at and split corpora.", no_args_is_help=True)
app.command("list")(data_fetch.list_corpora)
app.command("fetch")(data_fetch.fetch)
app.command("stats")(data_stats.stats)
app.command("clean")(data_clean.clean)
app.command("split")(data_split.split)


@app.command()
def bios(
    n: Annotated[int, options.whole_number("-n", "--number", help="How many documents.")] = 130_000,
    seed: options.Seed = 0,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")] = None,
    json: options.Json = False,
) -> None:
    """Write the embedded corpus of synthetic bios, one a line; with --json one object a line, as in a .jsonl file."""
    from granular_lm.checks import check_integer
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.files import refuse_existing_file, replaced_file

    check_integer("n", n, least=0)
    lines = (json_line({"text": text}) if json else text for text in generate_bios(n, seed=seed))
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    refuse_existing_file(output)
    with replaced_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{line}\n" for line in lines)
    note(f"{n:,} documents written to {output}")
