"""From names to documents: one table from formats to readers."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from granular_lm.corpus.readers.endings import FORMATS, format_of
from granular_lm.corpus.readers.hub import HUB, hub_documents
from granular_lm.corpus.readers.jsonl import jsonl_documents
from granular_lm.corpus.readers.parquet import parquet_documents
from granular_lm.corpus.readers.places import find_sources
from granular_lm.corpus.readers.source import Source
from granular_lm.corpus.readers.tables import table_documents
from granular_lm.corpus.readers.txt import txt_documents
from granular_lm.errors import CorpusError, OptionError
from granular_lm.text import to_text

FIELD = "text"
Reader = Callable[[Source], Iterator[str]]


def read_documents(
    paths: str | Path | Iterable[str | Path],
    *,
    whole_file: bool = False,
    field: str = FIELD,
    column: str | None = None,
    format: str | None = None,  # noqa: A002 - the word that everybody uses
) -> Iterator[str]:
    """Return the documents of one or several files, read as they are asked for.

    A block is held at a time, or a line where that is longer. Everything is looked up before the first file is
    read, so a typo in the last name fails at once.

    Args:
        paths: Files (``.txt``, ``.jsonl``, ``.csv``, ``.tsv``, ``.parquet``, each also ``.gz``, ``.zst`` or
            ``.xz``), folders of such files, patterns such as ``"data/**/*.txt"``, addresses that fsspec knows
            (``"s3://bucket/a.txt"``), ``"-"`` for standard input, or data sets of the Hub
            (``"hub:user/name,split=test,config=en"``; without more, the split ``train``).
        whole_file: Each file, whatever its name ends in, is one document that keeps its line ends.
        field: Which field of a ``.jsonl`` object is the document; blank lines are skipped.
        column: Which column of a table is the document; by default the only one, or the one called ``text``.
            Blank lines of a ``.csv`` or ``.tsv`` are skipped.
        format: ``txt``, ``jsonl``, ``csv``, ``tsv`` or ``parquet``, whatever the names end in; without it, they
            decide, and standard input is ``txt``. Whether a file is packed is for its name to say in any case.

    Raises:
        CorpusNotFoundError: A file is not there.
        CorpusError: A file cannot be read, or something in it is no document; the message names the line.
        OptionError: The format is none.
    """
    if format is not None and format not in FORMATS:
        raise OptionError(f"format={format!r} is not accepted; give one of {', '.join(FORMATS)}.")
    readers = _readers(field, column)
    found: list[Callable[[], Iterator[str]]] = []
    for name in [paths] if isinstance(paths, str | Path) else paths:
        if str(name).startswith(HUB):
            _refuse_whole(str(name), whole_file)
            found.append(hub_documents(str(name), column))
            continue
        for source in find_sources(name, of_any_ending=whole_file or format is not None):
            reader = _whole_document if whole_file else readers[format or format_of(source)]
            found.append(partial(reader, source))
    return chain.from_iterable(read() for read in found)


def formats_in(names: Iterable[str | Path]) -> set[str]:
    """Return the formats of what `read_documents` reads; that of a data set of the Hub is called ``"hub:"``.

    Raises:
        CorpusNotFoundError, CorpusError: As `read_documents`, as far as names go.
    """
    files = [name for name in names if not str(name).startswith(HUB)]
    formats = {format_of(source) for name in files for source in find_sources(name, of_any_ending=False)}
    return formats | {HUB for name in names if name not in files}


def _readers(field: str, column: str | None) -> dict[str, Reader]:
    """Return the reader of each of `FORMATS`."""
    return {
        "txt": txt_documents,
        "jsonl": partial(jsonl_documents, field=field),
        "csv": partial(table_documents, column=column, delimiter=","),
        "tsv": partial(table_documents, column=column, delimiter="\t"),
        "parquet": partial(parquet_documents, column=column),
    }


def _whole_document(source: Source) -> Iterator[str]:
    yield to_text(b"".join(source.chunks()))


def _refuse_whole(name: str, whole_file: bool) -> None:
    if whole_file:
        raise CorpusError(f"{name} is a data set, not a file to be read as one document; name a column instead.")
