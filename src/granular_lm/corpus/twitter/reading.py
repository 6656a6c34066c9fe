"""The loop: ask for a page, put it on the disk, ask for the next."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from granular_lm.checks import check_integer, take_plain_numbers
from granular_lm.corpus.twitter.client import OutOfCreditError, Surroundings, XClient, bearer_token
from granular_lm.corpus.twitter.journal import Journal, read_pages
from granular_lm.corpus.twitter.pages import ENDPOINTS, Page, Request
from granular_lm.corpus.twitter.sources import Source
from granular_lm.errors import OptionError

Ended = Literal["done", "max_users", "max_cost", "no_credit"]


@dataclass(slots=True)
class Tally:
    """What has been read so far, in all sittings.

    Args:
        pages: Answers of X, those without a user included.
        mills: Their price in thousandths of a dollar.
        users: The ids of the users that are collected.
        protected: How many of them are protected; their bios are not kept.
        without_text: How many of them have no bio.
        problems: What could not be read, in X's words.
    """

    pages: int = 0
    mills: int = 0
    users: set[str] = field(default_factory=set)
    protected: int = 0
    without_text: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, page: Page) -> None:
        """Count a page, and its users if they are collected."""
        self.pages += 1
        self.mills += page.mills
        self.problems += page.problems
        for user in page.users if page.request.is_collected else ():
            if user.id not in self.users:
                self.users.add(user.id)
                self.protected += user.is_protected
                self.without_text += user.text == ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where to stop.

    Args:
        max_cost: Dollars that all pages may cost together.
        max_users: Users to collect.

    Raises:
        OptionError: A limit is not above 0.
    """

    max_cost: float | None = None
    max_users: int | None = None

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        if self.max_cost is not None and not 0 < self.max_cost < math.inf:
            raise OptionError(f"max_cost={self.max_cost!r} is not accepted; give dollars above 0, such as 2.50.")
        if self.max_users is not None:
            check_integer("max_users", self.max_users, least=1)

    def met(self, request: Request, tally: Tally) -> Ended | None:
        """Return the limit that the smallest page for a request could go beyond, if there is one."""
        if self._room(tally) <= 0:
            return "max_users"
        return "max_cost" if self._affordable(request, tally) < ENDPOINTS[request.kind].least else None

    def fit(self, request: Request, tally: Tally) -> Request:
        """Return the request for as many results as can be paid for and are wanted."""
        wanted = max(self._room(tally), ENDPOINTS[request.kind].least)
        return request.limited(int(min(request.size, self._affordable(request, tally), wanted)))

    def _room(self, tally: Tally) -> float:
        return math.inf if self.max_users is None else self.max_users - len(tally.users)

    def _affordable(self, request: Request, tally: Tally) -> float:
        if self.max_cost is None:
            return math.inf
        max_mills = math.floor(round(self.max_cost * 1000, 6))  # 0.57 * 1000 is a little less than 570
        return (max_mills - tally.mills) // ENDPOINTS[request.kind].mills


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionProgress:
    """What a callback is told, after each page, before each wait, and when Ctrl-C is held back.

    Args:
        doing: What was read, or what is waited for.
        users: Users so far.
        pages: Pages so far.
        dollars: Their price so far.
        problems: What could not be read on this page.
    """

    doing: str
    users: int
    pages: int
    dollars: float
    problems: tuple[str, ...] = ()


Callback = Callable[[CollectionProgress], None]


def read_on(
    source: Source,
    path: Path,
    *,
    limits: Limits,
    resume: bool,
    on_progress: Callback | None,
    surroundings: Surroundings | None,
) -> tuple[Tally, Ended]:
    """Read the pages of a source into a journal, until they end or a limit is met.

    Returns:
        What has been read in all sittings, and why this one ended.
    """
    bearer_token()  # before anything is written
    with Journal.opened(path, source.title, resume=resume) as journal:
        sitting = _Sitting(source, journal, limits, on_progress)
        for page in read_pages(path):
            sitting.take(page)
        client = XClient(surroundings or Surroundings(), sitting.tell_wait, sitting.tell_held)
        return sitting.tally, sitting.run(client)


class _Sitting:
    """One process' share of a collection."""

    def __init__(self, source: Source, journal: Journal, limits: Limits, on_progress: Callback | None) -> None:
        self.tally = Tally()
        self._source = source
        self._journal = journal
        self._limits = limits
        self._on_progress = on_progress

    def take(self, page: Page) -> None:
        self._source.take(page)
        self.tally.take(page)

    def run(self, client: XClient) -> Ended:
        while (request := self._source.next_request()) is not None:
            if met := self._limits.met(request, self.tally):
                return met
            self._journal.check_room()
            try:
                page = client.read(self._limits.fit(request, self.tally), self._journal.append)
            except OutOfCreditError:
                return "no_credit"
            self.take(page)
            self._tell(f"reading {request.kind}", page.problems)
        return "done"

    def tell_wait(self, reason: str, seconds: float) -> None:
        self._tell(f"waiting {seconds:.0f} s: {reason}")

    def tell_held(self) -> None:
        self._tell("finishing this page; Ctrl-C again to stop now")

    def _tell(self, doing: str, problems: tuple[str, ...] = ()) -> None:
        if self._on_progress is not None:
            tally = self.tally
            told = CollectionProgress(
                doing=doing,
                users=len(tally.users),
                pages=tally.pages,
                dollars=tally.mills / 1000,
                problems=problems,
            )
            self._on_progress(told)
