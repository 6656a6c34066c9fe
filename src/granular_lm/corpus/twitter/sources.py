"""Whose bios: which page is asked for next, decided by the pages so far and by nothing else."""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import islice, takewhile
from pathlib import Path
from typing import Protocol

from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.twitter.pages import ENDPOINTS, Page, Request, one_line
from granular_lm.errors import OptionError

NAME = re.compile(r"@?([A-Za-z0-9_]{1,15})")
ID = re.compile(r"[0-9]{1,19}")


class Source(Protocol):
    """A plan of pages that is the same whenever it is given the same pages."""

    title: str
    """What is collected; two sources with one title ask for the same pages."""

    def next_request(self) -> Request | None:
        """Return what to ask for now, or None when all has been asked."""

    def take(self, page: Page) -> None:
        """Learn the answer to the last request, which may have asked for less."""


class Lookup:
    """Accounts that are listed, a hundred at a time.

    Args:
        accounts: Names, with or without ``@``, and ids, which are digits alone.
    """

    def __init__(self, accounts: Sequence[str]) -> None:
        digest = sha256("\n".join(accounts).encode()).hexdigest()[:16]
        self.title = f"{len(accounts)} listed accounts (SHA-256 {digest})"
        self._left = deque(sorted(accounts, key=_kind, reverse=True))

    def next_request(self) -> Request | None:
        """Return the lookup of the next accounts of one kind."""
        if not self._left:
            return None
        kind = _kind(self._left[0])
        alike = takewhile(lambda account: _kind(account) == kind, islice(self._left, ENDPOINTS[kind].most))
        names = [account.removeprefix("@") for account in alike]
        return Request(kind=kind, target=",".join(names), size=len(names))

    def take(self, page: Page) -> None:
        """Go on behind the accounts that were asked for."""
        for _ in range(page.request.size):
            self._left.popleft()


class Walk:
    """One request and the pages behind it.

    Args:
        title: What is collected.
        first: The request.
    """

    def __init__(self, title: str, first: Request) -> None:
        self.title = title
        self._queue = deque([first])

    def next_request(self) -> Request | None:
        """Return the page that is next in the queue."""
        return self._queue[0] if self._queue else None

    def take(self, page: Page) -> None:
        """Go on to the page behind it, and to what follows from the users on it."""
        asked = self._queue.popleft()
        if page.next_token is not None:
            self._queue.appendleft(replace(asked, token=page.next_token))
        self._queue.extend(self._found(page))

    def _found(self, page: Page) -> Iterable[Request]:
        """Return the requests that the users on a page lead to."""
        return ()


class Connections(Walk):
    """The followers of an account or those it follows: a lookup of its id, then pages."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__(f"{kind} of {name}", replace(_account(name), is_collected=False))
        self._kind = kind

    def _found(self, page: Page) -> Iterable[Request]:
        return () if page.request.is_collected else [_first(self._kind, user.id) for user in page.users]


class Snowball(Walk):
    """An account, those it follows, those they follow, and so on, breadth first; the protected lead nowhere."""

    def __init__(self, name: str) -> None:
        super().__init__(f"snowball from {name}", _account(name))
        self._met: set[str] = set()

    def _found(self, page: Page) -> Iterable[Request]:
        for user in page.users:
            if user.id not in self._met and not user.is_protected:
                self._met.add(user.id)
                yield _first("following", user.id)


def chosen_source(
    *,
    users: Path | None = None,
    followers_of: str | None = None,
    following_of: str | None = None,
    list_id: str | None = None,
    search: str | None = None,
    snowball: str | None = None,
) -> Source:
    """Return the one source that is asked for.

    Args:
        users: A text file with a name or an id a line; a name that is digits alone has ``@`` before it.
        followers_of: An account's name.
        following_of: An account's name.
        list_id: A list's number, as its address has it.
        search: A query of X's recent search, whose last seven days it covers.
        snowball: The name of the account to start from.

    Raises:
        OptionError: None or several are given, or what is given is no name, number or query.
        CorpusError: The file cannot be read.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    if len(given) != 1:
        named = ", ".join(f"--{name.removesuffix('_id').replace('_', '-')}" for name in given) or "none"
        raise OptionError(
            f"sources given: {named}; give exactly one of --users, --followers-of, --following-of, --list, "
            "--search, --snowball."
        )
    if users is not None:
        return Lookup(_read_accounts(users))
    if list_id is not None:
        return Walk(f"members of list {list_id}", _first("members", _checked(list_id, ID, "the number of a list")))
    if search is not None:
        return Walk(f"authors of posts that match {search!r}", _first("search", _checked(search, None, "a query")))
    if snowball is not None:
        return Snowball(_name(snowball))
    return Connections(_name(followers_of or following_of or ""), "followers" if followers_of else "following")


def _read_accounts(path: Path) -> list[str]:
    accounts = [account for line in read_documents(path) if (account := line.strip())]
    wrong = next((account for account in accounts if not (NAME.fullmatch(account) or _is_id(account))), None)
    if wrong is not None or not accounts:
        met = "no line with an account" if wrong is None else repr(one_line(wrong, 60))
        raise OptionError(f"{path} has {met}; give a name such as @ada, or an id such as 12, on each line.")
    return list(dict.fromkeys(accounts))


def _is_id(account: str) -> bool:
    return ID.fullmatch(account) is not None


def _kind(account: str) -> str:
    return "ids" if _is_id(account) else "names"


def _name(text: str) -> str:
    return _checked(text, NAME, "an account's name of up to 15 letters, digits and underscores").removeprefix("@")


def _checked(text: str, pattern: re.Pattern[str] | None, accepted: str) -> str:
    if not text.strip() or (pattern and not pattern.fullmatch(text)):
        raise OptionError(f"{text!r} is not {accepted}; give one.")
    return text


def _first(kind: str, target: str) -> Request:
    return Request(kind=kind, target=target, size=ENDPOINTS[kind].most)


def _account(name: str) -> Request:
    return Request(kind="names", target=name, size=1)
