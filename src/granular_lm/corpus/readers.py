"""Files to documents, one at a time.

A ``.txt`` file holds one document a line, a ``.jsonl`` file one object a line, a ``.csv`` file a header and
rows; each may be gzipped. Lines end at the line feed alone, so every other character that some program takes
for a line end stays inside its document. Bytes that are no valid UTF-8 are kept (see `granular_lm.text`).
"""

import csv
import gzip
import io
import json
import os
import reprlib
import stat
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from granular_lm.errors import CorpusError, CorpusNotFoundError
from granular_lm.text import to_text

SUFFIXES = (".txt", ".jsonl", ".csv")
ACCEPTED = f"{', '.join(SUFFIXES)}, and each of them with .gz"
DEFAULT_COLUMN = "text"
LARGEST_FIELD = 2**31 - 1  # the most that the csv module takes on every platform; its default is 131 072
OTHER_DELIMITERS = ";\t|"


def read_documents(
    paths: str | Path | Iterable[str | Path],
    *,
    whole_file: bool = False,
    field: str = "text",
    column: str | None = None,
) -> Iterator[str]:
    """Return the documents of one or several files, read as they are asked for.

    No more than a line is held at a time. All files are looked up before the first one is read, so a typo in
    the last name fails at once.

    Args:
        paths: ``.txt``, ``.jsonl`` and ``.csv`` files, gzipped or not.
        whole_file: Each file, whatever its suffix, is one document that keeps its line ends.
        field: Which field of a ``.jsonl`` object is the document; blank lines are skipped.
        column: Which column of a ``.csv`` file is the document; by default the only one, or the one called
            ``text``. Blank lines are skipped.

    Raises:
        CorpusNotFoundError: A file is not there.
        CorpusError: A file cannot be read, or something in it is no document; the message names the line.
    """
    files = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    for path in files:
        _check_readable(path)
        if not whole_file:
            _check_suffix(path)
    return (text for path in files for text in _documents(path, whole_file, field, column))


def _documents(path: Path, whole_file: bool, field: str, column: str | None) -> Iterator[str]:
    if whole_file:
        return iter([to_text(b"".join(_lines(path)))])
    match _suffix(path):
        case ".jsonl":
            return _jsonl_documents(path, field)
        case ".csv":
            return _csv_documents(path, column)
        case _:
            return _txt_documents(path)


def _check_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CorpusNotFoundError(f"there is no file {path} (seen from {Path.cwd()}); check its name.") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        raise CorpusError(f"{path} is a folder; name the files in it ({ACCEPTED}).")
    if not os.access(path, os.R_OK):
        raise CorpusError(f"{path} cannot be read (Permission denied); give yourself the right to read it.")


def _check_suffix(path: Path) -> None:
    if _suffix(path) not in SUFFIXES:
        raise CorpusError(
            f"{path} ends in {_suffix(path) or 'no suffix'!r}; accepted: {ACCEPTED}. "
            "Rename it, or read each file as one document with whole_file."
        )


def _suffix(path: Path) -> str:
    """Return the last suffix in lower case, that of the gzipped file if it is one."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _unreadable(path: Path, error: Exception) -> CorpusError:
    reason = getattr(error, "strerror", None) or error
    return CorpusError(f"{path} cannot be read ({reason}); check the file and its permissions.")


def _open(path: Path) -> BinaryIO:
    if path.name.lower().endswith(".gz"):
        return io.BufferedReader(gzip.open(path))  # reads lines several times faster than GzipFile itself
    return path.open("rb")


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, each with its line feed if it has one."""
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):  # noqa: B007 - the number is for the errors
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CorpusError(
            f"{path}:{number + 1}: the gzip data is damaged or cut short ({error}); copy or compress the file again."
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _text_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file as text, without the byte order mark that some programs put at its start."""
    for index, line in enumerate(_lines(path)):
        yield to_text(line if index else line.removeprefix(BOM_UTF8))


def _txt_documents(path: Path) -> Iterator[str]:
    """Yield each line, a byte order mark kept: the documents are the bytes of the file."""
    for line in _lines(path):
        yield to_text(line.removesuffix(b"\n"))


def _jsonl_documents(path: Path, field: str) -> Iterator[str]:
    for number, line in enumerate(_text_lines(path), start=1):
        if line.strip():
            yield _json_document(line, field, f"{path}:{number}")


def _json_document(line: str, field: str, place: str) -> str:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error).partition(";")[0]
        raise CorpusError(
            f"{place}: {reprlib.repr(line)} is not JSON ({reason}); {_expected_object(field)}."
        ) from error
    if not isinstance(value, dict):
        raise CorpusError(f"{place}: {reprlib.repr(value)} is not an object; {_expected_object(field)}.")
    if field not in value:
        raise CorpusError(
            f"{place}: the object has no field {field!r}; it has {_listed(value)}. Set field to one that holds text."
        )
    text = value[field]
    if not isinstance(text, str):
        raise CorpusError(f"{place}: field {field!r} is {reprlib.repr(text)}; {_expected_object(field)}.")
    return text


def _expected_object(field: str) -> str:
    return f'give one object a line whose field is a string, such as {{{json.dumps(field)}: "hello"}}'


def _listed(names: Iterable[str]) -> str:
    return reprlib.repr(list(names))[1:-1] or "none"


def _csv_documents(path: Path, column: str | None) -> Iterator[str]:
    rows = _csv_rows(path)
    line, header = next(rows, (1, []))
    index = _column_index(header, column, f"{path}:{line}")
    for line, row in rows:
        if len(row) != len(header):
            raise CorpusError(
                f"{path}:{line}: fields in this row: {len(row)}, columns in the header: {len(header)} "
                f"({_listed(header)}); put quotes around a field that holds a comma, a quote or a line end."
            )
        yield row[index]


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line it starts on."""
    reader = csv.reader(_text_lines(path), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            with _large_fields():
                row = next(reader, None)
        except csv.Error as error:
            reason = str(error).partition(" - ")[0]
            raise CorpusError(
                f"{path}:{line}: the row that starts here is not CSV ({reason}); "
                'write a quote inside a quoted field as "" and close each quoted field.'
            ) from error
        if row is None:
            return
        if row:
            yield line, row


@contextmanager
def _large_fields() -> Iterator[None]:
    """Lift the csv module's limit, which holds for the whole process, while one row is read."""
    limit = csv.field_size_limit(LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _column_index(header: list[str], column: str | None, place: str) -> int:
    if not header:
        raise CorpusError(f"{place}: the file is empty; give a header row that names the columns, then the rows.")
    if column is None:
        column = header[0] if len(header) == 1 else DEFAULT_COLUMN
        _check_delimiter(column, place)
    if header.count(column) != 1:
        problem = "two columns are" if column in header else "no column is"
        raise CorpusError(
            f"{place}: {problem} called {column!r}; the columns are {_listed(header)}. Set column to one of them."
        )
    return header.index(column)


def _check_delimiter(only_column: str, place: str) -> None:
    for delimiter in OTHER_DELIMITERS:
        if delimiter in only_column:
            raise CorpusError(
                f"{place}: the only column is called {reprlib.repr(only_column)}, as if {delimiter!r} stood "
                "between columns; only commas do. Save the file with commas, or set column to that name."
            )
