"""A small weighted grammar: named rules, nested slots, one source of chance.

A rule is a block of alternatives, likeliest first, split at line ends and at `¦`. In an alternative

- `{job}` is a slot, filled by the rule of that name;
- `{^job}` is the same with a capital first letter;
- `{SEP}`, a name in capitals, makes its choice once a text, however often it is named;
- `{en.job}` is the rule of that name in the fallback grammar, here the English one;
- `{☕}` is an emoji, written before, after or not at all as the emoji style of the text says;
- `{#}` is a digit and `{*}` a letter or digit, all equally likely;
- `␣` is a space where a plain one would be stripped and `∅` is the empty text.
"""

from __future__ import annotations

import random
import re
import string
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")

RANK_OFFSET = 3.0
"""Flattens the head of Zipf's law: the r-th alternative weighs 1 / (r + RANK_OFFSET)."""

SLOT = re.compile(r"\{([^{}]+)\}")
FALLBACK, CAPITAL = "en.", "^"
_ALPHABETS = {"#": string.digits, "*": string.ascii_letters + string.digits}
_ATTEMPTS = 4


class Chance:
    """Seeded chance built on `Random.random` alone, the one method whose values Python promises to keep."""

    def __init__(self, seed: int) -> None:
        # Random drops the sign of its seed; the fold keeps -1 and 1 apart.
        self.random: Callable[[], float] = random.Random(2 * seed if seed >= 0 else -2 * seed - 1).random

    def below(self, bound: int) -> int:
        """Returns an integer from 0 up to, not including, `bound`."""
        return int(self.random() * bound)


class Choices(Generic[T]):
    """Options with weights, ready to be drawn from."""

    def __init__(self, options: Sequence[T], weights: Iterable[float]) -> None:
        totals = list(accumulate(weights))
        self.options = tuple(options)
        self.bounds = [total / totals[-1] for total in totals]

    def draw(self, random: Callable[[], float]) -> T:
        """Returns one option, drawn with a number from [0, 1)."""
        return self.options[bisect(self.bounds, random())]


def by_rank(options: Sequence[T]) -> Choices[T]:
    """Weighs options by their rank, the first the likeliest."""
    return Choices(options, (1.0 / (rank + RANK_OFFSET) for rank in range(1, len(options) + 1)))


def split_block(block: str) -> list[str]:
    """Splits the text of a rule into its alternatives."""
    pieces = (piece.strip() for line in block.splitlines() for piece in line.split("¦"))
    return [piece.replace("␣", " ").replace("∅", "") for piece in pieces if piece]


class Rule:
    """A named set of alternatives, each a finished text or a row of texts and further rules."""

    __slots__ = ("choices", "has_variety", "is_capitalised", "is_chosen_once", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_chosen_once = name.isupper()
        self.is_capitalised = name.startswith(CAPITAL)
        self.has_variety = False
        self.choices: Choices[Part] = Choices((), ())


Part = str | tuple["str | Rule", ...]


class Grammar:
    """The rules of one language, theme and emoji style, compiled as they are first named.

    Args:
        blocks: the text of each rule by its name.
        place_emoji: called with an alternative's `text` and its `emoji`, returns them as one text.
        fallback: the grammar of the slots that start with `en.`; this one itself if None.
    """

    def __init__(
        self,
        blocks: Mapping[str, str],
        place_emoji: Callable[..., str],
        fallback: Grammar | None = None,
    ) -> None:
        self._blocks = blocks
        self._place_emoji = place_emoji
        self._fallback = fallback or self
        self._rules = {name: self._flat_rule(name, letters) for name, letters in _ALPHABETS.items()}

    def __getitem__(self, name: str) -> Rule:
        """Returns the rule of that name.

        Raises:
            LookupError: if the lexicon has no such rule.
        """
        if name.startswith(FALLBACK):
            return self._fallback[name.removeprefix(FALLBACK)]
        return self._rules[name] if name in self._rules else self._compile(name)

    def _compile(self, name: str) -> Rule:
        alternatives = split_block(self._block(name))
        rule = self._rules[name] = Rule(name)  # known before its parts, which may name it
        parts = [self._parse(text) for text in alternatives]
        rule.choices = by_rank(parts)
        rule.has_variety = len(parts) > 1
        return rule

    def _block(self, name: str) -> str:
        if name.startswith(CAPITAL):
            return f"{{{name.removeprefix(CAPITAL)}}}"
        if name not in self._blocks:
            raise LookupError(f"no rule is named {name!r}; add it to the lexicon or mend the slot {{{name}}}")
        return self._blocks[name]

    def _parse(self, text: str) -> Part:
        for emoji in filter(is_emoji, SLOT.findall(text)):
            text = self._place_emoji(text=text.replace(f"{{{emoji}}}", ""), emoji=emoji)
        pieces = SLOT.split(text)
        if len(pieces) == 1:
            return text
        return tuple(self[piece] if i % 2 else piece for i, piece in enumerate(pieces) if piece)

    @staticmethod
    def _flat_rule(name: str, letters: str) -> Rule:
        rule = Rule(name)
        rule.choices = Choices(letters, [1.0] * len(letters))
        return rule


def is_emoji(slot: str) -> bool:
    """Tells an emoji between braces from the name of a rule."""
    return not slot.isascii()


class Writer:
    """Expands rules into one text, keeping what must stay the same and avoiding what was said."""

    def __init__(self, chance: Chance) -> None:
        self._random = chance.random
        self._chosen: dict[str, Part] = {}
        self._said: set[Part] = set()

    def write(self, rule: Rule) -> str:
        """Starts a new text and returns one expansion of `rule`."""
        self._chosen.clear()
        self._said.clear()
        return self._expand(rule)

    def _expand(self, rule: Rule) -> str:
        part = self._choose_once(rule) if rule.is_chosen_once else self._choose(rule)
        if isinstance(part, str):
            return part
        expand = self._expand
        text = "".join([piece if isinstance(piece, str) else expand(piece) for piece in part])
        return text[:1].upper() + text[1:] if rule.is_capitalised else text

    def _choose(self, rule: Rule) -> Part:
        part = rule.choices.draw(self._random)
        if rule.has_variety:
            for _ in range(_ATTEMPTS):
                if part not in self._said:
                    break
                part = rule.choices.draw(self._random)
            self._said.add(part)
        return part

    def _choose_once(self, rule: Rule) -> Part:
        if rule.name not in self._chosen:
            self._chosen[rule.name] = rule.choices.draw(self._random)
        return self._chosen[rule.name]
