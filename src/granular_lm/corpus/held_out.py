"""Documents to test on, kept apart from those to train on."""

from collections.abc import Iterable, Iterator, Sequence

from granular_lm.errors import CorpusError
from granular_lm.text import to_bytes


def apart_from(documents: Iterable[str], held_out: Sequence[str], part: str) -> Iterator[str]:
    """Pass training documents on, and raise behind the last one if some of them are held out.

    Args:
        documents: To train on; they are not held.
        held_out: To test on.
        part: What those are called.

    Raises:
        CorpusError: A document is among both.
    """
    known, shared = set(map(to_bytes, held_out)), set[bytes]()
    for text in documents:
        raw = to_bytes(text)
        if raw in known:
            shared.add(raw)
        yield text
    refuse_shared(held_out, shared, part=part, other="train")


def refuse_shared(documents: Sequence[str], known: set[bytes], *, part: str, other: str) -> None:
    """Raise if documents of one part stand in another; empty ones say nothing, and may.

    Args:
        documents: Of the part.
        known: The raw bytes of some or all documents of the other.
        part: What the one is called.
        other: What the other is called.

    Raises:
        CorpusError: A document is among both.
    """
    shared = [text for text in documents if text and to_bytes(text) in known]
    if shared:
        raise CorpusError(
            f"{len(shared)} of {len(documents)} {part} documents stand in the {other} part, too, such as "
            f"{shared[0][:40]!r}; a model would be tested on what it was trained on. Remove them from either: "
            "granular-lm data split makes parts without near-duplicates in common."
        )
