"""The calls to X: tweepy with what it lacks, which is time-outs, bounded retries and a token that no log shows."""

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from granular_lm.corpus.twitter.interrupts import holding_interrupt
from granular_lm.corpus.twitter.pages import Page, Request, one_line, parse_page
from granular_lm.errors import CollectionError

TOKEN_VARIABLE = "X_BEARER_TOKEN"  # noqa: S105 - the name of the variable, not a token
TIMEOUT_SECONDS = (10.0, 60.0)
"""To connect, and without a byte of the answer."""
ATTEMPTS = 9
FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 5.0, 320.0
"""The waits of all attempts are longer than X's rate window of 15 minutes."""
LONGEST_WAIT_SECONDS = 86_400.0
PAYMENT_REQUIRED = 402
FIELDS = ["description", "protected"]
NOBODY = Request(kind="ids", target="1", size=1)
"""A lookup that costs nothing, because X has no account of that number; it shows whether the token is accepted."""

Wait = Callable[[str, float], None]
"""Is told why it is waited, and for how many seconds."""


class OutOfCreditError(Exception):
    """X answered 402: the credit is used up."""


class _UnansweredError(Exception):
    """No page came, and another attempt may bring it."""

    def __init__(self, reason: object, resets_at: int | None = None) -> None:
        super().__init__(one_line(reason))
        self.resets_at = resets_at


class _RefusedError(Exception):
    """X does not give this page to this caller."""

    def __init__(self, reason: object, *, is_unauthorized: bool) -> None:
        super().__init__(one_line(reason))
        self.is_unauthorized = is_unauthorized


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a test replaces.

    Args:
        transport: A `requests` adapter in place of the one that connects to X.
        sleep: Waits for a number of seconds.
        clock: Returns the seconds since 1970.
    """

    transport: object | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time


class XClient:
    """Reads pages of X's second API, one at a time.

    Args:
        surroundings: The way to X, and the time.
        on_wait: Is told of each wait before it begins.
        on_held: Is told when Ctrl-C is held back because X is being asked.

    Raises:
        CollectionError: The environment has no token.
    """

    def __init__(self, surroundings: Surroundings, on_wait: Wait, on_held: Callable[[], None]) -> None:
        self._client = _tweepy_client(bearer_token(), surroundings.transport)
        self._sleep = surroundings.sleep
        self._clock = surroundings.clock
        self._on_wait = on_wait
        self._on_held = on_held

    def read(self, request: Request, keep: Callable[[Page], None]) -> Page:
        """Return the page that is asked for; one without users if X does not give it for this account.

        From the asking until the page is kept, Ctrl-C is held back; a wait ends with it at once.

        Args:
            request: What to ask for.
            keep: Puts the page where it cannot be lost.

        Raises:
            CollectionError: Neither came after `ATTEMPTS` attempts, or X refuses the token, the app or the request.
            OutOfCreditError: X wants money first.
        """
        for attempt in range(ATTEMPTS):
            try:
                with holding_interrupt(self._on_held):
                    page = self._outcome(request)
                    keep(page)
                return page
            except _UnansweredError as error:
                reason = str(error)
                if attempt + 1 < ATTEMPTS:
                    self._wait(error, attempt)
        raise CollectionError(f"X gave no page in {ATTEMPTS} attempts ({reason}); go on later with --resume.")

    def _outcome(self, request: Request) -> Page:
        try:
            body = self._asked(request)
        except _RefusedError as refused:
            if refused.is_unauthorized:
                self._check_token()
            problem = f"{request.kind} of {one_line(request.target, 60)}: {refused}"
            return Page(request=request, problems=(problem,), is_refused=True)
        try:
            return parse_page(request, body, self._now())
        except ValueError as error:
            raise _UnansweredError(f"an answer that cannot be read, {error}") from error

    def _check_token(self) -> None:
        """Tell a refused token from an account that X does not show to this one: both are a 401."""
        try:
            self._asked(NOBODY)
        except _RefusedError as refused:
            if refused.is_unauthorized:
                raise CollectionError(
                    f"X refused the token ({refused}); check {TOKEN_VARIABLE}, then go on with --resume."
                ) from refused

    def _asked(self, request: Request) -> object:
        """Return the JSON of one call, with tweepy's errors sorted by what is to be done about them."""
        import tweepy

        try:
            return self._call(request)
        except tweepy.TooManyRequests as error:
            raise _UnansweredError("rate limit", error.reset_time) from error
        except tweepy.TwitterServerError as error:
            raise _UnansweredError(error) from error
        except (tweepy.Unauthorized, tweepy.Forbidden, tweepy.NotFound) as error:
            if _concerns_app(error.response):
                raise CollectionError(f"X does not let this app read {request.kind} ({one_line(error)}).") from error
            raise _RefusedError(error, is_unauthorized=isinstance(error, tweepy.Unauthorized)) from error
        except tweepy.HTTPException as error:
            if error.response.status_code == PAYMENT_REQUIRED:
                raise OutOfCreditError(one_line(error)) from error
            raise CollectionError(
                f"X refused to look for {request.kind} of {one_line(request.target)!r} ({one_line(error)}); "
                "check what you ask for."
            ) from error
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            # What requests raises is an OSError; the others are tweepy's and json's on an answer of another form.
            raise _UnansweredError(f"{type(error).__name__}: {error}") from error

    def _call(self, request: Request) -> object:
        client = self._client
        match request.kind:
            case "names":
                return client.get_users(usernames=request.target, user_fields=FIELDS)
            case "ids":
                return client.get_users(ids=request.target, user_fields=FIELDS)
            case "search":
                return client.search_recent_tweets(
                    request.target,
                    max_results=request.size,
                    next_token=request.token,
                    expansions="author_id",
                    user_fields=FIELDS,
                )
        methods = {
            "followers": client.get_users_followers,
            "following": client.get_users_following,
            "members": client.get_list_members,
        }
        return methods[request.kind](
            request.target, max_results=request.size, pagination_token=request.token, user_fields=FIELDS
        )

    def _wait(self, error: _UnansweredError, attempt: int) -> None:
        """Wait until the rate limit is lifted, and at least longer than the time before."""
        seconds = min(FIRST_BACKOFF_SECONDS * 2**attempt, LONGEST_BACKOFF_SECONDS)
        if error.resets_at is not None:
            seconds = min(max(error.resets_at + 1 - self._clock(), seconds), LONGEST_WAIT_SECONDS)
        self._on_wait(str(error), seconds)
        self._sleep(seconds)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bearer_token() -> str:
    """Return the token of the environment.

    Raises:
        CollectionError: There is none, or it cannot be one; the message does not show it.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise CollectionError(f"the environment has no {TOKEN_VARIABLE}; set it to the bearer token of your X app.")
    if not re.fullmatch(r"[!-~]+", token):
        raise CollectionError(f"{TOKEN_VARIABLE} holds a character that no token has; copy it from your X app again.")
    return token


def _tweepy_client(token: str, transport: object | None) -> Any:
    """Return tweepy's client, which leaves waiting to us: by itself it asks on at once where no reset is told."""
    from functools import partial

    import tweepy

    logging.getLogger("tweepy.client").addFilter(_is_safe)
    client = tweepy.Client(token, return_type=dict, wait_on_rate_limit=False)
    client.session.request = partial(client.session.request, timeout=TIMEOUT_SECONDS)
    if transport is not None:
        client.session.mount("https://", transport)
    return client


def _is_safe(record: logging.LogRecord) -> bool:
    """Hold back tweepy's debugging records: they show the token."""
    return record.levelno > logging.DEBUG


def _concerns_app(response: Any) -> bool:
    """Tell whether a refusal is about the caller's app and not about what it asked for."""
    try:
        kind = str(response.json()["type"])
    except (ValueError, KeyError, TypeError):
        return False
    return kind.endswith(("/client-forbidden", "/unsupported-authentication"))
