"""The steps that look at one document at a time, in the order in which they are taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.cleaning.changes import FTFY, Change, mender, nfc, strip
from granular_lm.corpus.cleaning.filters import Filter, language_filter, length_filter, script_filter
from granular_lm.corpus.cleaning.options import CleaningOptions
from granular_lm.corpus.cleaning.scrubbing import TRACES, scrub

CHANGED, DROPPED = 0, 1
MOST_LOST = 2**20
"""A text with so many characters more than `max_bytes` is dropped unchanged: changes do not take that much away, and to
look for what they take would cost minutes and several times the memory of the text."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: As in the card.
        settings: What it was told, as JSON values.
        apply: Returns the text of a document as it goes on, or None where it is dropped.
        package: What does the work, if it is not this one.
    """

    name: str
    apply: Callable[[str], str | None]
    settings: dict[str, Any] = field(default_factory=dict)
    package: str | None = None


def steps_of(options: CleaningOptions) -> list[Step]:
    """Return the steps that are asked for: what changes text first, so that the filters see what is kept.

    Raises:
        OptionError: A package that is needed is not installed, or a script or a language is unknown.
    """
    return [*_changes(options), *_filters(options)]


def _changes(options: CleaningOptions) -> list[Step]:
    steps = []
    if options.ftfy:
        steps.append(_change("ftfy", mender(), FTFY, "ftfy"))
    if options.nfc:
        steps.append(_change("nfc", nfc))
    if options.strip:
        steps.append(_change("strip", strip))
    if options.scrub:
        placeholders = {kind: trace.placeholder for kind, trace in TRACES.items() if kind in options.scrub}
        steps.append(_change("scrub", partial(scrub, kinds=tuple(placeholders)), placeholders))
    if options.max_bytes is None:
        return steps
    return [replace(step, apply=partial(_if_within, options.max_bytes + MOST_LOST, step.apply)) for step in steps]


def _if_within(most: int, apply: Callable[[str], str | None], text: str) -> str | None:
    """Return what a step makes of a text, or the text where it has more characters."""
    return apply(text) if len(text) <= most else text


def _filters(options: CleaningOptions) -> list[Step]:
    steps = []
    if options.min_bytes or options.max_bytes is not None:
        settings: dict[str, Any] = {"min_bytes": options.min_bytes, "max_bytes": options.max_bytes}
        steps.append(_filter("length", length_filter(**settings), settings))
    if options.scripts:
        steps.append(_filter("scripts", script_filter(options.scripts), {"scripts": list(options.scripts)}))
    if options.languages:
        is_kept = language_filter(options.languages, options.min_confidence)
        settings = {"languages": list(options.languages), "min_confidence": options.min_confidence}
        steps.append(_filter("languages", is_kept, settings, "py3langid"))
    return steps


def _change(name: str, change: Change, settings: dict[str, Any] | None = None, package: str | None = None) -> Step:
    return Step(name, change, settings or {}, package)


def _filter(name: str, is_kept: Filter, settings: dict[str, Any], package: str | None = None) -> Step:
    return Step(name, lambda text: text if is_kept(text) else None, settings, package)


def take_steps(options: CleaningOptions, texts: Sequence[str]) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return what becomes of some documents, and how many each step `CHANGED` and `DROPPED`.

    Returns:
        A text, or None, for each document; and counts of shape (steps, 2).
    """
    steps = _steps_here(options)
    counts = np.zeros((len(steps), 2), dtype=np.int64)
    return [_after(steps, text, counts) for text in texts], counts


@lru_cache(maxsize=1)
def _steps_here(options: CleaningOptions) -> list[Step]:
    """Return the steps, of which each process makes its own."""
    return steps_of(options)


def _after(steps: Sequence[Step], text: str, counts: NDArray[np.int64]) -> str | None:
    for number, step in enumerate(steps):
        after = step.apply(text)
        if after is None:
            counts[number, DROPPED] += 1
            return None
        if after != text:
            counts[number, CHANGED] += 1
        text = after
    return text
