"""A string given away while it is being drawn."""

import codecs
from collections.abc import Iterable, Iterator

from granular_lm.codecs.utf8 import begun_character
from granular_lm.generation.drawing import Drawing
from granular_lm.generation.rules import Rules
from granular_lm.generation.sample import ERRORS


def stream_text(pieces: Iterable[bytes], errors: str) -> Iterator[str]:
    """Yield the text of a string that comes in pieces, each character when it is whole.

    Args:
        pieces: The string.
        errors: What bytes that are not valid UTF-8 look like, one of `ERRORS`.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(ERRORS[errors])
    for piece in pieces:
        if text := decoder.decode(piece):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def stream_bytes(drawing: Drawing, rules: Rules, given: int) -> Iterator[bytes]:
    """Yield the one string of a drawing, each byte when nothing can take it back.

    Args:
        drawing: Of one string.
        rules: Its rules.
        given: Bytes of the prompt.
    """
    sent = 0
    for data, certain in _growing(drawing, rules, given):
        if certain > sent:
            yield bytes(data[sent:certain])
            sent = certain


def _growing(drawing: Drawing, rules: Rules, given: int) -> Iterator[tuple[bytearray, int]]:
    """Yield the string so far, and how many of its bytes are certain."""
    data, certain = bytearray(drawing.data(0)), given
    while not drawing.has_ended(0):
        tail = bytes(data[-3:])
        if len(data) == given or not rules.options.valid_utf8 or not begun_character(tail):
            certain = len(data)  # a cut does not go back behind the end of a character
        held = rules.stop_strings.begun(bytes(data[given:])) if rules.stop_strings is not None else 0
        yield data, min(certain, len(data) - held)
        drawing.advance()
        if not drawing.has_ended(0):
            data += rules.codec.token_bytes(int(drawing.last_ids[0]))
    whole = bytearray(drawing.data(0))
    yield whole, len(whole)
