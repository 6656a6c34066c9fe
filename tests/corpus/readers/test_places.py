"""What names stand for: files, folders, patterns, standard input."""

import io
import os
import sys
from pathlib import Path

import pytest

from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusError, CorpusNotFoundError
from reading import message, refusal, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files to read, others, and a folder in it."""
    inside = tmp_path / "data"
    (inside / "deeper").mkdir(parents=True)
    for name in ("b.txt", "a.csv.gz", ".hidden.txt", "README.md", "deeper/c.txt"):
        written(inside, name, "text\n" if name.endswith(".csv.gz") else name)
    return inside


def test_a_folder_stands_for_its_files(folder: Path) -> None:
    """Files that can be read, by their names in order, without hidden ones and those of deeper folders."""
    written(folder, "a.csv.gz", "text\nfirst\n")
    assert list(read_documents(folder)) == ["first", "b.txt"]
    assert list(read_documents([folder / "deeper", folder / "b.txt"])) == ["deeper/c.txt", "b.txt"]


def test_all_files_of_a_folder_are_meant_where_names_do_not_matter(folder: Path) -> None:
    """With whole files or a format, any ending will do."""
    assert list(read_documents(folder, whole_file=True)) == ["README.md", "text\n", "b.txt"]
    assert list(read_documents(folder, format="txt")) == ["README.md", "text", "b.txt"]


def test_a_folder_without_files_to_read_is_refused(tmp_path: Path) -> None:
    """The error says what is accepted, and how files of deeper folders are read."""
    written(tmp_path, "a.pdf", "a")
    assert "without files to read; accepted: .txt, .jsonl, .csv, .tsv, .parquet, and" in refusal(tmp_path)
    assert f"'{tmp_path}/**/*.txt'" in refusal(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "without files" in message(lambda: read_documents(tmp_path / "empty", whole_file=True))


def test_a_pattern_stands_for_the_files_that_match(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, from any folder, and through all folders where it says so."""
    written(folder, "a.txt", "a.txt")
    assert list(read_documents(f"{folder}/*.txt")) == ["a.txt", "b.txt"]
    assert list(read_documents(f"{folder}/**/*.txt")) == ["a.txt", "b.txt", "deeper/c.txt"]
    monkeypatch.chdir(folder)
    assert list(read_documents([Path("[b-z].txt"), "**/c.*"])) == ["b.txt", "deeper/c.txt"]


def test_a_pattern_without_a_match_is_refused(folder: Path) -> None:
    """It is an error like a missing file; a match that cannot be read is one like the file itself."""
    assert "no file matches" in message(lambda: read_documents(f"{folder}/*.jsonl"), CorpusNotFoundError)
    assert "no file matches" in message(lambda: read_documents(f"{folder}/deep*"), CorpusNotFoundError)
    assert "README.md ends in '.md'" in refusal(f"{folder}/README*")


def test_a_file_that_is_called_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    """A name that is there means what it names."""
    written(tmp_path, "1.txt", "no")
    assert list(read_documents(written(tmp_path, "[1].txt", "yes"))) == ["yes"]


@pytest.mark.parametrize(
    ("content", "format", "expected"),
    [(b"a\n\xff\n", None, ["a", "\udcff"]), (b'{"text": "a"}\n', "jsonl", ["a"]), (b"id\ttext\n1\ta\n", "tsv", ["a"])],
)
def test_standard_input_is_text_unless_a_format_is_given(
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    format: str | None,  # noqa: A002
    expected: list[str],
) -> None:
    """The name - is what arrives at standard input, which stays open."""
    stdin = io.TextIOWrapper(io.BytesIO(content))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_documents("-", format=format)) == expected
    assert not stdin.buffer.closed


def test_errors_of_standard_input_name_it_and_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they name a file."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}\n{}\n')))
    assert "standard input:2: the object has no field 'text'" in refusal("-", format="jsonl")


def test_documents_of_a_pipe_come_as_they_arrive() -> None:
    """A line is read before the writer has closed the pipe."""
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as pipe:  # noqa: PTH123 - it has no path
        pipe.write(b"a\nb")
        documents = read_documents(f"/dev/fd/{reading}", format="txt")
        assert next(documents) == "a"
        pipe.write(b"c\n")
    assert list(documents) == ["bc"]
    os.close(reading)


def test_a_missing_file_is_named_before_anything_is_read(tmp_path: Path) -> None:
    """A typo in the last name fails at the call, with an error that is a FileNotFoundError too."""
    first = written(tmp_path, "a.txt", "a")
    said = message(lambda: read_documents([first, tmp_path / "typo.txt"]), CorpusNotFoundError)
    assert str(tmp_path / "typo.txt") in said
    below_a_file = message(lambda: read_documents([first / "b.txt"]), CorpusNotFoundError)
    assert "b.txt" in below_a_file


@pytest.mark.parametrize("name", ["a\0.txt", "a" * 5000])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    """What the system refuses to look up is an error of one line."""
    assert "cannot be read" in message(lambda: read_documents(name))


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read fails at the call (simulated: root may read everything)."""
    path = written(tmp_path, "a.txt", "a")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "Permission denied" in message(lambda: read_documents([path]))


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    """A file removed between the look and the reading is an error of the corpus as well."""
    path = written(tmp_path, "a.txt", "a")
    documents = read_documents([path])
    path.unlink()
    assert f"{path} cannot be read" in message(lambda: list(documents), CorpusError)
