"""The catalogue, and fetching from it, with a loopback server in the place of the net."""

import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

import pytest

from file_server import FileServer, serving
from granular_lm.corpus.catalog import Download, Entry, catalog, conversion, downloading, fetch, find_entry
from granular_lm.corpus.catalog.fetching import CACHE_VARIABLE, cache_folder
from granular_lm.corpus.lock import check_lock, read_locked
from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusError, CorpusNotFoundError, OptionError, OutputExistsError

NAMES = "emma\nolivia\nZoë\n".encode()
TITLES = b'title\r\nShow HN: a thing\r\n"Lighten up"\r\nlast'
RANKING = 'rank,description\n1,one\n2,\n3,"two, or\nthree"\n4,one\n5,☕\n'.encode()
ANNOTATIONS = {"annotations": {"annotations": {"☕": {"default": ["drink", "tea"], "tts": ["hot beverage"]}}}}


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text8", content)
    return out.getvalue()


CONTENTS = {
    "/names.txt": NAMES,
    "/titles.txt": TITLES,
    "/ranking.csv": RANKING,
    "/en/annotations.json": json.dumps(ANNOTATIONS).encode(),
    "/fr/annotations.json": json.dumps(ANNOTATIONS).replace("hot beverage", "boisson chaude").encode(),
    "/text8.zip": zipped(b" anarchism originated as a term" * 1000),
}


PROGRAM = """
import sys
from granular_lm.cli import main
from granular_lm.corpus.catalog import Download, Entry, conversion, downloading, entries
url, seconds, *arguments = sys.argv[1:]
downloading.FIRST_BACKOFF_SECONDS = float(seconds)
entries.CATALOG = (
    Entry(
        name="names", about="", licence="", homepage="", convert=conversion.unchanged,
        downloads=(Download(url=url, num_bytes=13, sha256=None),),
    ),
)
main(arguments)
"""
"""The command, with a corpus whose URL and whose first wait are given."""


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "FIRST_BACKOFF_SECONDS", 0.001)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(dict(CONTENTS)) as served:
        yield served


def entry(server: FileServer, *paths: str, is_known: bool = True, **more: object) -> Entry:
    """Return an entry of files that a server has, with the sizes and hashes of what they ought to hold."""
    downloads = [
        Download(
            url=server.url(path),
            num_bytes=len(CONTENTS[path]),
            sha256=hashlib.sha256(CONTENTS[path]).hexdigest() if is_known else None,
        )
        for path in paths
    ]
    told: dict[str, object] = {"convert": conversion.unchanged, **more}
    return Entry(
        name="corpus",
        about="a test",
        licence="none",
        homepage="http://example.org",
        downloads=tuple(downloads),
        **told,  # type: ignore[arg-type]
    )


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def one_line(error: BaseException) -> str:
    assert "\n" not in str(error)
    return str(error)


@pytest.mark.parametrize(
    ("paths", "convert", "suffix", "expected"),
    [
        (["/names.txt"], conversion.unchanged, ".txt", ["emma", "olivia", "Zoë"]),
        (["/titles.txt"], conversion.lines_below_header, ".txt", ["Show HN: a thing", '"Lighten up"', "last"]),
        (["/ranking.csv"], conversion.descriptions, ".jsonl", ["one", "two, or\nthree", "☕"]),
        (
            ["/en/annotations.json", "/fr/annotations.json"],
            conversion.emoji_names,
            ".jsonl",
            ["☕ hot beverage | drink, tea", "☕ boisson chaude | drink, tea"],
        ),
        (["/text8.zip"], conversion.unzipped, ".txt", [" anarchism originated as a term" * 1000]),
    ],
)
def test_every_form_becomes_documents(
    server: FileServer, tmp_path: Path, paths: list[str], convert: object, suffix: str, expected: list[str]
) -> None:
    """Whatever form the downloads have, what is fetched is a file that `read_documents` reads."""
    fetched = fetch(entry(server, *paths, convert=convert, suffix=suffix), folder=tmp_path)
    assert list(read_documents(fetched.path)) == expected
    assert fetched.path == tmp_path / "corpus" / f"corpus{suffix}"
    assert fetched.not_compared == ()
    assert server.log == paths


def test_the_lock_says_where_a_corpus_is_from(server: FileServer, tmp_path: Path) -> None:
    """Beside the file lie the licence, the URLs, and the sizes and hashes of what was met and what was written."""
    fetched = fetch(entry(server, "/text8.zip", convert=conversion.unzipped), tmp_path / "mine.txt", folder=tmp_path)
    told = json.loads(fetched.lock.read_text())
    assert fetched.lock == tmp_path / "mine.txt.lock.json"
    (download,) = told["downloads"]
    assert download == {
        "url": server.url("/text8.zip"),
        "bytes": len(CONTENTS["/text8.zip"]),
        "sha256": hashlib.sha256(CONTENTS["/text8.zip"]).hexdigest(),
        "is_compared": True,
    }
    (part,) = told["parts"].values()
    assert (told["licence"], part["file"], part["documents"], part["bytes"]) == ("none", "mine.txt", 1, 31000)


@pytest.mark.parametrize("is_one_text", [True, False])
@pytest.mark.parametrize("change", [NAMES + b"one more\n", NAMES[:-1], NAMES.upper()])
def test_a_corpus_that_was_changed_is_refused(
    server: FileServer, tmp_path: Path, change: bytes, is_one_text: bool
) -> None:
    """As a part of a split is, however it is read; where a document is a line, the last line feed is no part of it."""
    fetched = fetch(entry(server, "/names.txt", is_one_text=is_one_text), tmp_path / "mine.txt", folder=tmp_path)
    for how in (True, False):
        read = list(read_locked([fetched.path], whole_file=how))
        assert read == list(read_documents([fetched.path], whole_file=how))
    fetched.path.write_bytes(change)
    if change == NAMES[:-1] and not is_one_text:
        check_lock(fetched.path)
        return
    for how in (True, False):
        with pytest.raises(CorpusError, match="mine.txt is not what mine.txt.lock.json beside it says") as caught:
            list(read_locked([fetched.path], whole_file=how))
        assert f"remove {fetched.lock}" in one_line(caught.value)
    fetched.lock.unlink()
    assert list(read_locked([fetched.path], whole_file=True)) == [change.decode()]


def test_nothing_is_downloaded_twice(server: FileServer, tmp_path: Path) -> None:
    """A second call asks the server for nothing and gives the same file, and so does one with another output."""
    wanted = entry(server, "/names.txt")
    first = fetch(wanted, folder=tmp_path)
    before = first.path.read_bytes()
    assert fetch(wanted, folder=tmp_path) == first
    other = fetch(wanted, tmp_path / "copy.txt", folder=tmp_path)
    assert first.path.read_bytes() == other.path.read_bytes() == before
    assert server.log == ["/names.txt"]


def test_a_damaged_download_in_the_cache_is_replaced(server: FileServer, tmp_path: Path) -> None:
    """What lies in the cache is compared, too, and loaded again where it is not what it was."""
    wanted = entry(server, "/names.txt")
    fetch(wanted, folder=tmp_path)
    (cached,) = (tmp_path / "corpus" / "downloads").iterdir()
    cached.write_bytes(b"changed")
    assert fetch(wanted, folder=tmp_path).path.read_bytes() == NAMES
    assert server.log == ["/names.txt"] * 2


def test_a_file_can_be_put_into_the_cache_by_hand(server: FileServer, tmp_path: Path) -> None:
    """The place that the message for people without a network names is the one that is looked at."""
    wanted = entry(server, "/names.txt")
    server.shutdown()
    server.server_close()
    with pytest.raises(CorpusError) as caught:
        fetch(wanted, folder=tmp_path)
    place = re.search(r"put it at (\S+)\.$", one_line(caught.value))
    assert place
    Path(place[1]).write_bytes(NAMES)
    assert fetch(wanted, folder=tmp_path).path.read_bytes() == NAMES


def test_an_unknown_hash_is_written_down(server: FileServer, tmp_path: Path) -> None:
    """Where nobody has said the SHA-256, the result says so and the lock holds the one that was met."""
    fetched = fetch(entry(server, "/names.txt", is_known=False), folder=tmp_path)
    assert fetched.not_compared == (server.url("/names.txt"),)
    (download,) = json.loads(fetched.lock.read_text())["downloads"]
    assert download["sha256"] == hashlib.sha256(NAMES).hexdigest()
    assert not download["is_compared"]


@pytest.mark.parametrize("is_known", [True, False])
def test_another_file_is_refused(server: FileServer, tmp_path: Path, is_known: bool) -> None:
    """Another hash, or where none is known another size, is an error with both, and nothing is kept."""
    met = NAMES.upper() if is_known else NAMES * 2
    server.contents["/names.txt"] = met
    with pytest.raises(CorpusError) as caught:
        fetch(entry(server, "/names.txt", is_known=is_known), folder=tmp_path)
    message = one_line(caught.value)
    assert hashlib.sha256(met).hexdigest()[:16] in message
    assert f"{len(met)} bytes" in message
    assert f"expected {len(NAMES)} with" in message
    assert left(tmp_path) == []


@pytest.mark.parametrize("faults", [[503, 503], ["cut"], ["dropped", 500, "cut"]])
def test_a_download_that_breaks_is_begun_anew(server: FileServer, tmp_path: Path, faults: list[int | str]) -> None:
    """Behind waits that double, and the file is the whole one."""
    server.faults.extend(faults)
    waits: list[tuple[str, float]] = []
    wanted = entry(server, "/text8.zip", convert=conversion.unzipped)
    fetched = fetch(wanted, folder=tmp_path, on_wait=lambda *told: waits.append(told))
    assert fetched.path.stat().st_size == 31000
    assert server.log == ["/text8.zip"] * (len(faults) + 1)
    assert [seconds for _, seconds in waits] == [0.001 * 2**number for number in range(len(faults))]
    reasons = {
        503: "503 Service Unavailable",
        500: "500 Internal Server Error",
        "cut": "the connection ended early",
        "dropped": "the connection ended early",
    }
    assert [reason for reason, _ in waits] == [reasons[fault] for fault in faults]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (503, "503 Service Unavailable"),
        (429, "429 Too Many Requests"),
        ("cut", "the connection ended early"),
        ("dropped", "the connection ended early"),
        ("hung", "nothing came for 0.05 s"),
    ],
)
def test_attempts_are_bounded(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int | str, reason: str
) -> None:
    """The last is an error with the URL, the reason and what to do; it leaves nothing, and the next call works."""
    monkeypatch.setattr(downloading, "TIMEOUT_SECONDS", 0.05)
    server.faults.extend([fault] * downloading.ATTEMPTS)
    wanted = entry(server, "/names.txt")
    with pytest.raises(CorpusError) as caught:
        fetch(wanted, folder=tmp_path)
    said = f"{server.url('/names.txt')} could not be downloaded in 4 attempts ({reason}); check the network and give"
    assert one_line(caught.value).startswith(said)
    assert server.log == ["/names.txt"] * 4
    assert left(tmp_path) == []
    monkeypatch.undo()
    assert fetch(wanted, folder=tmp_path).path.read_bytes() == NAMES


def test_an_attempt_that_finds_another_file_is_the_last(server: FileServer, tmp_path: Path) -> None:
    """What came whole and is not what was expected would come again."""
    server.contents["/names.txt"] = NAMES.upper()
    with pytest.raises(CorpusError, match="gave another file than expected"):
        fetch(entry(server, "/names.txt"), folder=tmp_path)
    assert server.log == ["/names.txt"]


@pytest.mark.parametrize("seconds", ["60", "0"])
def test_ctrl_c_ends_a_wait_and_a_request_at_once(server: FileServer, tmp_path: Path, seconds: str) -> None:
    """The command ends with 130 while it waits for a minute, or for a server that says nothing, and leaves no file."""
    server.faults.extend([503] * 4 if seconds == "60" else ["hung"])
    program = [sys.executable, "-c", PROGRAM, server.url("/names.txt"), seconds, "data", "fetch", "names"]
    setting = {**os.environ, CACHE_VARIABLE: str(tmp_path)}
    with subprocess.Popen(program, env=setting, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        while not server.log:
            assert command.poll() is None
            time.sleep(0.01)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=30)
    assert (command.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert len(server.log) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_what_a_server_refuses_is_asked_for_once(server: FileServer, tmp_path: Path, status: int) -> None:
    """And said with the answer of the server and the page to look at."""
    server.faults.append(status)
    answer = HTTPStatus(status).phrase
    with pytest.raises(CorpusError, match=f"answers {status} {answer}; .* see http://example.org") as caught:
        fetch(entry(server, "/names.txt"), folder=tmp_path)
    one_line(caught.value)
    assert server.log == ["/names.txt"]
    assert left(tmp_path) == []


def test_without_a_network_it_is_said_what_was_tried(server: FileServer, tmp_path: Path) -> None:
    """With the URL, the system's reason and what to do."""
    wanted = entry(server, "/names.txt")
    server.shutdown()
    server.server_close()
    with pytest.raises(CorpusError) as caught:
        fetch(wanted, folder=tmp_path)
    assert one_line(caught.value).startswith(
        f"{server.url('/names.txt')} could not be downloaded in 4 attempts (Connection refused); check the network"
    )
    assert left(tmp_path) == []


def test_a_form_that_was_not_expected_is_said(server: FileServer, tmp_path: Path) -> None:
    """A download that is no zip file, where one is expected, is an error in one line."""
    with pytest.raises(CorpusError, match="another form than expected .*File is not a zip file") as caught:
        fetch(entry(server, "/names.txt", convert=conversion.unzipped), tmp_path / "out.txt", folder=tmp_path)
    one_line(caught.value)
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize("where", ["downloading", "converting"])
def test_an_interrupt_leaves_no_part_of_a_file(server: FileServer, tmp_path: Path, where: str) -> None:
    """After Ctrl-C nothing stands under a final name, nor under a temporary one."""

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    def convert(files: Sequence[Path]) -> Iterator[bytes]:
        yield b"a beginning"
        raise KeyboardInterrupt

    in_download = where == "downloading"
    wanted = entry(server, "/names.txt", convert=conversion.unchanged if in_download else convert)
    with pytest.raises(KeyboardInterrupt):
        fetch(wanted, tmp_path / "out.txt", folder=tmp_path, on_progress=interrupt if in_download else None)
    assert left(tmp_path) == ([] if in_download else ["corpus/downloads/names.txt"])


def test_progress_counts_all_downloads(server: FileServer, tmp_path: Path) -> None:
    """It never falls and ends at the size of all files, also of those that are there already."""
    wanted = entry(server, "/en/annotations.json", "/fr/annotations.json", convert=conversion.emoji_names)
    for _ in range(2):
        told: list[tuple[int, int]] = []
        fetch(wanted, folder=tmp_path, on_progress=lambda *numbers, told=told: told.append(numbers))
        assert told == sorted(told)
        assert told[-1] == (wanted.num_bytes, wanted.num_bytes)


def test_a_file_that_is_there_is_not_overwritten(server: FileServer, tmp_path: Path) -> None:
    """It is refused before anything is downloaded."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="mine.txt exists already"):
        fetch(entry(server, "/names.txt"), tmp_path / "mine.txt", folder=tmp_path)
    assert server.log == []
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["mine", "mine.jsonl", "."])
def test_a_name_that_would_be_read_as_something_else_is_refused(server: FileServer, tmp_path: Path, name: str) -> None:
    """Before anything is downloaded, with a name that can be taken."""
    with pytest.raises(OptionError, match=r"does not end in \.txt.*such as corpus\.txt") as caught:
        fetch(entry(server, "/names.txt"), Path(name), folder=tmp_path)
    one_line(caught.value)
    assert server.log == left(tmp_path) == []


def test_the_cache_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """GRANULAR_LM_CACHE names the folder; without it the user's cache is used."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_folder().name.startswith("granular-lm")


def test_the_catalogue_is_sound() -> None:
    """Names stand in order, hashes are SHA-256, files of GitHub have a version, and no two share a name on disk."""
    names = [each.name for each in catalog()]
    assert names == sorted(set(names))
    assert {"tinyshakespeare", "names", "hacker-news", "emoji-names", "descriptions", "text8", "enwik8"} <= set(names)
    for each in catalog():
        assert each.licence
        assert each.about
        assert len({download.file_name for download in each.downloads}) == len(each.downloads)
        for download in each.downloads:
            assert download.sha256 is None or re.fullmatch("[0-9a-f]{64}", download.sha256)
            assert download.num_bytes > 0
            assert "githubusercontent" not in download.url or re.search(r"/([0-9a-f]{40}|48\.0\.0)/", download.url)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    """In one line."""
    with pytest.raises(CorpusNotFoundError, match="no corpus is named 'shakespeare'.*names, text8, tinysh") as caught:
        find_entry("shakespeare")
    one_line(caught.value)
