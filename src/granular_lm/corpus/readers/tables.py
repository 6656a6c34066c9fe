"""CSV and TSV: a document is a column of a row, below a header.

Both follow the same rules, with a comma or a tab between the columns: a field that holds one, a quote or a line end
stands in quotes.
"""

import csv
from collections.abc import Iterator
from io import StringIO
from itertools import chain

from granular_lm.corpus.readers.columns import chosen_column, listed
from granular_lm.corpus.readers.lines import text_blocks
from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError

LARGEST_FIELD = 2**31 - 1  # the most that the csv module takes on every platform; its default is 131 072
DELIMITERS = {",": "comma", "\t": "tab"}
OTHER_DELIMITERS = ";|"


def table_documents(source: Source, *, column: str | None, delimiter: str) -> Iterator[str]:
    """Yield the column of each row that is not blank."""
    rows = _rows(source, delimiter)
    line, header = next(rows, (1, []))
    index = _column_index(header, column, delimiter, f"{source.name}:{line}")
    for line, row in rows:
        if len(row) != len(header):
            raise CorpusError(
                f"{source.name}:{line}: fields in this row: {len(row)}, columns in the header: {len(header)} "
                f"({listed(header)}); put quotes around a field that holds a {DELIMITERS[delimiter]}, a quote or a "
                "line end."
            )
        yield row[index]


def _rows(source: Source, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not blank, with the line it starts on."""
    reader = csv.reader(_lines(source), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = _next_row(reader)
        except csv.Error as error:
            reason = str(error).partition(" - ")[0]
            raise CorpusError(
                f"{source.name}:{line}: the row that starts here is not CSV ({reason}); "
                'write a quote inside a quoted field as "" and close each quoted field.'
            ) from error
        if row is None:
            return
        if row:
            yield line, row


def _lines(source: Source) -> Iterator[str]:
    """Return each line with its line feed: a field in quotes keeps it."""
    return chain.from_iterable(StringIO(f"{block}\n", newline="\n") for block in text_blocks(source))


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """Read a row, with the csv module's limit on fields lifted: it holds for the whole process."""
    limit = csv.field_size_limit(LARGEST_FIELD)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(limit)


def _column_index(header: list[str], column: str | None, delimiter: str, place: str) -> int:
    if not header:
        raise CorpusError(f"{place}: the file is empty; give a header row that names the columns, then the rows.")
    if column is None and len(header) == 1:
        _check_delimiter(header[0], delimiter, place)
    return header.index(chosen_column(header, column, place))


def _check_delimiter(only_column: str, delimiter: str, place: str) -> None:
    for other in [*DELIMITERS.keys() - {delimiter}, *OTHER_DELIMITERS]:
        if other in only_column:
            raise CorpusError(
                f"{place}: the only column is called {only_column[:40]!r}, as if {other!r} stood between columns; "
                f"only {DELIMITERS[delimiter]}s do. Save the file with {DELIMITERS[delimiter]}s, or give that name "
                "as the column's."
            )
