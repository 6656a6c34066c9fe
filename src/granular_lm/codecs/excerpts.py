"""A document in a few characters, with an ellipsis where it is cut: what messages show of it."""

from granular_lm.text import to_text

SHOWN_CHARACTERS = 40
BEFORE = 12
"""Characters shown before the place that matters."""


def beginning(text: str) -> str:
    """Return the beginning of a document.

    Examples:
        >>> beginning("a short one")
        'a short one'
        >>> beginning("a long one " * 9)
        'a long one a long one a long one a long …'
    """
    return _around(text, 0)


def difference(raw: bytes, decoded: bytes) -> tuple[str, str]:
    """Return the characters around the first one in which a document and what a codec made of it differ, of both.

    Examples:
        >>> difference(b"I have lived in Paris", b"i have lived in paris")
        ('I have lived in Paris', 'i have lived in paris')
        >>> difference(b"a cat, a dog and Anna from Riga", b"a cat, a dog and anna from Riga")
        ('…, a dog and Anna from Riga', '…, a dog and anna from Riga')
    """
    before, after = to_text(raw), to_text(decoded)
    shorter = min(len(before), len(after))
    place = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    return _around(before, place), _around(after, place)


def _around(text: str, place: int) -> str:
    start = max(0, place - BEFORE)
    end = start + SHOWN_CHARACTERS
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
