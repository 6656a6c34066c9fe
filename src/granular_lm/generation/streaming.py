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
    sent, has_ended = 0, False
    while not has_ended:
        has_ended = drawing.has_ended(0)
        data = drawing.data(0)
        certain = len(data)
        if rules.options.valid_utf8 and not has_ended:  # a character that is not complete may still be cut off
            certain -= len(begun_character(data))
        if rules.stop_strings is not None and not has_ended:
            certain = min(certain, given + rules.stop_strings.certain(data[given:]))
        if text := decoder.decode(data[sent:certain], final=has_ended):
            yield INVALID.sub(" ", text) if is_spaced else text
        sent = certain
        if not has_ended:
            drawing.advance()
