"""Bios from X, as a loopback server with synthetic accounts serves them, with all that can go wrong."""

import itertools
import json
import logging
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import x_server
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.twitter import (
    TOKEN_VARIABLE,
    Collection,
    CollectionProgress,
    Source,
    chosen_source,
    client,
    collect,
    collected_ids,
    journal,
    refresh,
)
from granular_lm.corpus.twitter.pages import Page, Request, parse_page
from granular_lm.errors import CollectionError, GranularLMError, OptionError, OutputExistsError
from x_server import FIRST_ID, TOKEN, World, XServer, name_of, serving, surroundings

ROOT = str(FIRST_ID)
FAULTS = ["rate", "rate with reset", "busy", "malformed", "empty", "no object", "other object", "cut", "dropped"]
LISTED = [str(FIRST_ID + number) for number in range(0, 240, 2)]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)


@pytest.fixture(scope="module")
def world() -> World:
    return World.random(300)


@pytest.fixture
def server(world: World) -> Iterator[XServer]:
    with serving(world, page_size=30) as served:
        yield served


def gather(server: XServer, folder: Path, source: Source | None = None, **options: Any) -> Collection:
    """Collect, by default the accounts that the first one follows."""
    around = options.pop("surroundings", None) or surroundings(server.server_port)
    source = source or chosen_source(following_of=name_of(ROOT))
    return collect(source, folder, accept_x_terms=True, surroundings=around, **options)


def bios(folder: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in (folder / "bios.jsonl").read_text().splitlines()]
    assert len({line["user_id"] for line in lines}) == len(lines)
    return {line["user_id"]: line["text"] for line in lines}


def pages(folder: Path) -> list[dict[str, Any]]:
    """Return the pages on the disk, without a last line that is torn."""
    lines = (folder / "pages.jsonl").read_bytes().split(b"\n")[1:-1] if (folder / "pages.jsonl").exists() else []
    return list(map(json.loads, lines))


def asked(page: dict[str, Any]) -> tuple[str, str, str | None]:
    return page["request"]["kind"], page["request"]["target"], page["request"]["token"]


def refused(call: Callable[[], object], kind: type[GranularLMError] = CollectionError) -> str:
    """Return the message of an error, which is one line without the token."""
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    return str(caught.value)


def snowball(world: World, most: int) -> list[str]:
    """Return whom a snowball from the first account meets, by recursion over levels."""
    met, level = {ROOT: None}, [ROOT]
    while level and len(met) < most:
        found: list[str] = []
        for user in level:
            new = [] if user in world.protected or user in world.refused else world.follows[user]
            for other in new:
                if other not in met and len(met) < most:
                    met[other] = None
                    found.append(other)
        level = found
    return list(met)


def test_each_source_collects_its_accounts_once(server: XServer, world: World, tmp_path: Path) -> None:
    """Over all pages, with the bios of the protected left out, and in a file that is read as documents."""
    listed = tmp_path / "accounts.txt"
    lines = [f"@{name_of(user)}" if int(user) % 4 else user for user in LISTED]
    listed.write_text("\n".join([*lines, lines[0], "", "@12", "17"]))
    expected = {
        "users": (listed, [*LISTED]),
        "followers_of": (f"@{name_of(ROOT)}", world.followers(ROOT)),
        "following_of": (name_of(ROOT), world.follows[ROOT]),
        "list_id": ("77", list(world.bios)),
        "search": ("from:anyone lang:en", sorted(set(world.authors()))),
    }
    for name, (target, users) in expected.items():
        options: dict[str, Any] = {name: target}
        done = gather(server, tmp_path / name, chosen_source(**options))
        kept = world.kept(users)
        assert bios(tmp_path / name) == kept
        assert (done.ended, done.bios, done.users) == ("done", len(kept), len(users))
        assert done.protected == len(world.protected & set(users))
        assert done.without_text == sum(not world.bios[user] for user in set(users) - world.protected)
        assert sorted(read_documents(done.file)) == sorted(kept.values())
        assert {json.loads(line)["collected_at"] for line in done.file.open()} == {"2026-05-28T20:26:40Z"}
    assert [asked.target for asked in server.log if asked.kind == "ids"] != []
    assert gather(server, tmp_path / "users", chosen_source(users=listed), resume=True).problems == [
        "No user: [12].",
        "No user: [17].",
    ]


@pytest.mark.parametrize("most", [1, 2, 7, 60, 250])
def test_a_snowball_is_breadth_first_and_ends_at_its_limit(
    server: XServer, world: World, tmp_path: Path, most: int
) -> None:
    """It meets whom a search by levels meets, and says which accounts X refused on the way."""
    done = gather(server, tmp_path, chosen_source(snowball=name_of(ROOT)), max_users=most)
    met = snowball(world, most)
    assert (done.ended, done.users) == ("max_users", most)
    assert bios(tmp_path) == world.kept(met)
    asked_for = {asked.target for asked in server.log if asked.kind == "following"}
    assert not asked_for & world.protected
    assert len(done.problems) == len(asked_for & set(world.refused))
    assert all(problem.startswith("following of 1") for problem in done.problems)
    if most == 250:
        assert {world.refused.get(user) for user in asked_for} == {None, 401, 403, 404}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_a_wait_and_no_page(server: XServer, world: World, tmp_path: Path, fault: str) -> None:
    """Two in a row before each page change nothing about what is collected."""
    waits: list[float] = []
    around = surroundings(server.server_port)
    around = type(around)(transport=around.transport, clock=around.clock, sleep=waits.append)
    faults = itertools.cycle([fault, fault, None])
    server.draw_fault = lambda: next(faults)
    gather(server, tmp_path, surroundings=around)
    assert bios(tmp_path) == world.kept(world.follows[ROOT])
    assert Counter(server.pages()) == Counter(map(asked, pages(tmp_path)))
    assert waits == ([601.0] * 2 if fault == "rate with reset" else [5.0, 10.0]) * len(pages(tmp_path))


def test_an_answer_that_is_slow_is_not_waited_for(
    server: XServer, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing comes for as long as the time-out, the page is asked for again."""
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", (1.0, 0.05))
    server.slow_seconds = 0.3
    server.faults.extend(["slow"])
    told: list[str] = []
    gather(server, tmp_path, on_progress=lambda progress: told.append(progress.doing))
    assert bios(tmp_path) == world.kept(world.follows[ROOT])
    assert "waiting 5 s: ReadTimeout" in told[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_retries_are_bounded_and_longer_than_the_rate_window(server: XServer, tmp_path: Path, fault: str) -> None:
    """A fault that stays ends the run after nine attempts; when it is gone the run goes on."""
    waits: list[float] = []
    around = surroundings(server.server_port)
    around = type(around)(transport=around.transport, clock=around.clock, sleep=waits.append)
    server.draw_fault = lambda: fault
    message = refused(lambda: gather(server, tmp_path, surroundings=around))
    assert "X gave no page in 9 attempts" in message
    assert "--resume" in message
    assert len(server.log) == 9
    assert len(waits) == 8
    assert 15 * 60 < sum(waits) < 2 * 60 * 60
    server.draw_fault = lambda: None
    assert gather(server, tmp_path, resume=True).ended == "done"


def test_a_token_that_x_refuses_ends_the_run(
    server: XServer, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, also in the middle, where a 401 could be about the account; nothing is taken as read by that."""
    source: dict[str, Any] = {"snowball": name_of(ROOT)}
    gather(server, tmp_path, chosen_source(**source), max_users=50)
    before = pages(tmp_path)
    monkeypatch.setenv(TOKEN_VARIABLE, "another-token")
    message = refused(lambda: gather(server, tmp_path, chosen_source(**source), max_users=200, resume=True))
    assert "X refused the token (401 Unauthorized" in message
    assert pages(tmp_path) == before
    assert "X refused the token" in refused(lambda: gather(server, tmp_path / "new"))
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    gather(server, tmp_path, chosen_source(**source), max_users=200, resume=True)
    assert bios(tmp_path) == world.kept(snowball(world, 200))


def test_an_app_that_x_refuses_ends_the_run(server: XServer, tmp_path: Path) -> None:
    """A 403 that is about the app is no reason to skip one account after the other."""
    server.faults.append("app")
    assert "does not let this app read names" in refused(lambda: gather(server, tmp_path))
    assert pages(tmp_path) == []


def test_without_credit_it_stops_and_goes_on_later(server: XServer, world: World, tmp_path: Path) -> None:
    """402 ends the run with what there is; the page is asked for again when the run goes on, and no other is."""
    source: dict[str, Any] = {"list_id": "77"}
    server.draw_fault = lambda: "no credit" if len(server.log) == 4 else None
    done = gather(server, tmp_path, chosen_source(**source))
    assert (done.ended, done.users, done.pages) == ("no_credit", 120, 4)
    assert len(bios(tmp_path)) == done.bios > 0
    assert gather(server, tmp_path, chosen_source(**source), resume=True).ended == "done"
    assert bios(tmp_path) == world.kept(list(world.bios))
    assert set(Counter(server.pages()).values()) == {1}


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nline", "naïve"])
def test_without_a_token_nothing_is_begun(
    server: XServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """The variable is named, what it holds is not shown, and no folder is made."""
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    message = refused(lambda: gather(server, tmp_path / "new"))
    assert "X_BEARER_TOKEN" in message
    assert not token.strip() or token not in message
    assert not (tmp_path / "new").exists()
    assert server.log == []


def test_no_log_record_and_no_file_holds_the_token(
    server: XServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of any logger, at the lowest level, with every kind of fault and refusal on the way."""
    caplog.set_level(logging.DEBUG)
    for name in ("tweepy", "tweepy.client", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    server.faults.extend([*FAULTS[:8], *FAULTS, "no credit"])
    for _ in range(3):
        with suppress(CollectionError):
            gather(server, tmp_path, chosen_source(snowball=name_of(ROOT)), max_users=200, resume=True)
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    shown = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert not [text for text in shown if TOKEN in text or "AAAA" in text]
    assert not [path for path in tmp_path.rglob("*") if TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("source", "dollars_a_result"),
    [({"list_id": "77"}, 0.010), ({"search": "cats"}, 0.015), ({"snowball": name_of(ROOT)}, 0.010)],
)
def test_no_page_can_cost_more_than_is_left(
    server: XServer, tmp_path: Path, source: dict[str, Any], dollars_a_result: float
) -> None:
    """Under limits that rise from sitting to sitting, all that was read stays within each, and close to it."""
    server.page_size = 1000
    least = 10 if "search" in source else 1
    for limit in (0.15, 0.57, 0.58, 1.0, 2.0):
        done = gather(server, tmp_path, chosen_source(**source), max_cost=limit, max_users=300, resume=True)
        assert done.ended == "max_cost"
        spent = sum(asked.mills for asked in server.log) / 1000
        assert limit - least * dollars_a_result < done.dollars == spent <= limit
    assert set(Counter(server.pages()).values()) == {1}


def test_a_price_is_what_the_pages_say(server: XServer, world: World, tmp_path: Path) -> None:
    """One cent a user, half a cent a post, whoever is met twice counted twice."""
    done = gather(server, tmp_path, chosen_source(search="cats"))
    users = sum(len(page["users"]) for page in pages(tmp_path))
    assert users > len(set(world.authors()))
    assert done.dollars == pytest.approx(users * 0.010 + len(world.authors()) * 0.005)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_cost": 0.0}, "max_cost=0.0"),
        ({"max_cost": float("nan")}, "max_cost=nan"),
        ({"max_users": 0}, "max_users=0"),
        ({"accept_x_terms": False}, "accept_x_terms=True"),
        ({"source": chosen_source(snowball="ada")}, "give max_users"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    """Before anything is written or asked."""
    settings: dict[str, Any] = {"source": chosen_source(list_id="1"), "accept_x_terms": True, **options}
    assert message in refused(lambda: collect(folder=tmp_path / "new", **settings), OptionError)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "sources given: none"),
        ({"search": "a", "list_id": "1"}, "sources given: --list, --search; give exactly one"),
        ({"list_id": "my list"}, "'my list' is not the number of a list"),
        ({"followers_of": "a b"}, "'a b' is not an account's name"),
        ({"snowball": ""}, "'' is not an account's name"),
        ({"search": " "}, "' ' is not a query"),
    ],
)
def test_a_source_is_one_and_well_formed(source: dict[str, Any], message: str) -> None:
    """What was given is named."""
    assert message in refused(lambda: chosen_source(**source), OptionError)


@pytest.mark.parametrize("text", ["", "\n \n", "ada\nnot a name\n", "ada,grace", "12345678901234567890"])
def test_a_file_of_accounts_has_one_a_line(tmp_path: Path, text: str) -> None:
    """The file and the line are named; X would refuse a hundred accounts for one of them."""
    (tmp_path / "accounts.txt").write_text(text)
    assert "accounts.txt has" in refused(lambda: chosen_source(users=tmp_path / "accounts.txt"), OptionError)


def test_an_account_that_is_not_there_is_said(server: XServer, tmp_path: Path) -> None:
    """In X's words."""
    source = chosen_source(followers_of="nobody")
    message = refused(lambda: gather(server, tmp_path, source))
    assert message == "followers of nobody: no user was found (No user: [nobody].)."


def test_only_the_same_collection_goes_on(server: XServer, tmp_path: Path) -> None:
    """Another source is refused and both are named; without resume a folder in use is refused, another one's too."""
    gather(server, tmp_path / "a")
    other = chosen_source(followers_of=name_of(ROOT))
    message = refused(lambda: gather(server, tmp_path / "a", other, resume=True))
    assert f"holds following of {name_of(ROOT)}, and this is followers of {name_of(ROOT)}" in message
    assert "--resume" in refused(lambda: gather(server, tmp_path / "a"), OutputExistsError)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    assert "already holds files" in refused(lambda: gather(server, tmp_path / "b", resume=True), OutputExistsError)
    for foreign in ('{"format": "other"}\n{}\n', '{"format": "other"}', "mine", '{"a": 1}\n{"b": '):
        (tmp_path / "b" / "pages.jsonl").write_text(foreign)
        assert "no journal of this version" in refused(lambda: gather(server, tmp_path / "b", resume=True))
        assert (tmp_path / "b" / "pages.jsonl").read_text() == foreign


def test_resume_without_a_journal_begins(server: XServer, world: World, tmp_path: Path) -> None:
    """Since a run can be killed before its first line, and the command that goes on is the same."""
    gather(server, tmp_path / "new", resume=True)
    assert bios(tmp_path / "new") == world.kept(world.follows[ROOT])


def test_a_finished_collection_asks_for_nothing_more(server: XServer, tmp_path: Path) -> None:
    """Going on with it writes the same file."""
    done = gather(server, tmp_path)
    before, asked_before = done.file.read_bytes(), len(server.log)
    assert gather(server, tmp_path, resume=True) == done
    assert done.file.read_bytes() == before
    assert len(server.log) == asked_before


def test_a_journal_cut_anywhere_goes_on(server: XServer, tmp_path: Path) -> None:
    """Wherever the bytes end, whole lines are kept and the pages behind them are read again, to the same file."""
    done = gather(server, tmp_path, chosen_source(list_id="77"))
    whole, expected = (tmp_path / "pages.jsonl").read_bytes(), done.file.read_bytes()
    line_ends = [position + 1 for position, byte in enumerate(whole) if byte == ord("\n")]
    cuts = {0, 1, *line_ends, *(end - 1 for end in line_ends), *random.Random(0).sample(range(len(whole)), 15)}
    for cut in sorted(cuts):
        (tmp_path / "pages.jsonl").write_bytes(whole[:cut])
        done.file.unlink(missing_ok=True)
        server.log.clear()
        gather(server, tmp_path, chosen_source(list_id="77"), resume=True)
        assert (tmp_path / "pages.jsonl").read_bytes() == whole
        assert done.file.read_bytes() == expected
        assert len(server.log) == len(line_ends) - max(sum(end <= cut for end in line_ends), 1)


def test_a_damaged_line_is_named(server: XServer, tmp_path: Path) -> None:
    """One that is not the last was not cut off by a kill; it is not mended by guessing."""
    gather(server, tmp_path, chosen_source(list_id="77"))
    path = tmp_path / "pages.jsonl"
    for damage in ("{", "[]", '{"request": {}}'):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([*lines[:2], f"{damage}\n", *lines[3:]]))
        message = refused(lambda: gather(server, tmp_path, chosen_source(list_id="77"), resume=True))
        assert "pages.jsonl:3: this line is not the page that was written" in message


def test_one_process_at_a_time(server: XServer, tmp_path: Path) -> None:
    """A second one would pay for the same pages."""
    gather(server, tmp_path)
    with journal.locked(tmp_path / "pages.jsonl"):
        for second in (lambda: gather(server, tmp_path, resume=True), lambda: renewed(server, tmp_path)):
            assert "another process is writing" in refused(second)


def test_a_disk_that_is_almost_full_is_met_before_a_page_is_paid_for(
    server: XServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked when the page might not fit."""
    monkeypatch.setattr(journal, "LEAST_FREE_BYTES", 10**18)
    assert "bytes left; no page is paid for" in refused(lambda: gather(server, tmp_path))
    assert server.log == []


def test_a_page_that_cannot_be_written_leaves_the_ones_before(server: XServer, world: World, tmp_path: Path) -> None:
    """A write that fails half-way, as on a full disk, is taken back; the run goes on when there is room."""
    source: dict[str, Any] = {"list_id": "77"}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            gather(server, tmp_path, chosen_source(**source))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < (tmp_path / "pages.jsonl").stat().st_size < 20_000
    assert (tmp_path / "pages.jsonl").read_bytes().endswith(b"\n")
    kept = len(pages(tmp_path))
    assert len(server.log) == kept + 1
    gather(server, tmp_path, chosen_source(**source), resume=True)
    assert bios(tmp_path) == world.kept(list(world.bios))
    assert len(server.log) == len(pages(tmp_path)) + 1


def test_ctrl_c_at_any_page_or_wait_loses_nothing(server: XServer, world: World, tmp_path: Path) -> None:
    """Interrupted at every other page and at each wait, it ends with every page once."""

    def interrupt(progress: CollectionProgress) -> None:
        if progress.pages % 2 or progress.doing.startswith("waiting"):
            raise KeyboardInterrupt

    server.faults.extend(["busy", "rate"])
    for _ in range(20):
        try:
            gather(server, tmp_path, chosen_source(list_id="77"), resume=True, on_progress=interrupt)
            break
        except KeyboardInterrupt:
            pass
    assert bios(tmp_path) == world.kept(list(world.bios))
    assert set(Counter(map(asked, pages(tmp_path))).values()) == set(Counter(server.pages()).values()) == {1}


@pytest.mark.parametrize("fault", [None, "busy", "rate with reset", "cut"])
def test_ctrl_c_while_x_is_asked_costs_no_page(
    server: XServer, world: World, tmp_path: Path, fault: str | None
) -> None:
    """A sitting that is interrupted in its request ends behind that page, or behind a failure without a wait."""
    waits: list[float] = []
    told: list[str] = []
    around = surroundings(server.server_port)
    around = type(around)(transport=around.transport, clock=around.clock, sleep=waits.append)
    draws = itertools.cycle([fault, None])

    def interrupt() -> str | None:
        os.kill(os.getpid(), signal.SIGINT)
        return next(draws)

    server.draw_fault = interrupt
    before = signal.getsignal(signal.SIGINT)
    source: dict[str, Any] = {"list_id": "77"}
    for sitting in range(1, 1 + len(world.bios) // server.page_size * (2 if fault else 1)):
        with pytest.raises(KeyboardInterrupt):
            gather(
                server,
                tmp_path,
                chosen_source(**source),
                resume=True,
                surroundings=around,
                on_progress=lambda progress: told.append(progress.doing),
            )
        assert signal.getsignal(signal.SIGINT) == before
        assert len(pages(tmp_path)) == (sitting // 2 if fault else sitting)
    assert waits == []
    assert set(told) == {"finishing this page; Ctrl-C again to stop now"}
    server.draw_fault = lambda: None
    gather(server, tmp_path, chosen_source(**source), resume=True)
    assert bios(tmp_path) == world.kept(list(world.bios))
    assert set(Counter(server.pages()).values()) == {1}


@pytest.mark.parametrize("is_ignored", [True, False])
def test_ctrl_c_is_left_alone_where_it_cannot_be_held(server: XServer, tmp_path: Path, is_ignored: bool) -> None:
    """Where it is ignored it stays so, and outside of the main thread, which alone is told of it, nothing changes."""
    before = signal.getsignal(signal.SIGINT)
    ended: list[str] = []

    def run() -> None:
        ended.append(gather(server, tmp_path, chosen_source(list_id="77")).ended)

    if not is_ignored:
        thread = Thread(target=run)
        thread.start()
        thread.join()
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            server.draw_fault = lambda: os.kill(os.getpid(), signal.SIGINT)
            run()
        finally:
            signal.signal(signal.SIGINT, before)
    assert ended == ["done"]


def renewed(server: XServer, folder: Path, **options: Any) -> Any:
    return refresh(folder, accept_x_terms=True, surroundings=surroundings(server.server_port), **options)


def changed(world: World) -> tuple[World, dict[str, str]]:
    """Return the world of a month later, and the bios of accounts that are gone, protected or without a bio by then."""
    users = list(world.kept(list(world.bios)))
    gone, protected, silent, renamed = users[1::9], users[2::9], users[3::9], users[4::9]
    bios = {**world.bios, **dict.fromkeys(silent, ""), **{user: f"new words of {user}" for user in renamed}}
    later = World(bios, world.follows, world.protected | set(protected), set(gone), world.refused)
    return later, {user: world.bios[user] for user in (*gone, *protected, *silent)}


def test_a_refresh_drops_what_has_vanished(server: XServer, world: World, tmp_path: Path) -> None:
    """Also from the journal; bios that changed are those of now, and the ids that are exported are those that stay."""
    gather(server, tmp_path, chosen_source(snowball=name_of(ROOT)), max_users=150)
    before = bios(tmp_path)
    server.world, dropped = changed(world)
    done = renewed(server, tmp_path)
    expected = {user: server.world.bios[user] for user in before if user not in dropped}
    assert bios(tmp_path) == expected
    assert list(collected_ids(tmp_path)) == list(expected)
    assert (done.ended, done.bios, done.dropped) == ("done", len(expected), len(before) - len(expected))
    assert done.dollars == pytest.approx((150 - len(set(snowball(world, 150)) & server.world.gone)) * 0.010)
    on_disk = "".join(json.dumps(pages(tmp_path)))
    others = set(server.world.bios.values())
    assert not [user for user, text in dropped.items() if text not in others and json.dumps(text) in on_disk]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bios.jsonl", "pages.jsonl"]


def test_a_collection_goes_on_after_a_refresh(server: XServer, world: World, tmp_path: Path) -> None:
    """Where it goes is decided by how accounts were when they were met, not by what became of them."""
    gather(server, tmp_path / "a", chosen_source(snowball=name_of(ROOT)), max_users=100)
    server.world, _ = changed(world)
    renewed(server, tmp_path / "a")
    server.world = world
    gather(server, tmp_path / "a", chosen_source(snowball=name_of(ROOT)), max_users=200, resume=True)
    assert len({user["id"] for page in pages(tmp_path / "a") for user in page["users"]}) == 200
    assert set(Counter(map(asked, pages(tmp_path / "a"))).values()) == {1}


def test_a_refresh_that_is_interrupted_changes_nothing_and_goes_on(
    server: XServer, world: World, tmp_path: Path
) -> None:
    """By its limit or by a fault; the users that were read are not read again."""
    gather(server, tmp_path, chosen_source(list_id="77"))
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    server.world, dropped = changed(world)
    server.log.clear()
    assert renewed(server, tmp_path, max_cost=1.5).ended == "max_cost"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.name in files} == files
    assert "--resume" in refused(lambda: renewed(server, tmp_path), OutputExistsError)
    assert renewed(server, tmp_path, resume=True).dropped == len(dropped)
    targets = [target for _, targets, _ in server.pages() for target in targets.split(",")]
    assert sorted(targets) == sorted(world.bios)


def test_a_refresh_keeps_accounts_that_x_did_not_tell_of(server: XServer, world: World, tmp_path: Path) -> None:
    """A lookup that is refused as a whole says nothing about the accounts in it."""
    gather(server, tmp_path, chosen_source(list_id="77"))
    before = bios(tmp_path)
    server.faults.append("refused")
    done = renewed(server, tmp_path)
    assert bios(tmp_path) == before
    assert done.dropped == 0
    assert "403 Forbidden" in done.problems[0]


def test_ids_need_a_collection(tmp_path: Path) -> None:
    """The file that is missing is named."""
    assert "there is no" in refused(lambda: list(collected_ids(tmp_path)))
    assert "there is no" in refused(lambda: refresh(tmp_path, accept_x_terms=True))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "meta", "errors", "includes", "users", "id", "description", "next_token", "detail"]
            ),
            values,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from(["following", "search", "names"]))
def test_any_json_is_a_page_or_not_one(body: Any, kind: str) -> None:
    """Whatever X answers, it is read as a page that the journal gives back, or refused with one kind of error."""
    request = Request(kind=kind, target="1", size=10, token="t")
    try:
        page = parse_page(request, body, "now")
    except ValueError:
        return
    assert Page.from_dict(json.loads(json.dumps(page.to_dict()))) == page


def test_a_page_that_leads_to_itself_is_refused() -> None:
    """Else it would be paid for until the money is gone."""
    request = Request(kind="following", target="1", size=10, token="t")
    with pytest.raises(ValueError, match="next_token 't'"):
        parse_page(request, {"data": [], "meta": {"next_token": "t"}}, "now")


def test_the_package_imports_tweepy_when_it_asks(tmp_path: Path) -> None:
    """Not before: half a second that no other command has to wait for."""
    program = (
        "import sys, granular_lm.corpus.twitter; from granular_lm.cli.app import command_line; command_line(); "
        "print({'tweepy', 'requests'} & set(sys.modules))"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )


@pytest.mark.slow
def test_two_hundred_kills_and_faults_lose_no_page_and_repeat_none(tmp_path: Path) -> None:
    """A page that is on the disk is never asked for again, each is there once, and the bios are those of a calm run."""
    num_users, rng = 2000, random.Random(7)
    world = World.random(2500, seed=1)
    drawn: Counter[str] = Counter()

    def draw_fault() -> str | None:
        if rng.random() > 0.08:
            return None
        fault = rng.choice([*FAULTS, "no credit"])
        drawn[fault] += 1
        return fault

    with serving(world, page_size=6) as server:
        calm = x_server.collect_once(server.server_port, tmp_path / "calm", num_users)
        expected = server.pages()
        server.log.clear()
        server.draw_fault = draw_fault
        program = [sys.executable, x_server.__file__, str(server.server_port), str(tmp_path / "torn"), str(num_users)]
        kills, ended = 0, 3
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdin
            assert driver.stdout
            while ended:
                known, logged = set(map(asked, pages(tmp_path / "torn"))), len(server.log)
                driver.stdin.write(f"{rng.randrange(4000)} {rng.uniform(0, 0.008)} {signal.SIGKILL:d}\n")
                driver.stdin.flush()
                ended = int(driver.stdout.readline())
                kills += ended == -9
                assert ended in (0, 3, -9)
                again = known & {each.page for each in server.log[logged:] if each.page[:2] != ("ids", "1")}
                assert not again
    written = Counter(map(asked, pages(tmp_path / "torn")))
    assert kills >= 100
    assert kills + drawn.total() >= 200
    assert set(drawn) == {*FAULTS, "no credit"}
    assert set(written.values()) == {1}
    delivered = Counter(page for page in server.pages() if page[:2] != ("ids", "1"))
    assert set(delivered) <= set(written)
    assert delivered.total() - len(set(expected)) <= kills  # the one window: killed between the answer and the disk
    torn, whole = ([{**page, "problems": None} for page in pages(tmp_path / name)] for name in ("torn", "calm"))
    assert torn == whole  # but for the words of a refusal, which a fault can cut off
    assert (tmp_path / "torn" / "bios.jsonl").read_bytes() == calm.file.read_bytes()


@pytest.mark.slow
def test_a_hundred_ctrl_c_pay_for_no_page_twice(tmp_path: Path) -> None:
    """At any moment: each page is asked for once in all, and the bios are those of a calm run."""
    num_users, rng = 1500, random.Random(11)
    with serving(World.random(2000, seed=2), page_size=6) as server:
        calm = x_server.collect_once(server.server_port, tmp_path / "calm", num_users)
        expected = Counter(server.pages())
        server.log.clear()
        program = [sys.executable, x_server.__file__, str(server.server_port), str(tmp_path / "torn"), str(num_users)]
        endings: Counter[int] = Counter()
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdin
            assert driver.stdout
            while not endings[0]:
                driver.stdin.write(f"{rng.randrange(1500)} {rng.uniform(0, 0.008)} {signal.SIGINT:d}\n")
                driver.stdin.flush()
                endings[int(driver.stdout.readline())] += 1
    assert set(endings) == {0, 130}
    assert endings[130] >= 100
    assert Counter(server.pages()) == expected
    assert (tmp_path / "torn" / "bios.jsonl").read_bytes() == calm.file.read_bytes()
