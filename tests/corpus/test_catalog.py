"""The catalogue, and fetching from it, with a loopback server in the place of the net."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from file_server import FileServer, serving
from granular_lm.corpus.catalog import Download, Entry, catalog, conversion, fetch, find_entry
from granular_lm.corpus.catalog.fetching import CACHE_VARIABLE, cache_folder
from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusError, CorpusNotFoundError, OutputExistsError

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
    assert (told["licence"], told["file"], told["bytes"]) == ("none", "mine.txt", 31000)
    assert told["sha256"] == hashlib.sha256(fetched.path.read_bytes()).hexdigest()


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


def test_a_download_that_is_cut_short_is_refused(server: FileServer, tmp_path: Path) -> None:
    """An answer that ends early is an error, leaves nothing, and the next call gets the whole file."""
    server.cut.add("/text8.zip")
    wanted = entry(server, "/text8.zip", convert=conversion.unzipped)
    with pytest.raises(CorpusError, match="the connection ended early"):
        fetch(wanted, folder=tmp_path)
    assert left(tmp_path) == []
    server.cut.clear()
    assert fetch(wanted, folder=tmp_path).path.stat().st_size == 31000


def test_a_file_that_is_not_there_is_said(server: FileServer, tmp_path: Path) -> None:
    """With the answer of the server and the page to look at."""
    del server.contents["/names.txt"]
    with pytest.raises(CorpusError, match="answers 404 Not Found; .* see http://example.org") as caught:
        fetch(entry(server, "/names.txt"), folder=tmp_path)
    one_line(caught.value)
    assert left(tmp_path) == []


def test_without_a_network_it_is_said_what_was_tried(server: FileServer, tmp_path: Path) -> None:
    """With the URL, the system's reason and what to do."""
    wanted = entry(server, "/names.txt")
    server.shutdown()
    server.server_close()
    with pytest.raises(CorpusError) as caught:
        fetch(wanted, folder=tmp_path)
    assert one_line(caught.value).startswith(
        f"{server.url('/names.txt')} could not be downloaded (Connection refused); connect to the network"
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
