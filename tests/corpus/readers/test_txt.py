"""Text files: a document is a line, byte for byte."""

import logging
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.readers.source import PIECE_BYTES
from granular_lm.text import to_bytes, to_text
from reading import written

NOT_LINE_ENDS = "a\rb\r\x0bc\x0cd\x1ce\x85f\u2028g\u2029h"
MIXED = [
    "naïve".encode(),
    "naïve".encode("latin-1"),
    "naïve".encode("cp437"),
    "naïve 😀".encode("utf-16-be"),
    b"\x00\xff",
]
lines = st.binary().map(lambda data: data.replace(b"\n", b""))


@settings(deadline=None)
@given(st.lists(lines), st.sampled_from(["a.txt", "a.txt.gz", "A.TXT", "a.txt.zst", "a.txt.xz"]))
def test_any_bytes_without_line_feeds_come_back_from_a_text_file(documents: list[bytes], name: str) -> None:
    """Byte strings written one a line are read back as the same byte strings."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), name, b"".join(data + b"\n" for data in documents))
        assert list(map(to_bytes, read_documents([path]))) == documents


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\xc3", b"\xa9", b"\xff"]), max_size=12), st.integers(-8, 8))
def test_where_blocks_meet_nothing_is_lost(tail: list[bytes], offset: int) -> None:
    """Lines, characters and stray bytes that lie across the end of a block are those of the whole file."""
    data = b"x" * (PIECE_BYTES + offset - 4) + b"".join(tail)
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), "a.txt", data)
        assert list(read_documents(path)) == [to_text(line) for line in data.removesuffix(b"\n").split(b"\n")]


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


def test_mixed_encodings_keep_their_bytes(tmp_path: Path) -> None:
    """Lines in several encodings, and bytes in none, are read as what they are."""
    path = written(tmp_path, "a.txt", b"\n".join(MIXED))
    assert list(map(to_bytes, read_documents(path))) == MIXED


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_single_line_of_100_megabytes(tmp_path: Path, suffix: str) -> None:
    """A file without a line feed is one document, however long."""
    path = written(tmp_path, f"a.txt{suffix}", b"x" * 100_000_000)
    assert [len(text) for text in read_documents(path)] == [100_000_000]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\r\nb\r\nc\n", "most lines end in CR LF"),
        ("a\nb\n".encode("utf-16"), "begins as UTF-16 does"),
        (b"a\r\nb\nc\n", None),
        (b"\xef\xbb\xbfa\n", None),
        (b"", None),
    ],
)
def test_what_nobody_wants_in_a_document_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, said: str | None
) -> None:
    """One warning that names the file; the documents are the bytes all the same."""
    path = written(tmp_path, "a.txt", content)
    with caplog.at_level(logging.WARNING):
        assert to_bytes("\n".join(read_documents(path))) == content.removesuffix(b"\n")
    warnings = [record.getMessage() for record in caplog.records]
    assert [str(path) in each and (said or "") in each for each in warnings] == [True] * (said is not None)
