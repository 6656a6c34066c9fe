"""Long texts in pieces to be worked on one by one: what is made of them on the way is never held all at once.

A piece begins with white space of ASCII. No form of Unicode joins that with what stands before it, and no address or
handle holds any. A phone number may hold spaces, so those behind a digit or what stands beside digits are no place to
cut. The pieces of a text therefore come to what the whole would.
"""

import re
from collections.abc import Iterable, Iterator

PIECE_CHARACTERS = 2**18
BORDER = re.compile(r"[\t-\r]|(?<![\d\s.()/+\-\u2010-\u2015$€£¥₹]) ")


def in_pieces(text: str) -> Iterable[str]:
    """Return a text in pieces of about `PIECE_CHARACTERS`, longer ones where there is no place to cut."""
    return (text,) if len(text) <= PIECE_CHARACTERS else _pieces(text)


def single_spaced(pieces: Iterable[str]) -> str:
    r"""Return pieces as one text, each run of white space as one space and none at the ends.

    Examples:
        >>> single_spaced(["\ta  b", "\n", " c"])
        'a b c'
    """
    return " ".join(filter(None, (" ".join(piece.split()) for piece in pieces)))


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while cut := BORDER.search(text, start + PIECE_CHARACTERS):
        yield text[start : cut.start()]
        start = cut.start()
    yield text[start:]
