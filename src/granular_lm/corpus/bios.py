"""The bundled corpus: synthetic social-media bios in many languages, made from a seed.

No line is anybody's: the words in `lexicon/` are ours and people, firms, teams and handles are invented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from granular_lm.corpus.bios_finish import finish
from granular_lm.corpus.bios_grammar import Chance, Writer
from granular_lm.corpus.bios_lexicon import EMOJI_STYLES, grammar, language_choices, theme_choices
from granular_lm.errors import OptionError

MAX_CHARACTERS = 160
_UNSPOKEN = re.compile(r"https?://\S+|@\w+|[\W\d_]+")
_SHORT = 8


def generate_bios(count: int = 130_000, *, seed: int = 0) -> Iterator[str]:
    """Yields `count` different bios that depend on nothing but the seed.

    A longer run starts with the shorter one. Each bio has 1 to 160 characters, Twitter's limit, and no line
    break; two of them never differ in case, digits, links, handles, punctuation or emoji alone, unless they
    are very short.

    Raises:
        OptionError: if `count` is negative.
    """
    if count < 0:
        raise OptionError(f"count is {count}; give 0 or more, for example generate_bios(1000)")
    return _distinct_bios(count, Chance(seed))


def _distinct_bios(count: int, chance: Chance) -> Iterator[str]:
    writer = Writer(chance)
    seen: set[str] = set()
    while len(seen) < count:
        text = _write_bio(writer, chance)
        key = _essence(text)
        if key not in seen and 0 < len(text) <= MAX_CHARACTERS:
            seen.add(key)
            yield text


def _write_bio(writer: Writer, chance: Chance) -> str:
    language = language_choices().draw(chance.random)
    theme = theme_choices(language.code).draw(chance.random)
    style = EMOJI_STYLES.draw(chance.random)
    draft = writer.write(grammar(language.code, theme, style)["bio"])
    return finish(draft, language, chance)


def _essence(text: str) -> str:
    """Returns the letters alone, by which near duplicates are told; a very short bio stands for itself."""
    letters = _UNSPOKEN.sub("", text.casefold())
    return letters if len(letters) > _SHORT else text
