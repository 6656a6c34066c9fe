"""``granular-lm data list`` and ``data fetch``: public corpora by name."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from granular_lm.cli import options
from granular_lm.cli.output import note, print_json, print_table, warn

if TYPE_CHECKING:
    from granular_lm.corpus.catalog.downloading import Wait
    from granular_lm.corpus.catalog.fetching import Tell


def list_corpora(json: options.Json = False) -> None:
    """List the corpora that `data fetch` knows, with licence and size; nothing is downloaded."""
    from rich.table import Table

    from granular_lm.corpus.catalog import catalog

    if json:
        print_json([entry.to_dict() for entry in catalog()])
        return
    table = Table("name", "download", "licence", "what it is", box=None, pad_edge=False)
    for entry in catalog():
        table.add_row(entry.name, _megabytes(entry.num_bytes), entry.licence, entry.about)
    print_table(table)


def fetch(
    name: Annotated[str, typer.Argument(help="A corpus that `data list` names.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write, if not one in the cache.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Download a public corpus, compare its hash, and print the path of the file of documents.

    The download is kept in the folder of GRANULAR_LM_CACHE, or in the user's cache, and not repeated.
    """
    from granular_lm.corpus.catalog import fetch as fetch_entry
    from granular_lm.corpus.catalog import find_entry

    entry = find_entry(name)
    with _bar(entry.name, entry.num_bytes) as (show, show_wait):
        fetched = fetch_entry(entry, output, on_progress=show, on_wait=show_wait)
    for url in fetched.not_compared:
        warn(f"nobody has said the SHA-256 of {url}, so it could not be compared; {fetched.lock} holds it.")
    note(f"licence: {entry.licence}; {entry.homepage}")
    if entry.is_one_text:
        note("one text, not a document a line: read it with --whole-file")
    if json:
        print_json({**entry.to_dict(), "path": str(fetched.path), "lock": str(fetched.lock)})
    else:
        typer.echo(fetched.path)


@contextmanager
def _bar(name: str, num_bytes: int) -> "Iterator[tuple[Tell, Wait]]":
    """Give what draws a bar and what says why it stands; it vanishes when done, and is not there without a terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=num_bytes)

        def show(done: int, _: int) -> None:
            bar.update(task, description=name, completed=done)

        def show_wait(reason: str, seconds: float) -> None:
            bar.update(task, description=f"{name}, waiting {seconds:.0f} s: {escape(reason)}")

        yield show, show_wait


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB"
