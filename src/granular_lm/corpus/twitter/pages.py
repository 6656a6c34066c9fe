"""What is asked of X and what it answers: one request, one page, and what each costs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

USER_MILLS, POST_MILLS = 10, 5
"""Thousandths of a dollar that X charges for reading a user and a post (its published prices of July 2026)."""

LOOKUPS = ("names", "ids")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The results that a page of one kind can hold, and the most that one of them costs."""

    least: int
    most: int
    mills: int = USER_MILLS


ENDPOINTS: Mapping[str, Endpoint] = {
    "names": Endpoint(1, 100),
    "ids": Endpoint(1, 100),
    "followers": Endpoint(1, 1000),
    "following": Endpoint(1, 1000),
    "members": Endpoint(1, 100),
    "search": Endpoint(10, 100, USER_MILLS + POST_MILLS),  # a post and, once a page, its author
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One page to ask for.

    Args:
        kind: One of `ENDPOINTS`.
        target: Names or ids with commas between them, the id of an account or of a list, or a query.
        size: The most results that may come back.
        token: Which page it is, as the page before said; None for the first.
        is_collected: Whether the users are wanted, not only looked up on the way to others.
    """

    kind: str
    target: str
    size: int
    token: str | None = None
    is_collected: bool = True

    def limited(self, size: int) -> "Request":
        """Return the request for fewer results, if it asks for more."""
        size = min(size, self.size)
        target = ",".join(self.target.split(",")[:size]) if self.kind in LOOKUPS else self.target
        return replace(self, size=size, target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account as X told it.

    Args:
        id: Its number.
        text: The bio; empty if it has none, None if it is not kept: the account is protected, has vanished since,
            or was only looked up.
        collected_at: When it was read, as in ``2026-07-01T12:00:00Z``.
        is_protected: Whether it was protected when it was met, so that its connections cannot be read.
    """

    id: str
    text: str | None
    collected_at: str
    is_protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What came back for a request.

    Args:
        request: What was asked.
        users: In the order of X.
        posts: How many posts were read beside them.
        next_token: The page behind this one; None if it was the last.
        problems: What could not be read, in X's words.
        is_refused: Whether X did not give the page, so that nothing is known of the accounts that were asked for.
    """

    request: Request
    users: tuple[User, ...] = ()
    posts: int = 0
    next_token: str | None = None
    problems: tuple[str, ...] = ()
    is_refused: bool = False

    @property
    def mills(self) -> int:
        """The price, in thousandths of a dollar."""
        return USER_MILLS * len(self.users) + POST_MILLS * self.posts

    def to_dict(self) -> dict[str, Any]:
        """Return the page as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the page that `to_dict` gave these values of.

        Raises:
            KeyError, TypeError: The values are no page.
        """
        parts = {
            "request": Request(**values["request"]),
            "users": tuple(User(**user) for user in values["users"]),
            "problems": tuple(values["problems"]),
        }
        return cls(**{**values, **parts})


def parse_page(request: Request, body: object, collected_at: str) -> Page:
    """Return the page in the JSON that X answered with.

    Raises:
        ValueError: It is not what X's documentation says.
    """
    if not isinstance(body, dict) or not {"data", "meta", "errors"} & set(body):
        raise ValueError("no field 'data', 'meta' or 'errors'")
    try:
        found = body.get("data", [])
        is_search = request.kind == "search"
        users = body.get("includes", {}).get("users", []) if is_search else found
        next_token = body.get("meta", {}).get("next_token")
        page = Page(
            request=request,
            users=tuple(_user(values, request, collected_at) for values in users),
            posts=len(found) if is_search else 0,
            next_token=next_token,
            problems=tuple(one_line(error.get("detail") or error.get("title")) for error in body.get("errors", [])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a field that is missing or of another type: {error}") from error
    if not isinstance(next_token, str | None) or (next_token is not None and next_token == request.token):
        raise ValueError(f"next_token {next_token!r}")
    return page


def _user(values: Mapping[str, Any], request: Request, collected_at: str) -> User:
    user_id, text = values["id"], values.get("description") or ""
    if not isinstance(user_id, str) or not isinstance(text, str):
        raise TypeError("a user's id or description is no string")
    is_protected = values.get("protected") is True
    is_kept = request.is_collected and not is_protected
    return User(id=user_id, text=text if is_kept else None, collected_at=collected_at, is_protected=is_protected)


def one_line(text: object, most: int = 200) -> str:
    """Return text from elsewhere in one line of printable characters, cut where it is long."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return shown if len(shown) <= most else f"{shown[:most]}..."
