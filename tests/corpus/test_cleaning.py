"""A cleaned folder: what is in it, what its card says, and what becomes of bad input."""

import gzip
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from granular_lm.corpus.cleaning import CleaningOptions, clean, group_field
from granular_lm.corpus.lock import LOCK_FILE, check_lock
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import documents_hash
from granular_lm.errors import CorpusError, OptionError, OutputExistsError
from granular_lm.text import to_bytes, to_text

LONG = "Coffee, cats and compilers; writes about all three in Lisbon"


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "documents.jsonl").read_text(encoding="ascii").splitlines()]


def texts(folder: Path) -> list[str]:
    return list(read_documents([folder / "documents.jsonl"]))


def test_without_options_duplicates_are_dropped(tmp_path: Path) -> None:
    """The first of exact and of near-duplicates is kept as it is, in order, and nothing else is dropped."""
    card = clean(["b", LONG, "a", "b", f"{LONG}!", "", "a ", LONG], tmp_path / "out")
    assert texts(tmp_path / "out") == ["b", LONG, "a", ""]
    assert [(step["step"], step["changed"], step["dropped"]) for step in card["steps"]] == [
        ("exact duplicates", 0, 2),
        ("near-duplicates", 0, 2),
    ]
    assert card["read"] == {"documents": 8, "bytes": sum(map(len, ["b", LONG, "a", "b", f"{LONG}!", "a ", LONG]))}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_near_duplicates_are_kept_with_their_group(tmp_path: Path) -> None:
    """Documents of one cluster, and no others, have the same group, which the card names for the split."""
    clean([LONG, "x", f"{LONG}!", "x"], tmp_path / "out", CleaningOptions(near="keep"))
    first, other, second = (row["group"] for row in rows(tmp_path / "out"))
    assert first == second != other
    assert group_field([tmp_path / "out" / "documents.jsonl"]) == group_field([tmp_path / "out"]) == "group"


def test_without_the_search_near_duplicates_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the package for it is not needed, and the card does not speak of it."""
    monkeypatch.setitem(sys.modules, "datasketch", None)
    card = clean([LONG, f"{LONG}!", LONG], tmp_path / "out", CleaningOptions(near="off"))
    assert texts(tmp_path / "out") == [LONG, f"{LONG}!"]
    assert [step["step"] for step in card["steps"]] == ["exact duplicates"]
    assert group_field([tmp_path / "out"]) is None


def test_the_card_says_what_was_done(tmp_path: Path) -> None:
    """Origin, licence, sources, steps, counts and hashes stand in both cards, and a change of text in a banner."""
    source = tmp_path / "a.txt"
    source.write_bytes(b"see https://a.org\nx\nsee https://b.org\n")
    options = CleaningOptions(scrub=("urls", "handles"), ftfy=True, min_bytes=2)
    card = clean(
        read_documents([source]), tmp_path / "out", options, sources=[source], origin="a | b", licence="CC0 <1>"
    )
    stored = json.loads((tmp_path / "out" / "corpus.json").read_text())
    assert stored == {"schema": 1, **card}
    assert card["sources"] == [
        {"name": "a.txt", "bytes": 38, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    ]
    assert card["documents"]["sha256"] == documents_hash(["see <url>"])
    counts = {step["step"]: (step["changed"], step["dropped"]) for step in card["steps"]}
    assert counts == {
        "ftfy": (0, 0), "scrub": (2, 0), "length": (0, 1), "exact duplicates": (0, 1), "near-duplicates": (0, 0),
    }  # fmt: skip
    assert card["steps"][0]["settings"]["uncurl_quotes"] is False
    assert card["steps"][0]["version"]
    readme = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for said in ("# out", "**The text was changed** by scrub.", "| origin | a \\| b |", "CC0 &lt;1>", "&lt;url>"):
        assert said in readme


def test_the_files_are_locked(tmp_path: Path) -> None:
    """The lock file holds the hash of what was written."""
    clean(["a", "b"], tmp_path / "out")
    check_lock(tmp_path / "out" / "documents.jsonl")
    assert json.loads((tmp_path / "out" / LOCK_FILE).read_text())["parts"]["documents"]["documents"] == 2
    (tmp_path / "out" / "documents.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(CorpusError):
        check_lock(tmp_path / "out" / "documents.jsonl")


@pytest.mark.slow
def test_the_outcome_does_not_depend_on_processes(tmp_path: Path, bios: list[str]) -> None:
    """One process and two, with other hash seeds, write the same bytes."""
    documents = [*bios, *(f"{text} @me" for text in bios[:200]), *bios[:50]] * 3
    options = CleaningOptions(scrub=("handles",), strip=True, near="keep", min_bytes=10, scripts=("Latin", "Cyrillic"))
    for jobs in (1, 2):
        clean(documents, tmp_path / "same" / str(jobs) / "out", options, jobs=jobs, carried={"n": map(str, documents)})
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / "same" / jobs / "out").iterdir()} for jobs in "12"
    )
    assert first == second
    assert set(first) == {"README.md", "corpus.json", LOCK_FILE, "documents.jsonl"}


def test_fields_go_with_their_documents(tmp_path: Path) -> None:
    """What is carried stands beside the document it came with, whichever were dropped."""
    authors = ["ada", "bob", "eve", "mallory", "alan"]
    options = CleaningOptions(min_bytes=1, near="keep")
    clean(["x", "", "y", "x", "z"], tmp_path / "out", options, carried={"author": authors})
    assert [(row["text"], row["author"]) for row in rows(tmp_path / "out")] == [
        ("x", "ada"),
        ("y", "eve"),
        ("z", "alan"),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_a_field_with_too_few_or_too_many_values_is_refused(tmp_path: Path, count: int) -> None:
    """Nothing is written, and the error says where it ended."""
    with pytest.raises(CorpusError, match=r"field 'author' has .* behind [12] documents"):
        clean(["x", "y"], tmp_path / "out", carried={"author": ["ada"] * count})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["text", "group"])
def test_a_field_of_our_own_is_not_carried(tmp_path: Path, name: str) -> None:
    """The names that the documents file uses are refused."""
    with pytest.raises(OptionError, match=f"'{name}' cannot be carried"):
        clean(["x"], tmp_path / "out", carried={name: ["y"]})


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with files is refused and left as it is."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(OutputExistsError):
        clean(["x"], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.parametrize(("documents", "count"), [([], 0), (["ab", "c"], 2)])
def test_nothing_left_is_refused(tmp_path: Path, documents: list[str], count: int) -> None:
    """A corpus of which the filters leave nothing is an error, not an empty file."""
    with pytest.raises(CorpusError, match=f"none of {count} documents is left"):
        clean(documents, tmp_path / "out", CleaningOptions(min_bytes=5))
    assert not list(tmp_path.iterdir())


EVERYTHING = CleaningOptions(
    ftfy=True, nfc=True, strip=True, scrub=("urls", "emails", "handles", "phones"), max_bytes=10**9, near="keep"
)

BAD_TEXT = {
    "binary": bytes(range(256)) * 20 + b"\n" + bytes(reversed(range(256))),
    "an empty file": b"",
    "mixed encodings": "café\n".encode() + "café\n".encode("latin-1") + "café\n".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbfAda\nGrace\n",
    "CRLF": b"Ada\r\nGrace\r\n\r\n",
    "one line without an end": b"Ada",
    "a long line": b"abc @ada 123 " * 100_000,
    "null bytes": b"\0\0\0\n\0",
}


@pytest.mark.parametrize("name", BAD_TEXT)
def test_any_bytes_go_through_unchanged(tmp_path: Path, name: str) -> None:
    """A text file of whatever bytes keeps them where no step is asked for."""
    path = tmp_path / "a.txt"
    path.write_bytes(BAD_TEXT[name] + b"\nlast")
    documents = list(map(to_bytes, read_documents([path])))
    clean(read_documents([path]), tmp_path / "out", CleaningOptions(near="keep"))
    assert list(map(to_bytes, texts(tmp_path / "out"))) == list(dict.fromkeys(documents))


@pytest.mark.parametrize("name", BAD_TEXT)
def test_every_step_takes_any_bytes(tmp_path: Path, name: str) -> None:
    """All steps at once end well, and what is written is what its lock file says."""
    path = tmp_path / "a.txt"
    path.write_bytes(BAD_TEXT[name] + b"\nlast")
    clean(read_documents([path]), tmp_path / "out", EVERYTHING)
    check_lock(tmp_path / "out" / "documents.jsonl")
    assert all(text == text.strip() for text in texts(tmp_path / "out"))


def test_strip_takes_off_byte_order_marks_and_carriage_returns(tmp_path: Path) -> None:
    """A file from another system gives the documents that its author saw."""
    clean([to_text(b"\xef\xbb\xbfAda\r"), "Ada"], tmp_path / "out", CleaningOptions(strip=True))
    assert texts(tmp_path / "out") == ["Ada"]


def test_lone_surrogates_of_json_are_kept(tmp_path: Path) -> None:
    """A surrogate that stands for no byte goes through all steps as the bytes it has."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a \\ud83d"}\n{"text": "\\udc80 b @c"}\n{"text": ""}\n{"text": "\\ud83d\\ude00"}\n')
    clean(read_documents([path]), tmp_path / "out", EVERYTHING)
    raw = [b"a \xed\xa0\xbd", b"\x80 b <handle>", b"", "😀".encode()]
    assert list(map(to_bytes, texts(tmp_path / "out"))) == raw


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"id,text\n1,a\n2\n", "a.csv:3"),
        ("a.jsonl", b'{"text": "a"}\n{"text": null}\n', "a.jsonl:2"),
        ("a.jsonl", b"\xff\xfe{\x00", "a.jsonl:1"),
        ("a.txt.gz", gzip.compress(b"abc\n" * 99, mtime=0)[:-9], "a.txt.gz"),
        ("empty", None, "empty"),
    ],
)
def test_files_that_cannot_be_read_leave_nothing_behind(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """Ragged rows, empty fields, broken files and a folder without files are errors of one line that name the place."""
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(CorpusError) as caught:
        clean(read_documents([path]), tmp_path / "out")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.slow
def test_a_line_of_100_megabytes(tmp_path: Path) -> None:
    """All steps get through a single document of 100 MB."""
    text = "".join(f"{number} word{number % 977} @ada " for number in range(5_000_000))[: 10**8]
    clean([text, "b"], tmp_path / "out", EVERYTHING)
    assert [len(text) > 10**7 for text in texts(tmp_path / "out")] == [True, False]
