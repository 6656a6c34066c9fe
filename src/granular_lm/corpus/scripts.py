"""Which script a text is written in, told from the names of its letters."""

import re
import sys
import unicodedata
from collections import Counter
from functools import cache

SCRIPT_WORDS = re.compile("[A-Z ]+?(?= SMALL| CAPITAL| LETTER| SYLLAB| CHARACTER)|[A-Z]+")
NAMED_OTHERWISE = {"Cjk": "Han", "Ideographic": "Han", "Modifier": ""}


def script_of(text: str) -> str | None:
    """Return the script that more than half of the letters are of, or None.

    Examples:
        >>> script_of("привет, Ada"), script_of("東京 2024"), script_of("1, 2")
        ('Cyrillic', 'Han', None)
    """
    counts = letters_by_script(text)
    if not counts:
        return None
    script, count = counts.most_common(1)[0]
    return script if 2 * count > counts.total() else None


def letters_by_script(text: str) -> Counter[str]:
    """Return how many letters of each script a text has; digits, marks and emoji are of none.

    Examples:
        >>> letters_by_script("Да, yes 1!")
        Counter({'Latin': 3, 'Cyrillic': 2})
    """
    return Counter(script for script in map(_SCRIPTS.__getitem__, text) if script)


@cache
def known_scripts() -> frozenset[str]:
    """Return the scripts that this Python has letters of; the first call takes about a second."""
    letters = filter(str.isalpha, map(chr, range(sys.maxunicode + 1)))
    return frozenset(script for script in map(_script_of_letter, letters) if script)


class _Scripts(dict[str, str | None]):
    """The script of each character, None unless it is a letter of one, filled in as characters are met."""

    def __missing__(self, character: str) -> str | None:
        self[character] = _script_of_letter(character) if character.isalpha() else None
        return self[character]


def _script_of_letter(letter: str) -> str | None:
    """Return the words of the letter's name that name its script.

    A letter that is another one drawn otherwise (𝓐, Ａ, ª) is taken for that one.
    """
    plain = next(filter(str.isalpha, unicodedata.normalize("NFKC", letter)), letter)
    words = SCRIPT_WORDS.match(unicodedata.name(plain, ""))
    script = words[0].title() if words else ""
    return NAMED_OTHERWISE.get(script, script) or None


_SCRIPTS = _Scripts()
