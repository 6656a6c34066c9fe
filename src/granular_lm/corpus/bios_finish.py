"""The typography of a finished bio: its casing, its ornaments and its slips."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable

from granular_lm.corpus.bios_grammar import Chance, Choices
from granular_lm.corpus.bios_lexicon import Language

Finish = Callable[[str, Chance], str]

_LINK = re.compile(r"(https?://\S+)")
_SEGMENT = re.compile(r"(^|(?: [|•·/✦★~]|[.!?]) )(?!\S+[/.]\w)([^\W\d_])")
_OPENING = re.compile(r"^[A-Za-z ,&'-]{4,60}")
_LETTERS = string.ascii_uppercase + string.ascii_lowercase
_SCRIPT = str.maketrans(_LETTERS, "".join(chr(0x1D4EA + i) for i in range(26)) * 2)
_WIDE = str.maketrans(_LETTERS, "".join(chr(0xFF41 + i) for i in range(26)) * 2)
_MARKS = "\u0336\u0323\u0307\u0324\u0308\u0332"
_SPARKLES = ("✨", "⭐", "🌸", "🦋", "💫", "🌙", "˚ ༘", "★")
_RIGHT_TO_LEFT_MARK = "\u200f"


def _outside_links(text: str, change: Callable[[str], str]) -> str:
    return "".join(piece if i % 2 else change(piece) for i, piece in enumerate(_LINK.split(text)))


def _as_is(text: str, _: Chance) -> str:
    return text


def _lower(text: str, _: Chance) -> str:
    return _outside_links(text, str.lower)


def _upper(text: str, _: Chance) -> str:
    return _outside_links(text, str.upper)


def _first_capital(text: str, _: Chance) -> str:
    return text[:1].upper() + text[1:]


def _capital_segments(text: str, _: Chance) -> str:
    return _SEGMENT.sub(lambda match: match[1] + match[2].upper(), text)


def _in_letters(table: dict[int, int]) -> Finish:
    return lambda text, _: _OPENING.sub(lambda match: match[0].translate(table), text)


def _sparkle(text: str, chance: Chance) -> str:
    sparkle = _SPARKLES[chance.below(len(_SPARKLES))]
    return f"{sparkle} {text} {sparkle}"


def _strike_out(text: str, chance: Chance) -> str:
    mark = _MARKS[chance.below(len(_MARKS))]
    return _OPENING.sub(lambda match: re.sub(r"(\w)", rf"\1{mark}", match[0]), text)


def _swap_letters(text: str, chance: Chance) -> str:
    i = chance.below(len(text))
    pair = text[i : i + 2]
    return text[:i] + pair[::-1] + text[i + 2 :] if pair.isascii() and pair.isalpha() else text


def _drop_letter(text: str, chance: Chance) -> str:
    i = chance.below(len(text))
    return text[:i] + text[i + 1 :] if text[i : i + 1].isalpha() and i else text


def _double_space(text: str, chance: Chance) -> str:
    spaces = [i for i, letter in enumerate(text) if letter == " "]
    i = spaces[chance.below(len(spaces))] if spaces else len(text)
    return f"{text[:i]} {text[i:]}"


def _decompose(text: str, _: Chance) -> str:
    return unicodedata.normalize("NFD", text)


def _mark_direction(text: str, chance: Chance) -> str:
    return f"{_RIGHT_TO_LEFT_MARK}{text}" if chance.below(2) else f"{text}{_RIGHT_TO_LEFT_MARK}"


_SCRIPTED, _WIDENED = _in_letters(_SCRIPT), _in_letters(_WIDE)
_CASINGS: Choices[Finish] = Choices(
    (_capital_segments, _first_capital, _as_is, _lower, _upper), (44.0, 24.0, 16.0, 14.0, 2.0)
)
_ORNAMENTS: Choices[Finish] = Choices(
    (_as_is, _swap_letters, _drop_letter, _double_space, _sparkle, _SCRIPTED, _WIDENED, _strike_out),
    (900.0, 14.0, 10.0, 24.0, 16.0, 14.0, 6.0, 4.0),
)
_DECOMPOSITIONS: Choices[Finish] = Choices((_as_is, _decompose), (92.0, 8.0))
_DIRECTIONS: Choices[Finish] = Choices((_as_is, _mark_direction), (92.0, 8.0))


def finish(text: str, language: Language, chance: Chance) -> str:
    """Gives a drafted bio the casing, ornaments and slips of one writer."""
    for pattern, replacement in language.repairs.items():
        text = re.sub(pattern, replacement, text)
    for finishes in _finishes_of(language):
        text = finishes.draw(chance.random)(text, chance)
    return text


def _finishes_of(language: Language) -> list[Choices[Finish]]:
    casings = [_CASINGS] if language.is_cased else []
    decompositions = [_DECOMPOSITIONS] if language.has_accents else []
    directions = [_DIRECTIONS] if language.is_right_to_left else []
    return [*casings, _ORNAMENTS, *decompositions, *directions]
