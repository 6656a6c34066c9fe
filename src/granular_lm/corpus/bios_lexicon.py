"""The lexicon folder as grammars, one for each language, theme and emoji style."""

from __future__ import annotations

import tomllib
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from typing import Any

from granular_lm.corpus.bios_grammar import Choices, Grammar, by_rank

Blocks = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Language:
    """How one language is written, from the table `languages` of `shared.toml`.

    Args:
        code: its ISO 639-1 code.
        weight: its share among the bios, in per cent.
        files: the lexicon files that hold its rules and themes.
        is_cased: whether its letters have two cases that Python turns into each other.
        is_right_to_left: whether directional marks belong in it.
        has_accents: whether its letters can be written decomposed.
        gap: what stands between a word and an emoji.
        repairs: regular expressions and their replacements, applied to each finished bio.
    """

    code: str
    weight: float
    files: tuple[str, ...]
    is_cased: bool = True
    is_right_to_left: bool = False
    has_accents: bool = False
    gap: str = " "
    repairs: Mapping[str, str] = field(default_factory=dict)


EMOJI_STYLES = Choices(("{text}", "{text}{gap}{emoji}", "{emoji}{gap}{text}"), (60.0, 32.0, 8.0))
"""Where a bio puts the emoji that belong to its words: nowhere, after them or before them."""


@cache
def load_table(name: str) -> dict[str, Any]:
    """Reads the lexicon file of that name."""
    text = (files("granular_lm.corpus") / "lexicon" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def languages() -> dict[str, Language]:
    """Returns every language of the lexicon by its code."""
    rows: dict[str, dict[str, Any]] = load_table("shared")["languages"]
    return {
        code: Language(**{"code": code, **row, "files": tuple(row.get("files", [code]))}) for code, row in rows.items()
    }


@cache
def language_choices() -> Choices[Language]:
    """Returns the languages weighted by their share."""
    rows = list(languages().values())
    return Choices(rows, [row.weight for row in rows])


@cache
def theme_choices(code: str) -> Choices[str]:
    """Returns the themes of a language, those named first the likeliest."""
    return by_rank([name for file in languages()[code].files for name in load_table(file).get("theme", {})])


@cache
def grammar(code: str, theme: str, style: str) -> Grammar:
    """Compiles one language: the theme's rules first, then the language's, then the shared ones."""
    language = languages()[code]
    english = None if code == "en" else grammar("en", theme if theme in _themes("en") else "plain", style)
    return Grammar(_blocks(language, theme), partial(style.format, gap=language.gap), english)


def _themes(code: str) -> tuple[str, ...]:
    return theme_choices(code).options


def _blocks(language: Language, theme: str) -> Blocks:
    tables = [load_table(file) for file in (*language.files, "shared")]
    themes = [table.get("theme", {}).get(theme, {}) for table in tables]
    rules = [{name: block for name, block in table.items() if isinstance(block, str)} for table in tables]
    return ChainMap(*themes, *rules)
