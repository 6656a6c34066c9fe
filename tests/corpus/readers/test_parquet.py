"""Parquet files: columns of text, whatever their type."""

import builtins
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.readers.parquet import ROWS_AT_ONCE
from granular_lm.text import to_bytes
from reading import message, refusal, written

TEXTS = ["", "a", "naïve 😀", "two\nlines"]
TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]


def parquet(**columns: Any) -> bytes:
    """Return a table as a file."""
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("name", ["a.parquet", "a.parquet.gz", "a.parquet.zst"])
def test_texts_come_back_from_a_table(tmp_path: Path, kind: pa.DataType, name: str) -> None:
    """The column is the named one, else the one called text, else the only one; its type may be any of text."""
    texts = pa.array(TEXTS).cast(kind) if kind != pa.binary() else pa.array([each.encode() for each in TEXTS])
    both = written(tmp_path, name, parquet(n=range(len(TEXTS)), text=texts))
    assert list(read_documents(both)) == list(read_documents(both, column="text")) == TEXTS
    alone = written(tmp_path, name, parquet(bio=texts))
    assert list(read_documents(alone)) == TEXTS


def test_groups_of_rows_follow_one_another(tmp_path: Path) -> None:
    """Rows of several groups are read in order, and an error names the row in the whole file."""
    texts = [*map(str, range(2 * ROWS_AT_ONCE)), None]
    with pq.ParquetWriter(tmp_path / "a.parquet", pa.schema([("text", pa.string())])) as writer:
        for start in range(0, len(texts), 700):
            writer.write_table(pa.table({"text": texts[start : start + 700]}))
    documents = read_documents(tmp_path / "a.parquet")
    assert [next(documents) for _ in texts[:-1]] == texts[:-1]
    assert f"row {len(texts)}: column 'text' is None" in message(lambda: next(documents))


def test_bytes_that_are_no_valid_utf8_are_kept(tmp_path: Path) -> None:
    """A column of text with stray bytes in it, which other programs write, gives these bytes."""
    offsets = pa.py_buffer(b"".join(number.to_bytes(4, "little") for number in (0, 2)))
    stray = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"a\xff")])
    path = written(tmp_path, "a.parquet", parquet(text=stray))
    assert [to_bytes(text) for text in read_documents(path)] == [b"a\xff"]


def test_a_bad_column_is_named(tmp_path: Path) -> None:
    """The error names the columns that there are, or the type that is none of text."""
    path = written(tmp_path, "a.parquet", parquet(id=[1, 2], words=[["a"], ["b"]]))
    assert "no column is called 'text'; the columns are 'id', 'words'" in refusal(path)
    assert "column 'id' holds int64" in refusal(path, column="id")
    assert "column 'words' holds list<" in refusal(path, column="words")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no Parquet, or half of one, is an error of one line, packed or not."""
    assert "cannot be read" in refusal(written(tmp_path, "a.parquet", content))
    assert "cannot be read" in refusal(written(tmp_path, "a.parquet.gz", content))
    half = parquet(text=TEXTS)[:-20]
    assert "cannot be read" in refusal(written(tmp_path, "half.parquet", half))


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow is not installed, the error says how to get it."""
    path = written(tmp_path, "a.parquet", parquet(text=TEXTS))
    imported = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert "pip install 'granular-lm[data]'" in refusal(path)
