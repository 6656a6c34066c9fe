"""A string shown while it is being drawn."""

import codecs
from collections.abc import Iterator

from granular_lm.codecs.utf8 import begun_character
from granular_lm.generation.drawing import Drawing
from granular_lm.generation.rules import Rules
from granular_lm.generation.sample import INVALID


def stream_text(drawing: Drawing, rules: Rules, given: int) -> Iterator[str]:
    """Yield the text of the one string of a drawing, each character when nothing can take it back.

    Args:
        drawing: Of one string.
        rules: Its rules.
        given: Bytes of the prompt.
    """
    is_spaced = rules.options.errors == "space"
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape" if is_spaced else rules.options.errors)
    sent = 0
    for data, certain, is_all in _growing(drawing, rules, given):
        if text := decoder.decode(data[sent:certain], final=is_all):
            yield INVALID.sub(" ", text) if is_spaced else text
        sent = max(sent, certain)


def _growing(drawing: Drawing, rules: Rules, given: int) -> Iterator[tuple[bytearray, int, bool]]:
    """Yield the string so far, how many of its bytes are certain, and whether it is all."""
    data, certain = bytearray(drawing.data(0)), given
    while not drawing.has_ended(0):
        tail = bytes(data[-3:])
        if len(data) == given or not rules.options.valid_utf8 or not begun_character(tail):
            certain = len(data)  # a cut does not go back behind the end of a character
        held = rules.stop_strings.begun(bytes(data[given:])) if rules.stop_strings is not None else 0
        yield data, min(certain, len(data) - held), False
        drawing.advance()
        if not drawing.has_ended(0):
            data += rules.codec.token_bytes(int(drawing.last_ids[0]))
    whole = bytearray(drawing.data(0))
    yield whole, len(whole), True
