"""Which column of a table is the document."""

import reprlib
from collections.abc import Iterable, Sequence

from granular_lm.errors import CorpusError

DEFAULT_COLUMN = "text"


def chosen_column(columns: Sequence[str], column: str | None, place: str) -> str:
    """Return the name that was given, else the only one, else ``text``.

    Args:
        columns: The names that the table has.
        column: The name that was given.
        place: Where they stand, for the error.

    Raises:
        CorpusError: No column is called so, or two are.
    """
    chosen = column if column is not None else columns[0] if len(columns) == 1 else DEFAULT_COLUMN
    if columns.count(chosen) != 1:
        met = f"{place}: {'two columns are' if chosen in columns else 'no column is'} called {chosen!r}"
        advice = "Rename one of the two" if chosen in columns else "Name one of them"
        raise CorpusError(f"{met}; the columns are {listed(columns)}. {advice}.")
    return chosen


def listed(names: Iterable[str]) -> str:
    """Return the first few names, for a message."""
    return reprlib.repr(list(names))[1:-1] or "none"


def no_text(value: object, column: str, place: str) -> CorpusError:
    """Return the error of a value that is no document."""
    return CorpusError(
        f"{place}: column {column!r} is {reprlib.repr(value)}; give text in each row, an empty one if need be."
    )
