"""Emoji in text: which characters make them, and where one ends."""

import re
from collections.abc import Callable
from functools import cache

EMOJI = re.compile(
    "["
    "\u20e3\ufe0f"  # what makes a keycap of a digit, and an emoji of a symbol
    "\u231a\u231b\u23e9-\u23f3\u23f8-\u23fa\u25fb-\u25fe\u2b1b\u2b1c\u2b50\u2b55"
    "\u2600-\u27bf"  # Miscellaneous Symbols, Dingbats
    "\U0001f004\U0001f0cf\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1e6-\U0001f1ff"  # regional indicators, two of which are a flag
    "\U0001f201-\U0001f251"
    "\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7f0"
    "\U0001f900-\U0001f9ff\U0001fa70-\U0001faff"
    "\U000e0020-\U000e007f"  # tags, which spell the flags of regions
    "]"
)
"""A character that is, or is part of, an emoji.

An approximation: whole blocks of symbols count, among them a few that rarely show as pictures (★, ✓). Signs
that are text unless U+FE0F follows (©, ™, ↔) count by that follower alone. The joiner U+200D does not count.
"""

GRAPHEME, CHARACTER = "grapheme", "character"


@cache
def emoji_unit() -> str:
    """Return what one emoji is here: a grapheme cluster, or without the package regex a single character."""
    return GRAPHEME if _find_clusters() else CHARACTER


def emoji_in(text: str) -> list[str]:
    """Return the emoji of a text, each as long as it is read as one.

    Without the package ``regex`` each `EMOJI` character stands for itself, so a family is several people.

    Examples:
        >>> emoji_in("dad 👨‍👩‍👧 in 🇫🇷, tired ☕☕")
        ['👨\u200d👩\u200d👧', '🇫🇷', '☕', '☕']
    """
    find_clusters = _find_clusters()
    if find_clusters is None:
        return EMOJI.findall(text)
    return [cluster for cluster in find_clusters(text) if not cluster.isascii() and EMOJI.search(cluster)]


@cache
def _find_clusters() -> Callable[[str], list[str]] | None:
    try:
        import regex
    except ImportError:
        return None
    find: Callable[[str], list[str]] = regex.compile(r"\X").findall
    return find
