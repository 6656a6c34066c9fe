"""JSON lines, and what is said about lines that are none."""

import itertools
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.readers import read_documents
from granular_lm.text import to_bytes, to_text
from reading import message, refusal, written

any_text = st.text(st.characters(exclude_categories=()))
"""Text with surrogates, which JSON escapes."""

pieces = st.sampled_from(
    ['{"text": "a"}', '{"text":', '"b"}', "[", "]", ",", " ", "\t", "\r", "\n", "\n\n", "\x85", "1"]
)


@settings(deadline=None)
@given(st.lists(any_text), st.booleans())
def test_strings_come_back_from_a_jsonl_file(documents: list[str], escape: bool) -> None:
    """Strings written as JSON, escaped or as their bytes, are read back with the same bytes."""
    records = [json.dumps({"n": 1, "text": to_text(to_bytes(text))}, ensure_ascii=escape) for text in documents]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "a.jsonl", b"".join(to_bytes(record) + b"\n" for record in records))
        assert list(map(to_bytes, read_documents([path]))) == list(map(to_bytes, documents))


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=8))
def test_each_line_is_what_json_says_it_is(written_pieces: list[str]) -> None:
    """Whatever stands in a file, its documents and its first bad line are those of `json.loads`, line by line."""
    content = "".join(written_pieces)
    expected, bad = _obvious(content)
    with tempfile.TemporaryDirectory() as folder:
        documents = read_documents(written(Path(folder), "a.jsonl", content))
        assert list(itertools.islice(documents, len(expected))) == expected
        if bad:
            assert f"a.jsonl:{bad}: " in message(lambda: next(documents))
        else:
            assert list(documents) == []


def _obvious(content: str) -> tuple[list[str], int | None]:
    """Return the documents before the first bad line, and its number."""
    documents = []
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                documents.append(json.loads(line)["text"])
            except (ValueError, TypeError):
                return documents, number
    return documents, None


def test_blank_lines_of_a_jsonl_file_are_skipped(tmp_path: Path) -> None:
    """Blank lines and a byte order mark are no documents, an empty string is one, lone surrogates pass."""
    content = '\ufeff{"text": ""}\n\n  \r\n{"text": "\\ud800"}\r\n{"text": "a\u2028b"}'
    path = written(tmp_path, "a.jsonl", content)
    assert list(read_documents([path])) == ["", "\ud800", "a\u2028b"]


def test_the_field_is_chosen_by_name(tmp_path: Path) -> None:
    """Another field of the object can be the document."""
    path = written(tmp_path, "a.jsonl", '{"text": "no", "bio": "yes"}')
    assert list(read_documents([path], field="bio")) == ["yes"]


def test_a_line_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    """The first documents come before a broken later line is met."""
    path = written(tmp_path, "a.jsonl", '{"text": "1"}\n{"text": "2"}\nbroken\n')
    documents = read_documents([path])
    assert list(itertools.islice(documents, 2)) == ["1", "2"]
    assert "a.jsonl:3:" in message(lambda: next(documents))


def test_an_object_of_100_megabytes(tmp_path: Path) -> None:
    """A line as long as that is read, and the line below has its own number."""
    path = written(tmp_path, "a.jsonl", b'{"text": "' + b"x" * 100_000_000 + b'"}\n{}')
    documents = read_documents(path)
    assert len(next(documents)) == 100_000_000
    assert "a.jsonl:2:" in message(lambda: next(documents))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "a"}\n{"text": \n', ("a.jsonl:2:", "is not JSON", '{"text": "hello"}')),
        ('{"text":\n"a"}', ("a.jsonl:1:", "is not JSON")),
        ('{"text": "a"}\n{"text": "b"}{"text": "c"}\n{"text":\n"d"}', ("a.jsonl:2:", "is not JSON (Extra data")),
        ('{"text": "a"}\n{"text": "b\n"}', ("a.jsonl:2:", "is not JSON")),
        ("[" * 100_000, ("a.jsonl:1:", "is not JSON")),
        ("1" * 5000, ("a.jsonl:1:", "is not JSON")),
        ('\n["a"]', ("a.jsonl:2:", "['a'] is not an object", '{"text": "hello"}')),
        ('{"bio": "a", "id": 1}', ("a.jsonl:1:", "no field 'text'", "'bio', 'id'")),
        ("{}", ("a.jsonl:1:", "no field 'text'", "it has none")),
        ('{"text": null}', ("a.jsonl:1:", "field 'text' is None", '{"text": "hello"}')),
        ('{"text": 5}', ("a.jsonl:1:", "field 'text' is 5")),
        (bytes(range(256)), ("a.jsonl:1:", "is not JSON")),
        ('{"text": "a"}'.encode("utf-16"), ("a.jsonl:1:", "UTF-16", "save the file as UTF-8")),
        ('{"text": "é"}\n'.encode() + '{"text": "é}'.encode("latin-1"), ("a.jsonl:2:", "is not JSON")),
    ],
)
def test_a_bad_line_of_json_is_named(tmp_path: Path, content: str | bytes, said: tuple[str, ...]) -> None:
    """The error names the line, the value met and what is accepted, in a few words."""
    found = refusal(written(tmp_path, "a.jsonl", content))
    assert [part for part in said if part not in found] == []
    assert len(found) < len(str(tmp_path)) + 250
