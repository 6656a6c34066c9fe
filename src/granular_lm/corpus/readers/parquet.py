"""Parquet: a document is a column of a row. A batch of rows is held at a time, never the whole file."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, BinaryIO, cast

from granular_lm.corpus.readers.columns import chosen_column, no_text
from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError
from granular_lm.text import to_text

ROWS_AT_ONCE = 1024
TEXT = re.compile("(dictionary<values=)?(large_|fixed_size_)?(string|binary)")
"""How the types of text begin; a list of strings is none."""


def parquet_documents(source: Source, *, column: str | None) -> Iterator[str]:
    """Yield the column of each row; bytes that are no valid UTF-8 are kept."""
    with _table(source) as table:
        chosen = chosen_column(table.schema_arrow.names, column, source.name)
        _check_type(table.schema_arrow.field(chosen).type, chosen, source.name)
        batches = table.iter_batches(ROWS_AT_ONCE, columns=[chosen])
        values = chain.from_iterable(_raw(batch.column(chosen)) for batch in batches)
        for row, value in enumerate(values, start=1):
            if value is None:
                raise no_text(value, chosen, f"{source.name}: row {row}")
            yield to_text(value)


def _check_type(kind: Any, column: str, name: str) -> None:
    if not TEXT.match(str(kind)):
        raise CorpusError(f"{name}: column {column!r} holds {kind}; name one that holds text.")


@contextmanager
def _table(source: Source) -> Iterator[Any]:
    """Open a table; what goes wrong while it is read is said in one line."""
    try:
        import pyarrow as pa
        from pyarrow import parquet as pq
    except ImportError as error:
        raise CorpusError(f"{source.name} needs: pip install 'granular-lm[data]'.") from error
    with _seekable(source) as file:
        try:
            yield pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            raise source.unreadable(error) from error


@contextmanager
def _seekable(source: Source) -> Iterator[BinaryIO]:
    """Open a source at any place of which one can read: its index is at the end."""
    with source.opened() as file:
        if not source.packing and file.seekable():
            yield file
            return
    with tempfile.TemporaryFile() as copy:
        copy.writelines(source.chunks())
        yield cast("BinaryIO", copy)


def _raw(values: Any) -> list[bytes | None]:
    """Return strings as their bytes: nobody has checked that they are valid UTF-8."""
    import pyarrow as pa

    raw: list[bytes | None] = values.cast(pa.large_binary()).to_pylist()
    return raw
