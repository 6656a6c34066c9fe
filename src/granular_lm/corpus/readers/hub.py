"""Data sets of the Hub, read as they arrive; none of them can run code."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from granular_lm.corpus.readers.columns import chosen_column, no_text
from granular_lm.corpus.readers.source import unreadable
from granular_lm.errors import CorpusError

HUB = "hub:"
ADVICE = "check the name, the split, the network and your access"


def hub_documents(name: str, column: str | None) -> Callable[[], Iterator[str]]:
    """Return what yields the column of each row, having found the data set.

    Args:
        name: ``hub:user/name``, behind which ``,split=test`` and ``,config=en`` may stand.
        column: By default the only one, or the one called ``text``.

    Raises:
        CorpusError: There is no such data set, or it cannot be read.
    """
    place, settings = _parsed(name)
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise CorpusError(f"{name} needs: pip install 'granular-lm[data]'.") from error
    try:
        rows = load_dataset(place, settings.get("config"), split=settings.get("split", "train"), streaming=True)
    except Exception as error:  # it has exceptions of many packages
        raise unreadable(name, error, ADVICE) from error
    return partial(_documents, rows, name, column)


def _parsed(name: str) -> tuple[str, dict[str, str]]:
    place, *settings = name.removeprefix(HUB).split(",")
    given = {key: value for key, _, value in (each.partition("=") for each in settings)}
    if not (place and given.keys() <= {"split", "config"} and all(given.values())):
        raise CorpusError(f"{name!r} names no data set; write hub:user/name or hub:user/name,split=test,config=en.")
    return place, given


def _documents(rows: Any, name: str, column: str | None) -> Iterator[str]:
    columns = rows.column_names or list(next(_read(rows, name), {}))
    if not columns:
        return
    chosen = chosen_column(columns, column, name)
    for number, row in enumerate(_read(rows.select_columns([chosen]), name), start=1):
        if not isinstance(row[chosen], str):
            raise no_text(row[chosen], chosen, f"{name}: row {number}")
        yield row[chosen]


def _read(rows: Any, name: str) -> Iterator[Mapping[str, Any]]:
    try:
        yield from rows
    except Exception as error:  # as above
        raise unreadable(name, error, ADVICE) from error
