"""Documents to test on, kept apart from those to train on."""

from collections.abc import Collection, Iterable, Iterator

from granular_lm.errors import CorpusError


def apart_from(documents: Iterable[str], held_out: Collection[str], part: str) -> Iterator[str]:
    """Pass training documents on, and raise behind the last one if some of them are held out.

    Args:
        documents: To train on; they are not held.
        held_out: To test on.
        part: What to call those.

    Raises:
        CorpusError: A document is among both.
    """
    known, shared = set(held_out), set[str]()
    for text in documents:
        if text in known:
            shared.add(text)
        yield text
    if shared:
        count = sum(text in shared for text in held_out)
        raise CorpusError(
            f"{count} of {len(held_out)} {part} documents are among the training documents, such as "
            f"{min(shared)[:40]!r}; a model would be tested on what it was trained on. Remove them from either, or "
            f"let granular-lm data split hold documents out."
        )
