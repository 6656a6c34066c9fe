"""Further fields of documents, such as their authors."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.readers.endings import format_of
from granular_lm.corpus.readers.hub import HUB
from granular_lm.corpus.readers.places import STANDARD_INPUT, find_sources
from granular_lm.errors import CorpusError

Thing = TypeVar("Thing")


def read_field(
    names: Sequence[str | Path],
    field: str,
    *,
    format: str | None = None,  # noqa: A002 - the word that everybody uses
) -> Iterator[str]:
    """Return the values of a field, or of a column, in the order in which `read_documents` returns the documents.

    Raises:
        CorpusError: As `read_documents`; or a file has lines and no fields, or it is standard input, which the
            documents themselves come from.
    """
    for name in names:
        for source in [] if str(name).startswith(HUB) else find_sources(name, of_any_ending=format is not None):
            if (format or format_of(source)) == "txt":
                raise CorpusError(
                    f"{source.name} has lines, which have no field {field!r}; give .jsonl files or tables."
                )
            if str(name) == STANDARD_INPUT:
                raise CorpusError(
                    f"standard input can be read once only, and documents with their field {field!r} are read twice; "
                    "save it as a file, and give that."
                )
    return read_documents(names, field=field, column=field, format=format)


def paired(things: Iterable[Thing], name: str, values: Iterable[str]) -> Iterator[tuple[Thing, str]]:
    """Yield each thing with its value of a field.

    Raises:
        CorpusError: There are fewer or more values than things.

    Examples:
        >>> list(paired(["Hi", "Bye"], "author", iter(["ada", "alan"])))
        [('Hi', 'ada'), ('Bye', 'alan')]
    """
    for number, (thing, value) in enumerate(zip_longest(things, values, fillvalue=None), start=1):
        if thing is None or value is None:
            what = "no value" if value is None else "a value without a document"
            raise CorpusError(
                f"field {name!r} has {what} behind {number - 1} documents; give files in which each document has one."
            )
        yield thing, value


def selected(name: str, values: Iterable[str], mask: NDArray[np.bool_]) -> Iterator[str]:
    """Return the values of a field for the documents for which a mask is true.

    Raises:
        CorpusError: There are fewer or more values than documents.
    """
    return (value for is_selected, value in paired(mask.tolist(), name, values) if is_selected)
