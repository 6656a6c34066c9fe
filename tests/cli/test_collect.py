"""``granular-lm collect`` as a user meets it, with a loopback server in the place of X."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

import x_server
from commands import TINY, Run
from granular_lm.corpus.twitter import TOKEN_VARIABLE, reading
from x_server import FIRST_ID, TOKEN, World, XServer, name_of, serving, surroundings

ROOT = name_of(str(FIRST_ID))


@pytest.fixture(scope="module")
def world() -> World:
    return World.random(200)


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[XServer]:
    """Serve, and have commands go there."""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with serving(world, page_size=50) as served:
        monkeypatch.setattr(reading, "Surroundings", partial(surroundings, served.server_port))
        yield served


def facts(out: str) -> dict[str, str]:
    return dict(re.split(r"  +", line, maxsplit=1) for line in out.splitlines())


def one_line(err: str) -> str:
    """Return what stderr says behind the terms."""
    terms, *lines = err.splitlines()
    assert "forbid training models on X content" in terms
    (line,) = lines
    assert line.startswith("granular-lm: ")
    return line


def test_what_is_collected_is_read_by_the_other_commands(
    run: Run, server: XServer, world: World, tmp_path: Path
) -> None:
    """The bios are a corpus for train, the ids are a source for collect, and stdout says how it went."""
    code, out, err = run("collect", "--list", "77", "-o", tmp_path / "x", "--accept-x-terms")
    assert code == 0
    assert err.count("\n") == 1
    kept = world.kept(list(world.bios))
    assert (facts(out)["bios"], facts(out)["dollars"], facts(out)["ended"]) == (str(len(kept)), "2.00", "done")
    told = json.loads(run("data", "stats", tmp_path / "x" / "bios.jsonl", "--json")[1])
    assert told["documents"] == len(kept)
    bios = tmp_path / "x" / "bios.jsonl"
    assert run("train", bios, "-o", tmp_path / "model", "--max-bytes", "2k", *TINY)[0] == 0
    assert run("collect", "ids", tmp_path / "x")[1].split() == list(kept)
    assert json.loads(run("collect", "ids", tmp_path / "x", "--json")[1]) == list(kept)
    assert run("collect", "ids", tmp_path / "x", "-o", tmp_path / "ids.txt")[:2] == (0, "")
    assert run("collect", "ids", tmp_path / "x", "-o", tmp_path / "ids.txt")[0] == 1
    code, out, _ = run("collect", "--users", tmp_path / "ids.txt", "-o", tmp_path / "y", "--accept-x-terms", "--json")
    assert (code, json.loads(out)["bios"]) == (0, len(kept))
    assert run("collect", "ids", tmp_path / "y")[1].split() == list(kept)


def test_the_terms_are_shown_and_have_to_be_accepted(run: Run, server: XServer, tmp_path: Path) -> None:
    """Before the first call; without the option nothing is asked and nothing is written."""
    for command in (["collect", "--list", "77", "-o", tmp_path / "x"], ["collect", "refresh", tmp_path]):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert "give --accept-x-terms" in one_line(err)
        assert "https://docs.x.com/developer-guidelines" in one_line(err)
    assert server.log == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "sources given: none; give exactly one of --users, --followers-of"),
        (["--search", "a", "--followers-of", "b"], "sources given: --followers-of, --search"),
        (["--search", "a"], "give one with --output"),
    ],
)
def test_wrong_combinations_are_wrong_usage(run: Run, arguments: list[str], message: str) -> None:
    """One line, exit code 2."""
    code, out, err = run("collect", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--snowball", ROOT], 2, "--max-users"),
        (["--list", "77", "--max-cost", "0"], 2, "--max-cost 0.0"),
        (["--users", "missing.txt"], 1, "there is no file missing.txt"),
        (["--followers-of", "nobody"], 1, "followers of nobody: no user was found"),
    ],
)
def test_what_cannot_be_collected_is_said_in_a_line(
    run: Run, server: XServer, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    """With the exit code of its kind."""
    done, out, err = run("collect", *arguments, "-o", tmp_path / "x", "--accept-x-terms")
    assert (done, out) == (code, "")
    assert message in err.splitlines()[-1]


def test_a_missing_token_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the name of the variable."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    code, _, err = run("collect", "--list", "77", "-o", tmp_path / "x", "--accept-x-terms")
    assert code == 1
    assert "the environment has no X_BEARER_TOKEN" in one_line(err)


def test_a_limit_is_an_end_and_no_credit_an_error(run: Run, server: XServer, world: World, tmp_path: Path) -> None:
    """Both say how to go on; the first exits with 0, the second with 1, and then nothing is paid for twice."""
    command = ["collect", "--list", "77", "-o", tmp_path / "x", "--accept-x-terms"]
    code, out, err = run(*command, "--max-cost", "1.2")
    assert code == 0
    assert "--resume and a higher --max-cost" in one_line(err)
    assert facts(out)["users"] == "120"
    server.faults.append("no credit")
    code, out, err = run(*command, "--resume", "--json")
    assert code == 1
    assert "402" in one_line(err)
    assert json.loads(out)["ended"] == "no_credit"
    code, out, _ = run(*command, "--resume", "--json")
    assert (code, json.loads(out)["bios"]) == (0, len(world.kept(list(world.bios))))
    assert len(server.pages()) == len(set(server.pages()))


PROGRAM = """
import sys, time
from dataclasses import replace
from granular_lm.cli import main
from granular_lm.corpus.twitter import reading
from x_server import surroundings
port, *arguments = sys.argv[1:]
reading.Surroundings = lambda: replace(surroundings(int(port)), sleep=time.sleep)
main(arguments)
"""
"""The command, with a port in the place of X and waits that last."""


@contextmanager
def collecting(server: XServer, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Give the command as a process, which is killed if it does not end."""
    options = ["collect", "--list", "77", "-o", str(folder), "--accept-x-terms", "--resume"]
    program = [sys.executable, "-c", PROGRAM, str(server.server_port), *options]
    setting = {**os.environ, "PYTHONPATH": str(Path(x_server.__file__).parent)}
    with subprocess.Popen(program, env=setting, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        try:
            yield command
        finally:
            server.is_released.set()
            command.kill()


def interrupted(command: subprocess.Popen[str]) -> None:
    """Wait for the end, and see that it is that of a command which was interrupted."""
    out, err = command.communicate(timeout=30)
    assert (command.returncode, out) == (130, "")
    told = ["granular-lm: to go on, give the same command with --resume.", "granular-lm: interrupted."]
    assert err.splitlines()[-2:] == told
    assert "Traceback" not in err


def ends_well(server: XServer, world: World, folder: Path) -> None:
    """Go on to the end, and see that no bio is missing."""
    with collecting(server, folder) as command:
        command.communicate(timeout=60)
        assert command.returncode == 0
    lines = (folder / "bios.jsonl").read_text().splitlines()
    assert {each["user_id"]: each["text"] for each in map(json.loads, lines)} == world.kept(list(world.bios))


def test_ctrl_c_waits_for_the_page_in_flight(server: XServer, world: World, tmp_path: Path) -> None:
    """It is on the disk when the command ends with 130; with --resume no page is asked for twice, and none is lost."""
    for number in range(2):
        server.faults.extend([*[None] * (1 - number), "held"])
        with collecting(server, tmp_path) as command:
            assert server.has_arrived.wait(30)
            command.send_signal(signal.SIGINT)
            server.is_released.set()
            interrupted(command)
        server.has_arrived.clear()
        server.is_released.clear()
        assert len((tmp_path / "pages.jsonl").read_text().splitlines()) == 1 + len(server.log) == 3 + number
    ends_well(server, world, tmp_path)
    assert len(server.pages()) == len(set(server.pages())) == 4


def test_ctrl_c_twice_does_not_wait(server: XServer, world: World, tmp_path: Path) -> None:
    """The command ends while X still has not answered; the page is asked for again, and none is lost."""
    server.faults.extend([None, "held"])
    with collecting(server, tmp_path) as command:
        assert server.has_arrived.wait(30)
        sent = 0
        while command.poll() is None:
            command.send_signal(signal.SIGINT)
            sent += 1
            with suppress(subprocess.TimeoutExpired):
                command.wait(timeout=1)
        interrupted(command)
        assert sent == 2
        assert not server.is_released.is_set()
    ends_well(server, world, tmp_path)


@pytest.mark.parametrize("fault", ["rate with reset", "busy"])
def test_ctrl_c_ends_a_wait_at_once(server: XServer, world: World, tmp_path: Path, fault: str) -> None:
    """Be it for the rate limit, ten minutes, or between two attempts."""
    server.faults.extend([None, *[fault] * 3])
    with collecting(server, tmp_path) as command:
        while len(server.log) < 2:
            assert command.poll() is None
            time.sleep(0.01)
        command.send_signal(signal.SIGINT)
        interrupted(command)
    assert len(server.log) == 2
    server.faults.clear()
    ends_well(server, world, tmp_path)
    assert len(server.pages()) == len(set(server.pages())) == 4


def test_refresh_drops_what_has_vanished(run: Run, server: XServer, world: World, tmp_path: Path) -> None:
    """And says how many."""
    run("collect", "--list", "77", "-o", tmp_path / "x", "--accept-x-terms")
    kept = list(world.kept(list(world.bios)))
    server.world = World(world.bios, world.follows, world.protected, gone=set(kept[:3]))
    code, out, _ = run("collect", "refresh", tmp_path / "x", "--accept-x-terms")
    assert code == 0
    assert facts(out)["dropped"] == "3"
    assert run("collect", "ids", tmp_path / "x")[1].split() == kept[3:]
