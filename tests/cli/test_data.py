"""``granular-lm data``: fetching, listing and looking, as a user meets them."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Run
from file_server import FileServer, serving
from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.corpus.catalog import Download, Entry, catalog, conversion, entries
from granular_lm.corpus.catalog.fetching import CACHE_VARIABLE
from granular_lm.corpus.readers import read_documents
from granular_lm.text import to_bytes

NAMES = b"emma\nolivia\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serve a corpus called names, and one called unsaid whose hash nobody knows; they are all that is known."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    with serving({"/names.txt": NAMES}) as served:
        hashes = {"names": hashlib.sha256(NAMES).hexdigest(), "unsaid": None}
        found = tuple(
            Entry(
                name=name,
                about="first names",
                licence="MIT",
                homepage="http://example.org",
                downloads=(Download(url=served.url("/names.txt"), num_bytes=len(NAMES), sha256=sha256),),
                convert=conversion.unchanged,
            )
            for name, sha256 in hashes.items()
        )
        monkeypatch.setattr(entries, "CATALOG", found)
        yield served


def test_list_shows_licence_and_size(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of each corpus, as a table and as JSON, and without downloading or writing anything."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    code, out, err = run("data", "list")
    assert (code, err) == (0, "")
    for entry in catalog():
        (line,) = [line for line in out.splitlines() if line.startswith(f"{entry.name} ")]
        assert entry.licence in line
        assert f"{entry.num_bytes / 1e6:.1f} MB" in line
    told = json.loads(run("data", "list", "--json")[1])
    assert [each["name"] for each in told] == [entry.name for entry in catalog()]
    assert all(each["licence"] and each["bytes"] and each["downloads"] for each in told)
    assert list(tmp_path.iterdir()) == []


def test_fetch_prints_the_path_and_nothing_else(run: Run, server: FileServer, tmp_path: Path) -> None:
    """The path is that of a file which the other commands read, in the cache or where it was asked for."""
    code, out, err = run("data", "fetch", "names")
    assert (code, err) == (0, "")
    path = Path(out.removesuffix("\n"))
    assert path.read_bytes() == NAMES
    assert path.is_relative_to(tmp_path / "cache")
    assert json.loads(run("data", "stats", path, "--json")[1])["documents"] == 2
    code, out, _ = run("data", "fetch", "names", "-o", tmp_path / "mine.txt", "--json")
    told = json.loads(out)
    assert (code, told["path"], told["licence"]) == (0, str(tmp_path / "mine.txt"), "MIT")
    assert Path(told["lock"]).is_file()
    assert (tmp_path / "mine.txt").read_bytes() == NAMES
    assert server.log == ["/names.txt"]


def test_fetch_says_what_could_not_be_compared(run: Run, server: FileServer) -> None:
    """On stderr, in one line, with the place of the hash that was met; stdout has the path all the same."""
    code, out, err = run("data", "fetch", "unsaid")
    assert (code, out.count("\n"), err.count("\n")) == (0, 1, 1)
    assert "could not be compared" in err
    assert ".lock.json holds it" in err


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("shakespeare", {}, "no corpus is named 'shakespeare'; give one of: names, unsaid"),
        ("names", {}, "answers 404 Not Found"),
        ("names", {"/names.txt": b"mallory\n"}, "gave another file than expected"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_a_line(
    run: Run, server: FileServer, tmp_path: Path, name: str, contents: dict[str, bytes], message: str
) -> None:
    """With exit code 1, and no file."""
    server.contents = contents
    code, out, err = run("data", "fetch", name, "-o", tmp_path / "out.txt")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("granular-lm: ")
    assert message in err
    assert not (tmp_path / "out.txt").exists()


def test_an_interrupted_fetch_leaves_no_file(
    run: Run, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is exit code 130, and nothing stands under the name that was asked for."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("granular_lm.corpus.catalog.fetching._check", interrupt)
    code, out, _ = run("data", "fetch", "names", "-o", tmp_path / "out.txt")
    assert (code, out) == (130, "")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_stats_show_scripts_emoji_and_compression(run: Run, corpus: Path) -> None:
    """Beside the counts; a line on line ends stands there only where there is one to see to."""
    code, out, err = run("data", "stats", corpus)
    assert (code, err) == (0, "")
    for wanted in ("scripts  ", "Latin ", "most frequent emoji", "compressed  ", "zlib ", "xz ", "99 % up to"):
        assert wanted in out
    assert "CR LF" not in out


def test_stats_write_numbers_in_full(run: Run, tmp_path: Path) -> None:
    """Long lines have no powers of ten, and lines without a byte nothing to compress."""
    (tmp_path / "long.txt").write_text("a" * 3_000_000 + "\n" + "b" * 3_000_003 + "\n")
    assert "mean 3,000,001.5, median 3,000,001.5, max 3,000,003" in run("data", "stats", tmp_path / "long.txt")[1]
    (tmp_path / "empty.txt").write_text("\n\n\n")
    code, out, _ = run("data", "stats", tmp_path / "empty.txt")
    assert (code, "compressed" in out) == (0, False)
    (tmp_path / "short.txt").write_text("abc\ndef\n")
    assert "of 8 bytes, line ends included" in run("data", "stats", tmp_path / "short.txt")[1]


def test_stats_do_not_call_near_duplicates_what_data_clean_does_not(run: Run, tmp_path: Path) -> None:
    """What goes by letters alone has a name of its own."""
    (tmp_path / "a.txt").write_text("tea, 2\nTea 3!\ncoffee\n")
    out = run("data", "stats", tmp_path / "a.txt")[1]
    assert "near-duplicates" not in out
    assert "same letters" in out
    assert next(line for line in out.splitlines() if line.startswith("same letters")).split()[2] == "1"


def test_stats_point_out_a_lossy_codec(run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its line says so, and how many documents it loses."""
    monkeypatch.setattr(ByteCodec, "encode_some", Codec.encode_some)
    monkeypatch.setattr(ByteCodec, "encode", lambda _, text: list(to_bytes(text.lower())))
    lossy = sum(text != text.lower() for text in read_documents(corpus))
    assert lossy
    out = run("data", "stats", corpus, "--codecs", "byte")[1]
    assert f"LOSSY: {lossy:,} documents do not come back" in out


def test_stats_notice_windows_line_ends(run: Run, tmp_path: Path) -> None:
    """Documents that keep a carriage return are counted."""
    (tmp_path / "crlf.txt").write_bytes(b"one\r\ntwo\r\nthree\n")
    code, out, _ = run("data", "stats", tmp_path / "crlf.txt")
    assert code == 0
    assert "lines end in CR LF" in out
    assert "2 documents keep the CR" in out
    assert json.loads(run("data", "stats", tmp_path / "crlf.txt", "--json")[1])["cr_documents"] == 2


def test_stats_of_codecs(run: Run, corpus: Path) -> None:
    """For each codec a line, and in JSON an object, also where there is none."""
    told = json.loads(run("data", "stats", corpus, "--json", "--codecs", "byte,spm:vocab_size=300")[1])
    assert [each["codec"] for each in told["codecs"]] == ["byte", "spm:vocab_size=300"]
    assert told["codecs"][0]["tokens_per_byte"] == 1
    assert told["codecs"][1]["tokens_per_byte"] < 1
    _, out, _ = run("data", "stats", corpus, "--codecs", "byte,char")
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert "1.000 tokens per byte" in lines["codec byte"]
    assert "by byte fallback" in lines["codec char"]
    assert json.loads(run("data", "stats", corpus, "--json")[1])["codecs"] == []


def test_stats_as_a_page(run: Run, corpus: Path, tmp_path: Path) -> None:
    """--html writes a page beside what is printed, and overwrites none."""
    code, out, _ = run("data", "stats", corpus, "--html", tmp_path / "page.html", "--codecs", "byte")
    assert code == 0
    assert out.startswith("documents ")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<table" in page
    assert 'id="codecs"' in page
    code, out, err = run("data", "stats", corpus, "--html", tmp_path / "page.html")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "exists already" in err


@pytest.mark.parametrize(("codecs", "code"), [("nope", 1), ("", 2), ("byte,byte", 2)])
def test_stats_refuse_unknown_codecs_before_reading(run: Run, codecs: str, code: int) -> None:
    """One line, though the file is not there either."""
    done, out, err = run("data", "stats", "missing.txt", "--codecs", codecs)
    assert (done, out, err.count("\n")) == (code, "", 1)
    assert "missing.txt" not in err
