"""JSON lines: a document is a field of the object on a line."""

import json
import reprlib
from collections.abc import Iterator
from itertools import chain

from granular_lm.corpus.readers.columns import listed
from granular_lm.corpus.readers.lines import text_blocks
from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r"


def jsonl_documents(source: Source, *, field: str) -> Iterator[str]:
    """Yield the field of each object; blank lines are skipped."""
    lines = chain.from_iterable(block.removesuffix("\n").split("\n") for block in text_blocks(source))
    for number, line in enumerate(lines, start=1):
        text = _field_of(line, field)
        if isinstance(text, str):
            yield text
        elif line.strip():
            yield _document(line, field, f"{source.name}:{number}")


def _field_of(line: str, field: str) -> object:
    """Return the field of an object that fills its line; None for whatever needs a closer look."""
    try:
        value, end = _DECODER.raw_decode(line)
        return value[field] if not line[end:].strip(_BLANKS) else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _document(line: str, field: str, place: str) -> str:
    """Return the same as `_field_of`, or say what is wrong with the line."""
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
            f"{place}: the object has no field {field!r}; it has {listed(value)}. Set field to one that holds text."
        )
    text = value[field]
    if not isinstance(text, str):
        raise CorpusError(f"{place}: field {field!r} is {reprlib.repr(text)}; {_expected_object(field)}.")
    return text


def _expected_object(field: str) -> str:
    return f'give one object a line whose field is a string, such as {{{json.dumps(field)}: "hello"}}'
