"""Files read as documents, and what is said about files that cannot be."""

import csv
import gzip
import itertools
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusError, CorpusNotFoundError
from granular_lm.text import to_bytes, to_text

NOT_LINE_ENDS = "a\rb\r\x0bc\x0cd\x1ce\x85f\u2028g\u2029h"
lines = st.binary().map(lambda data: data.replace(b"\n", b""))
any_text = st.text(st.characters(exclude_categories=()))
"""Text with surrogates, which JSON escapes and CSV bytes may hold."""


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def message(read: Callable[[], object], kind: type[CorpusError] = CorpusError) -> str:
    with pytest.raises(kind) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refusal(path: Path, field: str = "text", column: str | None = None) -> str:
    return message(lambda: list(read_documents([path], field=field, column=column)))


@settings(deadline=None)
@given(st.lists(lines), st.sampled_from(["a.txt", "a.txt.gz", "A.TXT"]))
def test_any_bytes_without_line_feeds_come_back_from_a_text_file(documents: list[bytes], name: str) -> None:
    """Byte strings written one a line are read back as the same byte strings."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), name, b"".join(data + b"\n" for data in documents))
        assert list(map(to_bytes, read_documents([path]))) == documents


@settings(deadline=None)
@given(st.binary())
def test_a_whole_file_is_its_bytes(data: bytes) -> None:
    """A whole file is one document with the bytes of the file, unpacked where it is gzipped."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [written(Path(folder), name, data) for name in ("a", "a.csv", "a.jsonl.gz")]
        assert [to_bytes(text) for text in read_documents(paths, whole_file=True)] == [data] * 3


@settings(deadline=None)
@given(st.lists(any_text), st.booleans())
def test_strings_come_back_from_a_jsonl_file(documents: list[str], escape: bool) -> None:
    """Strings written as JSON, escaped or as their bytes, are read back with the same bytes."""
    records = [json.dumps({"n": 1, "text": to_text(to_bytes(text))}, ensure_ascii=escape) for text in documents]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "a.jsonl", b"".join(to_bytes(record) + b"\n" for record in records))
        assert list(map(to_bytes, read_documents([path]))) == list(map(to_bytes, documents))


@settings(deadline=None)
@given(st.lists(any_text))
def test_strings_come_back_from_a_csv_file(documents: list[str]) -> None:
    """Strings that the csv module wrote are read back, line ends, quotes and stray bytes included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerows([["id", "bio"], *(["1", to_text(to_bytes(text))] for text in documents)])
        assert list(map(to_bytes, read_documents([path], column="bio"))) == list(map(to_bytes, documents))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\n\nb", ["a", "", "b"]),
        ("a\n\n", ["a", ""]),
        ("a\r\nb\r\n", ["a\r", "b\r"]),
        (NOT_LINE_ENDS, [NOT_LINE_ENDS]),
        ("\ufeffa\n", ["\ufeffa"]),
    ],
)
def test_a_text_file_is_split_at_line_feeds_alone(tmp_path: Path, content: str, expected: list[str]) -> None:
    """A line feed ends a document and nothing else does; a last one adds no document."""
    assert list(read_documents([written(tmp_path, "a.txt", content)])) == expected


def test_blank_lines_of_a_jsonl_file_are_skipped(tmp_path: Path) -> None:
    """Blank lines and a byte order mark are no documents, an empty string is one, lone surrogates pass."""
    content = '\ufeff{"text": ""}\n\n  \r\n{"text": "\\ud800"}\r\n{"text": "a\u2028b"}'
    path = written(tmp_path, "a.jsonl", content)
    assert list(read_documents([path])) == ["", "\ud800", "a\u2028b"]


def test_the_field_is_chosen_by_name(tmp_path: Path) -> None:
    """Another field of the object can be the document."""
    path = written(tmp_path, "a.jsonl", '{"text": "no", "bio": "yes"}')
    assert list(read_documents([path], field="bio")) == ["yes"]


@pytest.mark.parametrize(
    ("content", "column", "expected"),
    [
        ("bio\na\n", None, ["a"]),
        ("\ufeffid,text\r\n1,a\r\n\r\n2,\r\n", None, ["a", ""]),
        ('id,bio\n1,"a, ""b""\nc"\n', "bio", ['a, "b"\nc']),
        ("id,bio\n", "bio", []),
        ("a;b\n1;2\n", "a;b", ["1;2"]),
        ('text\n""\n', None, [""]),
    ],
)
def test_the_column_is_named_or_plain_to_see(
    tmp_path: Path, content: str, column: str | None, expected: list[str]
) -> None:
    """The column is the named one, else the only one, else the one called text."""
    assert list(read_documents([written(tmp_path, "a.csv", content)], column=column)) == expected


def test_a_csv_field_may_be_larger_than_the_default_limit(tmp_path: Path) -> None:
    """A field of 200 000 characters is read, and the limit of the process stays as it was."""
    path = written(tmp_path, "a.csv", f"text\n{'x' * 200_000}\ny\n")
    default = csv.field_size_limit(131_072)
    assert [len(text) for text in read_documents([path])] == [200_000, 1]
    assert csv.field_size_limit(default) == 131_072


def test_files_follow_one_another(tmp_path: Path) -> None:
    """Files of several kinds are read in the order given; one path needs no list."""
    first = written(tmp_path, "b.txt", "1\n2")
    second = written(tmp_path, "a.jsonl.gz", '{"text": "3"}')
    paths: list[str | Path] = [first, str(second)]
    assert list(read_documents(iter(paths))) == ["1", "2", "3"]
    assert list(read_documents(str(first))) == ["1", "2"]


def test_a_line_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    """The first documents come before a broken later line is met."""
    path = written(tmp_path, "a.jsonl", '{"text": "1"}\n{"text": "2"}\nbroken\n')
    documents = read_documents([path])
    assert list(itertools.islice(documents, 2)) == ["1", "2"]
    assert "a.jsonl:3:" in message(lambda: next(documents))


def test_a_missing_file_is_named_before_anything_is_read(tmp_path: Path) -> None:
    """A typo in the last name fails at the call, with an error that is a FileNotFoundError too."""
    first = written(tmp_path, "a.txt", "a")
    said = message(lambda: read_documents([first, tmp_path / "typo.txt"]), CorpusNotFoundError)
    assert str(tmp_path / "typo.txt") in said
    below_a_file = message(lambda: read_documents([first / "b.txt"]), CorpusNotFoundError)
    assert "b.txt" in below_a_file


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """A folder is no file of documents, read whole or by lines."""
    assert "is a folder" in message(lambda: read_documents([tmp_path]))
    assert "is a folder" in message(lambda: read_documents([tmp_path], whole_file=True))


@pytest.mark.parametrize("name", ["a.parquet", "a", "a.gz", "a.txt.zip"])
def test_an_unknown_suffix_is_refused(tmp_path: Path, name: str) -> None:
    """A suffix that says nothing of the format is refused with the list of those that do."""
    said = message(lambda: read_documents([written(tmp_path, name, "a")]))
    assert name in said
    assert ".txt, .jsonl, .csv, and each of them with .gz" in said


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
    assert f"{path} cannot be read" in message(lambda: list(documents))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a"}\n{"text": \n', ("a.jsonl:2:", "is not JSON", '{"text": "hello"}')),
        ("[" * 100_000, ("a.jsonl:1:", "is not JSON")),
        ("1" * 5000, ("a.jsonl:1:", "is not JSON")),
        ('\n["a"]', ("a.jsonl:2:", "['a'] is not an object", '{"text": "hello"}')),
        ('{"bio": "a", "id": 1}', ("a.jsonl:1:", "no field 'text'", "'bio', 'id'")),
        ("{}", ("a.jsonl:1:", "no field 'text'", "it has none")),
        ('{"text": null}', ("a.jsonl:1:", "field 'text' is None", '{"text": "hello"}')),
        ('{"text": 5}', ("a.jsonl:1:", "field 'text' is 5")),
    ],
)
def test_a_bad_line_of_json_is_named(tmp_path: Path, content: str, said: tuple[str, ...]) -> None:
    """The error names the line, the value met and what is accepted, in a few words."""
    found = refusal(written(tmp_path, "a.jsonl", content))
    assert [part for part in said if part not in found] == []
    assert len(found) < len(str(tmp_path)) + 250


@pytest.mark.parametrize(
    ("content", "column", "said"),
    [
        ("", None, ("a.csv:1:", "empty", "header row")),
        ("id,bio\n1,a\n", None, ("a.csv:1:", "no column is called 'text'", "'id', 'bio'")),
        ("id,bio\n1,a\n", "Bio", ("no column is called 'Bio'", "'id', 'bio'")),
        ("bio,bio\n1,a\n", "bio", ("two columns are called 'bio'",)),
        ("id;bio\n1;a\n", None, ("'id;bio'", "';'", "only commas do")),
        ("id,text\n1,a\n2,b,c\n", None, ("a.csv:3:", "in this row: 3", "in the header: 2", "'id', 'text'")),
        ("id,text\n1\n", None, ("a.csv:2:", "in this row: 1")),
        ('id,text\n1,"a\nb"\n2,"c\nd\n', None, ("a.csv:4:", "is not CSV", "unexpected end of data")),
        ('id,text\n1,"a"b\n', None, ("a.csv:2:", "is not CSV")),
        ("text\na\rb\n", None, ("a.csv:2:", "is not CSV")),
    ],
)
def test_a_bad_row_of_csv_is_named(tmp_path: Path, content: str, column: str | None, said: tuple[str, ...]) -> None:
    """The error names the line a row starts on, what was met and what is accepted."""
    found = refusal(written(tmp_path, "a.csv", content), column=column)
    assert [part for part in said if part not in found] == []


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "csv"])
def test_damaged_gzip_data_is_named(tmp_path: Path, suffix: str) -> None:
    """A gzipped file that is cut short, changed or not gzipped at all is never taken for a shorter one."""
    good = gzip.compress(b'text\n"a"\n' if suffix == "csv" else b'{"text": "a"}\n{"text": "b"}\n')
    changed = good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]
    for number, data in enumerate([good[:-9], good[:-1], changed, b"no gzip"]):
        path = tmp_path / f"{number}.{suffix}.gz"
        path.write_bytes(data)
        assert f"{path}:" in refusal(path)
        assert "damaged or cut short" in refusal(path)
