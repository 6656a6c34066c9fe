"""Reading the users of a collection once more, so that what has vanished from X vanishes here, too."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from granular_lm.corpus.twitter.client import Surroundings
from granular_lm.corpus.twitter.collector import check_terms
from granular_lm.corpus.twitter.journal import locked, read_pages, rewrite_pages
from granular_lm.corpus.twitter.output import BIOS_FILE, PAGES_FILE, collected_ids, collected_users, write_bios
from granular_lm.corpus.twitter.pages import Page, User
from granular_lm.corpus.twitter.reading import Callback, Ended, Limits, read_on
from granular_lm.corpus.twitter.sources import Lookup

REFRESH_FILE = "refresh.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """How a refresh ended.

    Args:
        file: The bios.
        ended: ``done``, or what stopped it before anything was changed: ``max_cost`` or ``no_credit``.
        bios: Lines of the file.
        dropped: Bios that are gone: of accounts that vanished, were suspended or protected, or removed their bio.
        dollars: The price of the refresh.
        problems: What could not be read, in X's words.
    """

    file: Path
    ended: Ended
    bios: int
    dropped: int
    dollars: float
    problems: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the refresh as JSON values."""
        return {**asdict(self), "file": str(self.file)}


def refresh(
    folder: Path,
    *,
    accept_x_terms: bool,
    max_cost: float | None = None,
    resume: bool = False,
    on_progress: Callback | None = None,
    surroundings: Surroundings | None = None,
) -> Refreshed:
    """Read every user of a collection again, and keep the bios that are still there, as they are now.

    Nothing changes before the last user is read; until then ``refresh.jsonl`` holds what has come. The ids of those
    who vanished stay in ``pages.jsonl``, where they say what has been asked; their bios do not.

    Args:
        folder: The collection.
        accept_x_terms: Whether the caller knows `X_TERMS` and keeps them.
        max_cost: Dollars that the refresh may cost.
        resume: Whether to go on with a refresh that was interrupted.
        on_progress: Is told of each page and each wait.
        surroundings: Another way to X, for tests.

    Raises:
        OptionError: The terms are not accepted, or ``max_cost`` is out of range.
        OutputExistsError: There is an unfinished refresh, and not to go on with.
        CollectionError: The folder holds no collection, there is no token, or X refuses it or does not answer.
    """
    check_terms(accept_x_terms)
    limits = Limits(max_cost=max_cost)
    pages, journal = folder / PAGES_FILE, folder / REFRESH_FILE
    source = Lookup([user.id for user in collected_users(folder)])
    with locked(pages):
        tally, ended = read_on(
            source, journal, limits=limits, resume=resume, on_progress=on_progress, surroundings=surroundings
        )
        before = set(collected_ids(folder))
        if ended == "done":
            rewrite_pages(pages, _refreshed(pages, _users_now(journal)))
            write_bios(folder)
            journal.unlink()
    after = set(collected_ids(folder))
    return Refreshed(
        file=folder / BIOS_FILE,
        ended=ended,
        bios=len(after),
        dropped=len(before - after),
        dollars=tally.mills / 1000,
        problems=tally.problems,
    )


def _users_now(journal: Path) -> dict[str, User | None]:
    """Return each user that X gave an answer for; None for those it does not know any more."""
    users: dict[str, User | None] = {}
    for page in read_pages(journal):
        if not page.is_refused:
            users |= dict.fromkeys(page.request.target.split(","))
            users |= {user.id: user for user in page.users}
    return users


def _refreshed(pages: Path, now: Mapping[str, User | None]) -> Iterator[Page]:
    for page in read_pages(pages):
        yield replace(page, users=tuple(_updated(user, now) for user in page.users))


def _updated(user: User, now: Mapping[str, User | None]) -> User:
    """Return a user with the bio of now; whether it was protected when it was met stays, as it led the way on."""
    if user.id not in now:
        return user
    found = now[user.id]
    if found is None:
        return replace(user, text=None)
    return replace(user, text=found.text, collected_at=found.collected_at)
