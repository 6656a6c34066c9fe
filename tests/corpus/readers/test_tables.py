"""CSV and TSV, and what is said about rows that are none."""

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.readers import read_documents
from granular_lm.text import to_bytes, to_text
from reading import refusal, written

any_text = st.text(st.characters(exclude_categories=()))
"""Text with surrogates, which stand for bytes that are no valid UTF-8."""


@settings(deadline=None)
@given(st.lists(any_text), st.sampled_from([("a.csv", ","), ("a.tsv", "\t")]))
def test_strings_come_back_from_a_table(documents: list[str], kind: tuple[str, str]) -> None:
    """Strings that the csv module wrote are read back, line ends, quotes and stray bytes included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind[0]
        with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            writer = csv.writer(file, delimiter=kind[1], quoting=csv.QUOTE_ALL)
            writer.writerows([["id", "bio"], *(["1", to_text(to_bytes(text))] for text in documents)])
        assert list(map(to_bytes, read_documents([path], column="bio"))) == list(map(to_bytes, documents))


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


@pytest.mark.parametrize(
    ("content", "column", "said"),
    [
        ("", None, ("a.csv:1:", "empty", "header row")),
        ("id,bio\n1,a\n", None, ("a.csv:1:", "no column is called 'text'", "'id', 'bio'")),
        ("id,bio\n1,a\n", "Bio", ("no column is called 'Bio'", "'id', 'bio'")),
        ("bio,bio\n1,a\n", "bio", ("two columns are called 'bio'",)),
        ("id;bio\n1;a\n", None, ("'id;bio'", "';'", "only commas do")),
        ("id\tbio\n1\ta\n", None, (r"'id\tbio'", r"'\t'", "only commas do")),
        ("id,text\n1,a\n2,b,c\n", None, ("a.csv:3:", "in this row: 3", "in the header: 2", "'id', 'text'")),
        ("id,text\n1\n", None, ("a.csv:2:", "in this row: 1", "holds a comma")),
        ('id,text\n1,"a\nb"\n2,"c\nd\n', None, ("a.csv:4:", "is not CSV", "unexpected end of data")),
        ('id,text\n1,"a"b\n', None, ("a.csv:2:", "is not CSV")),
        ("text\na\rb\n", None, ("a.csv:2:", "is not CSV")),
        ("id,text\n1,a\n".encode("utf-16"), None, ("a.csv:1:", "UTF-16", "save the file as UTF-8")),
    ],
)
def test_a_bad_row_of_csv_is_named(
    tmp_path: Path, content: str | bytes, column: str | None, said: tuple[str, ...]
) -> None:
    """The error names the line a row starts on, what was met and what is accepted."""
    found = refusal(written(tmp_path, "a.csv", content), column=column)
    assert [part for part in said if part not in found] == []


def test_a_bad_row_of_tsv_is_named(tmp_path: Path) -> None:
    """The errors of a .tsv speak of tabs."""
    assert "holds a tab" in refusal(written(tmp_path, "a.tsv", "id\ttext\n1\n"))
    assert "only tabs do" in refusal(written(tmp_path, "b.tsv", "id,text\n1,a\n"))


def test_bytes_that_are_no_table_are_refused(tmp_path: Path) -> None:
    """A picture that is called .csv is an error of one line."""
    picture = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))
    assert "a.csv:" in refusal(written(tmp_path, "a.csv", picture))
