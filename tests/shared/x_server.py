"""A loopback server that speaks the part of X's API that is used, with accounts that nobody has, and with faults.

As a program, ``python x_server.py PORT FOLDER USERS``, it collects from such a server: for each line of stdin, which
says when and by which signal, it starts a process that collects, ends it, and prints how it ended.
"""

import json
import os
import random
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from granular_lm.corpus.bios import generate_bios
from granular_lm.corpus.twitter import Collection, Surroundings, chosen_source, collect

TOKEN = "AAAA-a-token-that-no-log-may-show-%2F"
NOW = 1_780_000_000
FIRST_ID = 1000
STATUS_OF = {"rate": 429, "rate with reset": 429, "busy": 503, "no credit": 402, "refused": 403}


@dataclass
class World:
    """Accounts by id, whom they follow, and what X says of some of them.

    Args:
        bios: Bio of each account; that of an account without one is empty.
        follows: Ids that an account follows.
        protected: Ids of protected accounts.
        gone: Ids that no lookup finds.
        refused: The status with which the connections of an account are refused.
    """

    bios: dict[str, str]
    follows: dict[str, list[str]]
    protected: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)

    @classmethod
    def random(cls, num_users: int, seed: int = 0, most_follows: int = 30) -> "World":
        """Return accounts with synthetic bios that follow each other at random."""
        rng = random.Random(seed)
        ids = [str(FIRST_ID + number) for number in range(num_users)]
        bios = {
            user: "" if rng.random() < 0.1 else text for user, text in zip(ids, generate_bios(num_users), strict=True)
        }
        follows = {user: rng.sample(ids, rng.randint(1, min(most_follows, num_users))) for user in ids}
        protected = {user for user in ids[1:] if rng.random() < 0.05}
        return cls(bios, follows, protected, refused=dict(zip(ids[3::10], cycle([401, 403, 404]), strict=False)))

    def followers(self, user: str) -> list[str]:
        return [other for other, follows in self.follows.items() if user in follows]

    def kept(self, users: Sequence[str]) -> dict[str, str]:
        """Return the bios that are to be collected of some accounts, each account once."""
        return {user: self.bios[user] for user in users if self.bios[user] and user not in self.protected}

    def authors(self) -> list[str]:
        """Return who wrote each post that any query matches: some wrote several."""
        ids = list(self.bios)
        return [ids[number * number % len(ids)] for number in range(len(ids))]


def name_of(user: str) -> str:
    return f"user_{user}"


@dataclass(frozen=True)
class Asked:
    """A line of the server's log; ``mills`` is the price of the users and posts in the answer."""

    kind: str
    target: str
    token: str | None
    mills: int
    outcome: str

    @property
    def page(self) -> tuple[str, str, str | None]:
        return self.kind, self.target, self.token


class XServer(ThreadingHTTPServer):
    """The server.

    Args:
        world: What it knows.
        page_size: The most results that it gives at once, whatever is asked for.
    """

    daemon_threads = True

    def __init__(self, world: World, page_size: int = 1000) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world
        self.page_size = page_size
        self.log: list[Asked] = []
        self.faults: deque[str | None] = deque()
        self.draw_fault: Callable[[], str | None] = lambda: None
        self.slow_seconds = 1.0
        self.has_arrived, self.is_released = Event(), Event()

    def next_fault(self) -> str | None:
        return self.faults.popleft() if self.faults else self.draw_fault()

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""

    def pages(self, outcome: str = "whole") -> list[tuple[str, str, str | None]]:
        return [asked.page for asked in self.log if asked.outcome == outcome]


@contextmanager
def serving(world: World, page_size: int = 1000) -> Iterator[XServer]:
    server = XServer(world, page_size)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Loopback(HTTPAdapter):
    """Sends to a port of this machine what is meant for X."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        assert request.url is not None
        assert request.url.startswith("https://api.twitter.com/2/")
        request.url = request.url.replace("https://api.twitter.com", f"http://127.0.0.1:{self._port}")
        return super().send(request, *args, **{**kwargs, "proxies": {}})


class _Handler(BaseHTTPRequestHandler):
    server: XServer
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet; two would wait for each other
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        kind, target = self._asked(url.path.split("/")[2:], query)
        fault = self.server.next_fault()
        if fault == "held":  # the answer comes when the test wants it to, and is whole
            self.server.has_arrived.set()
            self.server.is_released.wait()
            fault = None
        status, body = self._answer(kind, target, query)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status, body = 401, problem(401)
        elif fault in STATUS_OF:
            status, body = STATUS_OF[fault], problem(STATUS_OF[fault])
        elif fault == "app":
            status, body = 403, {**problem(403), "type": "https://api.twitter.com/2/problems/client-forbidden"}
        users = body.get("includes", {}).get("users", body.get("data", []))
        mills = 10 * len(users) + (5 * len(body["data"]) if "includes" in body else 0)
        outcome = fault or ("whole" if status == 200 else str(status))
        token = query.get("pagination_token", query.get("next_token"))
        self._send(status, json.dumps(body).encode(), fault)
        self.server.log.append(Asked(kind, target, token, mills, outcome))

    def _asked(self, path: list[str], query: dict[str, str]) -> tuple[str, str]:
        match path:
            case ["users", "by"]:
                return "names", query["usernames"]
            case ["users"]:
                return "ids", query["ids"]
            case ["users", user, ("followers" | "following") as kind]:
                return kind, user
            case ["lists", number, "members"]:
                return "members", number
            case ["tweets", "search", "recent"]:
                return "search", query["query"]
        raise AssertionError(path)

    def _answer(self, kind: str, target: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        world = self.server.world
        match kind:
            case "names" | "ids":
                return 200, self._looked_up(kind, target.split(","))
            case "followers" | "following":
                if status := world.refused.get(target):
                    return status, problem(status)
                listed = world.followers(target) if kind == "followers" else world.follows[target]
                return 200, self._page(listed, query, "pagination_token")
            case "members":
                return 200, self._page(list(world.bios), query, "pagination_token")
        page = self._page(world.authors(), query, "next_token")
        posts = [
            {"id": str(number), "text": "a post", "author_id": user["id"]} for number, user in enumerate(page["data"])
        ]
        authors = list({user["id"]: user for user in page["data"]}.values())
        return 200, {"data": posts, "includes": {"users": authors}, "meta": page["meta"]}

    def _looked_up(self, kind: str, targets: list[str]) -> dict[str, Any]:
        assert len(targets) <= 100
        world = self.server.world
        users = {target: target.removeprefix("user_") if kind == "names" else target for target in targets}
        found = [user for user in users.values() if user in world.bios and user not in world.gone]
        lost = [target for target, user in users.items() if user not in found]
        body: dict[str, Any] = {"data": list(map(self._user, found))} if found else {}
        errors = [{"value": target, "title": "Not Found Error", "detail": f"No user: [{target}]."} for target in lost]
        return {**body, "errors": errors} if errors else body

    def _page(self, users: list[str], query: dict[str, str], token: str) -> dict[str, Any]:
        start = int(query.get(token, "t0").removeprefix("t"))
        end = start + min(int(query["max_results"]), self.server.page_size)
        meta: dict[str, Any] = {"result_count": len(users[start:end])}
        if end < len(users):
            meta["next_token"] = f"t{end}"
        return {"data": list(map(self._user, users[start:end])), "meta": meta}

    def _user(self, user: str) -> dict[str, Any]:
        world = self.server.world
        return {
            "id": user,
            "name": "A Name",
            "username": name_of(user),
            "description": world.bios[user],
            "protected": user in world.protected,
        }

    def _send(self, status: int, body: bytes, fault: str | None) -> None:
        if fault == "dropped":
            self.close_connection = True
            return
        if fault == "slow":
            time.sleep(self.server.slow_seconds)
        body = {"malformed": body[: len(body) // 2], "empty": b"", "no object": b"null", "other object": b"{}"}.get(
            fault or "", body
        )
        self.send_response(status)
        if fault == "rate with reset":
            self.send_header("x-rate-limit-reset", str(NOW + 600))
        if fault == "rate" and not len(self.server.log) % 2:
            self.send_header("Retry-After", "1")  # X does not promise it, and it is not used
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
        self.close_connection = fault == "cut"


def problem(status: int) -> dict[str, Any]:
    return {"title": "No", "type": "about:blank", "status": status, "detail": f"No, says the server: {status}."}


def surroundings(port: int) -> Surroundings:
    """Return a way to the server, with a clock that stands and waits that end at once."""
    return Surroundings(transport=Loopback(port), sleep=lambda _: None, clock=lambda: NOW)


def collect_once(port: int, folder: Path, num_users: int) -> Collection:
    """Begin or go on with what the test of kills collects."""
    return collect(
        chosen_source(snowball=name_of(str(FIRST_ID))),
        folder,
        accept_x_terms=True,
        max_users=num_users,
        resume=True,
        surroundings=surroundings(port),
    )


def _ended_after(num_bytes: int, seconds: float, number: int, port: int, folder: Path, num_users: int) -> int:
    """Collect in a process that is sent a signal when its journal has grown by so much, and some time later."""
    journal = folder / "pages.jsonl"
    before = _size(journal)
    child = os.fork()
    if not child:
        code = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            code = 3 if collect_once(port, folder, num_users).ended == "no_credit" else 0
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    while _size(journal) < before + num_bytes and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.0005)
    time.sleep(seconds)
    os.kill(child, number)  # one that has ended by then keeps its exit code
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    import tweepy  # noqa: F401 - so that no child has to

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a child takes it when it can tell of it
    for line in sys.stdin:
        grown, later, number = line.split()
        ended = _ended_after(
            int(grown), float(later), int(number), int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
        )
        print(ended, flush=True)
