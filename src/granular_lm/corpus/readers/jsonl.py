"""JSON lines: a document is a field of the object on a line."""

import json
import reprlib
from collections.abc import Iterator
from json.scanner import make_scanner

from granular_lm.corpus.readers.columns import listed
from granular_lm.corpus.readers.lines import text_blocks
from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError

_scan = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # `json.loads` less the calls around it


def jsonl_documents(source: Source, *, field: str) -> Iterator[str]:
    """Yield the field of each object; blank lines are skipped."""
    number = 1
    for block in text_blocks(source):
        fields = _fields(block, field)
        documents = _documents(block, field, source.name, number) if fields is None else fields
        number += block.count("\n") + 1
        del block  # which may be a huge line, beside the document that is in it
        yield from documents


def _fields(block: str, field: str) -> list[str] | None:
    """Return the field of the object on each line; None if any line needs a closer look.

    Each value begins a line and ends one, so as many values as lines are one a line.
    """
    texts, start = [], 0
    try:
        while True:
            value, end = _scan(block, start)
            text = value[field]
            if not isinstance(text, str):
                return None
            texts.append(text)
            if end == len(block):
                return texts if len(texts) == block.count("\n") + 1 else None
            if block[end] != "\n":
                return None
            start = end + 1
    except (StopIteration, ValueError, LookupError, TypeError, RecursionError):
        return None


def _documents(block: str, field: str, name: str, first: int) -> Iterator[str]:
    """Yield the same as `_fields`, line by line."""
    for number, line in enumerate(block.split("\n"), start=first):
        if line.strip():
            yield _document(line, field, f"{name}:{number}")


def _document(line: str, field: str, place: str) -> str:
    """Return the field of the object that fills a line, or say what is wrong with it."""
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
            f"{place}: the object has no field {field!r}; it has {listed(value)}. Name one that holds text."
        )
    text = value[field]
    if not isinstance(text, str):
        raise CorpusError(f"{place}: field {field!r} is {reprlib.repr(text)}; {_expected_object(field)}.")
    return text


def _expected_object(field: str) -> str:
    return f'give one object a line whose field is a string, such as {{{json.dumps(field)}: "hello"}}'
