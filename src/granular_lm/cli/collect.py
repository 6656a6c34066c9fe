"""``granular-lm collect``: bios from X, through its API and with a token of one's own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from granular_lm.cli import options
from granular_lm.cli.output import print_facts, print_json, warn

if TYPE_CHECKING:
    from granular_lm.corpus.twitter import Collection, CollectionProgress, Refreshed
    from granular_lm.corpus.twitter.reading import Callback

STOPPED = {
    "max_cost": "the next page could go beyond --max-cost; to go on, give the same command with --resume and a higher "
    "--max-cost.",
    "no_credit": "X answered 402, its credit is used up; to go on when there is more, give the same command with "
    "--resume.",
}
PROBLEMS_SHOWN = 5

app = typer.Typer(invoke_without_command=True)

Folder = Annotated[Path, typer.Argument(help="A folder that collect has written.")]
MaxCost = Annotated[
    float | None, options.number(metavar="DOLLARS", help="Stop before the page that could cost more than this in all.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on behind the last page of what was interrupted.")]
AcceptXTerms = Annotated[
    bool, typer.Option("--accept-x-terms", help="Say that you know X's terms, which the command shows, and keep them.")
]


@app.callback()
def collect(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")
    ] = None,
    users: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Accounts listed in a file: a name or an id a line.")
    ] = None,
    followers_of: Annotated[str | None, typer.Option(metavar="NAME", help="Accounts that follow this one.")] = None,
    following_of: Annotated[str | None, typer.Option(metavar="NAME", help="Accounts that this one follows.")] = None,
    list_id: Annotated[str | None, typer.Option("--list", metavar="ID", help="Members of a list.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="QUERY", help="Authors of posts of the last seven days that match.")
    ] = None,
    snowball: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="This account, those it follows, those they follow, ...; needs --max-users."),
    ] = None,
    max_users: Annotated[int | None, options.whole_number(metavar="N", help="Stop after so many users.")] = None,
    max_cost: MaxCost = None,
    resume: Resume = False,
    accept_x_terms: AcceptXTerms = False,
    json: options.Json = False,
) -> None:
    """Collect bios from X into FOLDER/bios.jsonl. The bearer token is read from X_BEARER_TOKEN.

    Give one of --users, --followers-of, --following-of, --list, --search and --snowball.
    """
    if context.invoked_subcommand is not None:
        return
    from granular_lm.corpus.twitter import chosen_source
    from granular_lm.corpus.twitter import collect as collect_bios
    from granular_lm.errors import OptionError

    source = chosen_source(
        users=users,
        followers_of=followers_of,
        following_of=following_of,
        list_id=list_id,
        search=search,
        snowball=snowball,
    )
    if output is None:
        raise OptionError("there is no folder to write to; give one with --output.")
    with _shown(max_users=max_users, max_cost=max_cost) as show:
        done = collect_bios(
            source,
            output,
            accept_x_terms=accept_x_terms,
            max_cost=max_cost,
            max_users=max_users,
            resume=resume,
            on_progress=show,
        )
    _tell(done, json=json)


@app.command()
def ids(
    folder: Folder,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")] = None,
    json: options.Json = False,
) -> None:
    """Export the ids of the collected users alone, one a line; collect --users reads them back."""
    from granular_lm.corpus.twitter import collected_ids
    from granular_lm.files import refuse_existing_file, replaced_file

    found = list(collected_ids(folder))
    if output is not None:
        refuse_existing_file(output)
        with replaced_file(output) as temporary:
            temporary.write_text("".join(f"{user_id}\n" for user_id in found), encoding="ascii")
    elif json:
        print_json(found)
    else:
        for user_id in found:
            typer.echo(user_id)


@app.command()
def refresh(
    folder: Folder,
    max_cost: MaxCost = None,
    resume: Resume = False,
    accept_x_terms: AcceptXTerms = False,
    json: options.Json = False,
) -> None:
    """Read the collected users again, and drop the bios that have vanished from X."""
    from granular_lm.corpus.twitter import refresh as refresh_bios

    with _shown(max_users=None, max_cost=max_cost) as show:
        done = refresh_bios(folder, accept_x_terms=accept_x_terms, max_cost=max_cost, resume=resume, on_progress=show)
    _tell(done, json=json)


@contextmanager
def _shown(*, max_users: int | None, max_cost: float | None) -> "Iterator[Callback]":
    """Show X's terms, then the progress on a terminal; after Ctrl-C say how to go on."""
    from granular_lm.corpus.twitter import X_TERMS

    warn(X_TERMS)
    try:
        with _bar(max_users, max_cost) as show:
            yield show
    except KeyboardInterrupt:
        warn("to go on, give the same command with --resume.")
        raise


@contextmanager
def _bar(max_users: int | None, max_cost: float | None) -> "Iterator[Callback]":
    """Give what draws a bar that vanishes at the end; nothing is drawn if stderr is no terminal."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[numbers]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("starting", total=max_users, numbers="")

        def show(told: "CollectionProgress") -> None:
            limit = "" if max_cost is None else f" of ${max_cost:,.2f}"
            numbers = f"{told.users:,} users  {told.pages:,} pages  ${told.dollars:,.2f}{limit}"
            bar.update(task, description=escape(told.doing), completed=told.users, numbers=numbers)
            for problem in () if bar.disable else told.problems:
                bar.console.print(f"[dim]skipped {escape(problem)}[/dim]", highlight=False)

        yield show


def _tell(done: "Collection | Refreshed", *, json: bool) -> None:
    if done.ended in STOPPED:
        warn(STOPPED[done.ended])
    facts = done.to_dict()
    if json:
        print_json(facts)
    else:
        problems = facts.pop("problems")
        facts["dollars"] = f"{done.dollars:.2f}"
        facts["skipped"] = f"{len(problems)}{': ' if problems else ''}{'; '.join(problems[:PROBLEMS_SHOWN])}"
        print_facts({name.replace("_", " "): value for name, value in facts.items()})
    if done.ended == "no_credit":
        raise typer.Exit(1)
