"""The byte view: test documents shown byte by byte, with the bits that each model spends on each of its tokens."""

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.model import LanguageModel
from granular_lm.scoring import Score
from granular_lm.text import to_bytes

DISPUTED = 60
RANDOM = 60
FLOOR_BYTES = 16
"""Added to the bytes of a document where disagreement is measured, or the shortest documents would always win."""

HEAT_STEPS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.5, 6.0)
"""Bits a byte at which the colour of a token changes."""

MOST_CELLS = 250_000  # over all documents and entries: about 2 MB of the page
LIMITS = (4096, 2048, 1024, 512, 256, 128, 64, 32)

Span = tuple[int, int, float]
"""First byte, the byte behind the last one, and bits."""

SIGNS = {" ": "␣", "\n": "⏎", "\r": "␍", "\t": "⇥"}


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document with the bits of its tokens.

    Attributes:
        text: The document.
        num_bytes: Its raw bytes.
        why: ``"most disputed"`` or ``"random"``: what it was chosen for.
        rows: For each entry its tokens from the first to the stop, which is an empty span at the end.
    """

    text: str
    num_bytes: int
    why: str
    rows: Mapping[str, Sequence[Span]]


def choose_documents(
    bits: Mapping[str, NDArray[np.float64]],
    num_bytes: NDArray[np.int64],
    *,
    disputed: int = DISPUTED,
    random: int = RANDOM,
    seed: int = 0,
) -> list[int]:
    """Return which documents to show: those the entries disagree on, the most disputed first, then some at random.

    Disagreement is the range over entries of a document's bits, divided by its bytes and `FLOOR_BYTES` more. A single
    entry disagrees with none, so then all are drawn at random.

    Args:
        bits: For each entry the bits of each document, shape (documents,).
        num_bytes: Raw bytes of each document, shape (documents,).
        disputed: How many to choose for disagreement.
        random: How many to draw from the rest.
        seed: Of the draw.
    """
    spread = np.ptp(np.stack(list(bits.values())), axis=0) / (num_bytes + FLOOR_BYTES)
    order = np.argsort(-spread, kind="stable")
    num_disputed = disputed if len(bits) > 1 else 0
    rest = np.sort(order[num_disputed:])
    drawn = np.random.default_rng(seed).permutation(rest)[:random]
    return [*order[:num_disputed].tolist(), *drawn.tolist()]


def shown_documents(
    models: Mapping[str, LanguageModel], documents: Sequence[str], *, disputed: int = DISPUTED
) -> list[ShownDocument]:
    """Return documents with the bits of their tokens.

    Args:
        models: The model of each entry.
        documents: As `choose_documents` has put them in order.
        disputed: How many of them, from the first on, were chosen for disagreement; none if there is one model.
    """
    scores = {entry: model.score(documents) for entry, model in models.items()}
    num_disputed = disputed if len(models) > 1 else 0
    return [
        ShownDocument(
            text=text,
            num_bytes=len(to_bytes(text)),
            why="most disputed" if position < num_disputed else "random",
            rows={entry: _spans(of_entry[position]) for entry, of_entry in scores.items()},
        )
        for position, text in enumerate(documents)
    ]


def _spans(score: Score) -> list[Span]:
    return [
        (start, end, bits)
        for (start, end), bits in zip(score.byte_spans.tolist(), score.token_bits.tolist(), strict=True)
    ]


def page_data(shown: Sequence[ShownDocument]) -> list[dict[str, Any]]:
    """Return what the page needs of each document, as JSON values; long documents are cut to keep the page small."""
    limit = _limit(shown)
    return [_document_data(document, limit) for document in shown]


def _limit(shown: Sequence[ShownDocument]) -> int:
    """Return the bytes to show of a document: as many as `MOST_CELLS` allow."""

    def cells(limit: int) -> int:
        return sum(min(document.num_bytes, limit) * len(document.rows) for document in shown)

    return next((limit for limit in LIMITS if cells(limit) <= MOST_CELLS), LIMITS[-1])


def _document_data(document: ShownDocument, limit: int) -> dict[str, Any]:
    characters = [(label, size) for label, size, end in _characters(document.text) if end <= limit]
    num_shown = sum(size for _, size in characters)
    is_whole = num_shown == document.num_bytes
    return {
        "text": readable(document.text[: len(characters)]),
        "why": document.why,
        "bytes": document.num_bytes,
        "characters": characters,
        "rows": [_row(entry, spans, num_shown, is_whole) for entry, spans in document.rows.items()],
    }


def _row(entry: str, spans: Sequence[Span], num_shown: int, is_whole: bool) -> dict[str, Any]:
    *tokens, (_, _, stop) = spans
    kept = [span for span in tokens if span[1] <= num_shown]
    return {
        "entry": entry,
        "bits": round(math.fsum(bits for _, _, bits in spans), 2),
        "sizes": [end - start for start, end, _ in kept],
        "token_bits": [round(bits, 2) for _, _, bits in kept],
        "stop": round(stop, 2) if is_whole else None,
    }


def readable(text: str) -> str:
    r"""Return text that any page can hold: bytes that are no valid UTF-8 become U+FFFD.

    Examples:
        >>> readable("caf\udce9")
        'caf�'
    """
    return to_bytes(text).decode("utf-8", "replace")


def _characters(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield each code point as it is shown, its bytes, and the byte behind it."""
    end = 0
    for character in text:
        size = len(to_bytes(character))
        end += size
        yield visible(character), size, end


def visible(character: str) -> str:
    r"""Return a character so that it is seen when it stands alone.

    Spaces and ends of lines get a sign, marks a circle to stand on, and what has no shape its number in hexadecimal.

    Examples:
        >>> [visible(character) for character in "a \u0301\u200d\udce9"]
        ['a', '␣', '◌́', '200D', 'E9']
    """
    if character in SIGNS:
        return SIGNS[character]
    if "\udc80" <= character <= "\udcff":
        return to_bytes(character).hex().upper()
    category = unicodedata.category(character)
    if category[0] in "CZ" or unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
        return f"{ord(character):X}"
    return f"◌{character}" if category[0] == "M" else character
