"""One function for all: formats by name or as given, whole files, several files."""

import json
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.readers import read_documents
from granular_lm.errors import OptionError
from granular_lm.text import to_bytes
from reading import message, written

HEAVY = ("datasets", "fsspec", "pyarrow", "zstandard")


@settings(deadline=None)
@given(st.binary())
def test_a_whole_file_is_its_bytes(data: bytes) -> None:
    """A whole file is one document with the bytes of the file, unpacked where it is packed."""
    names = ("a", "a.csv", "a.jsonl.gz", "a.zst", "a.parquet.xz")
    with tempfile.TemporaryDirectory() as folder:
        paths = [written(Path(folder), name, data) for name in names]
        assert [to_bytes(text) for text in read_documents(paths, whole_file=True)] == [data] * len(names)


def test_files_follow_one_another(tmp_path: Path) -> None:
    """Files of several kinds are read in the order given; one path needs no list."""
    first = written(tmp_path, "b.txt", "1\n2")
    second = written(tmp_path, "a.jsonl.gz", '{"text": "3"}')
    paths: list[str | Path] = [first, str(second)]
    assert list(read_documents(iter(paths))) == ["1", "2", "3"]
    assert list(read_documents(str(first))) == ["1", "2"]


def test_empty_fields_are_documents(tmp_path: Path) -> None:
    """An empty line, string, field or cell is an empty document in every format of text."""
    contents = {"txt": "\n", "jsonl": '{"text": ""}', "csv": "id,text\n1,\n", "tsv": "id\ttext\n1\t\n"}
    paths = [written(tmp_path, f"a.{kind}", content) for kind, content in contents.items()]
    assert list(read_documents(paths)) == [""] * len(contents)


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.gz", "a.txt.zip", "txt"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    """A suffix that says nothing of the format is refused with the list of those that do."""
    said = message(lambda: read_documents([written(tmp_path, name, "a")]))
    assert name in said
    assert ".txt, .jsonl, .csv, .tsv, .parquet, and each of them with .gz, .zst, .xz" in said


@pytest.mark.parametrize("name", ["a.log", "a", "a.csv", "a.log.gz"])
def test_a_format_stands_above_the_name(tmp_path: Path, name: str) -> None:
    """It says how to read a file, and the name says how it is packed."""
    path = written(tmp_path, name, json.dumps({"text": "a"}))
    assert list(read_documents(path, format="jsonl")) == ["a"]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    """With those that are known, at the call."""
    said = message(lambda: read_documents(tmp_path, format="json"), OptionError)
    assert "format='json' is not accepted; give one of txt, jsonl, csv, tsv, parquet." in said


def test_a_name_that_is_empty_is_refused() -> None:
    """It is a shell's variable that was not set, not the folder one happens to be in."""
    assert "the name of a file is empty" in message(lambda: read_documents([""]))


def test_nothing_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    """Reading a text file loads none of the packages that only other files need."""
    path = written(tmp_path, "a.txt", "a")
    program = f"""
import sys
before = set(sys.modules)
from granular_lm.corpus.readers import read_documents
assert list(read_documents({str(path)!r})) == ["a"]
loaded = sorted({set(HEAVY)!r} & (set(sys.modules) - before))
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_long_line_is_held_twice_at_most(tmp_path: Path, name: str) -> None:
    """Whoever has room for a document and once more for it can read it, and the next one needs no more."""
    lines = ["words " * 1_000_000, "b"]
    path = written(tmp_path, name, "\n".join(json.dumps({"text": each}) if "json" in name else each for each in lines))
    tracemalloc.start()
    try:
        assert [len(text) for text in read_documents(path)] == [6_000_000, 1]
        assert tracemalloc.get_traced_memory()[1] < 2.1 * 6_000_000
    finally:
        tracemalloc.stop()
