"""A collection from its beginning to its file of bios."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from granular_lm.corpus.twitter.client import Surroundings
from granular_lm.corpus.twitter.output import BIOS_FILE, PAGES_FILE, write_bios
from granular_lm.corpus.twitter.reading import Callback, Ended, Limits, read_on
from granular_lm.corpus.twitter.sources import Snowball, Source
from granular_lm.errors import CollectionError, OptionError
from granular_lm.files import refuse_existing

X_GUIDELINES = "https://docs.x.com/developer-guidelines"
X_TERMS = (
    f"X's developer guidelines (July 2026, {X_GUIDELINES}) forbid training models on X content, and restrict its "
    "redistribution: ids may be passed on, texts may not, and what vanishes from X has to go."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """How a collection ended.

    Args:
        file: The bios.
        ended: ``done``, or what stopped it: ``max_users``, ``max_cost``, or ``no_credit`` where X answered 402.
        bios: Lines of the file.
        users: Users that were read.
        protected: Those of them that are protected; their bios are not kept.
        without_text: Those of them that have no bio.
        pages: Answers of X, in all sittings.
        dollars: The price of these pages. X says that it charges once for a user who is read twice in a day (UTC),
            so it may charge less.
        problems: What could not be read, in X's words.
    """

    file: Path
    ended: Ended
    bios: int
    users: int
    protected: int
    without_text: int
    pages: int
    dollars: float
    problems: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the collection as JSON values."""
        return {**asdict(self), "file": str(self.file)}


def collect(
    source: Source,
    folder: Path,
    *,
    accept_x_terms: bool,
    max_cost: float | None = None,
    max_users: int | None = None,
    resume: bool = False,
    on_progress: Callback | None = None,
    surroundings: Surroundings | None = None,
) -> Collection:
    """Collect bios into a folder: ``pages.jsonl`` while it runs, and ``bios.jsonl`` when it ends in order.

    Each page is on the disk before the next is asked for. However the process ends, ``resume`` goes on behind the
    last page; a page that X had sent and that was not on the disk yet is asked for again, and no other. Ctrl-C waits
    for the page that X was asked for, so that none has to be; a second one does not.

    Args:
        source: Whose bios, as `chosen_source` returns it.
        folder: Where to; empty or not there, unless ``resume``.
        accept_x_terms: Whether the caller knows `X_TERMS` and keeps them.
        max_cost: Dollars that all pages of the collection may cost; the page that could go beyond is not asked for.
        max_users: Users to read at most; a snowball needs it.
        resume: Whether to go on with what the folder holds; where that is nothing, the collection begins.
        on_progress: Is told of each page and each wait.
        surroundings: Another way to X, for tests.

    Raises:
        OptionError: The terms are not accepted, or a limit is missing or out of range.
        OutputExistsError: The folder holds something, and not to go on with.
        CollectionError: There is no token, or X refuses it, or does not answer, or knows no such user.
    """
    check_terms(accept_x_terms)
    limits = Limits(max_cost=max_cost, max_users=max_users)
    if max_users is None and isinstance(source, Snowball):
        raise OptionError("a snowball has no end of its own; give max_users, such as 1000.")
    pages = folder / PAGES_FILE
    if not pages.exists():
        refuse_existing(folder)
    tally, ended = read_on(
        source, pages, limits=limits, resume=resume, on_progress=on_progress, surroundings=surroundings
    )
    if ended == "done" and not tally.users:
        raise CollectionError(f"{source.title}: no user was found ({'; '.join(tally.problems) or 'X knows none'}).")
    return Collection(
        file=folder / BIOS_FILE,
        ended=ended,
        bios=write_bios(folder),
        users=len(tally.users),
        protected=tally.protected,
        without_text=tally.without_text,
        pages=tally.pages,
        dollars=tally.mills / 1000,
        problems=tally.problems,
    )


def check_terms(are_accepted: bool) -> None:
    """Raise `OptionError` unless X's terms are accepted."""
    if not are_accepted:
        raise OptionError(
            f"X was asked nothing, since you have not accepted its terms; read {X_GUIDELINES}, and if you will keep to "
            "them, give accept_x_terms=True."
        )
