"""Documents that pass by: complete, in order, a bounded number at a time."""

from collections.abc import Iterator
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.split import documents_hash
from granular_lm.corpus.stream import CHARACTERS_AT_ONCE, DOCUMENTS_AT_ONCE, DocumentsDigest, in_chunks
from granular_lm.text import to_bytes


@given(st.lists(st.text()))
def test_chunks_hold_every_document_in_order(documents: list[str]) -> None:
    """Chunks one after another are the documents, and none is empty."""
    chunks = list(in_chunks(iter(documents)))
    assert list(chain(*chunks)) == documents
    assert all(chunks)


def test_chunks_are_bounded_in_documents_and_in_characters() -> None:
    """Short documents are taken by the thousand, and of long ones no more than needed."""
    assert [*map(len, in_chunks(["a"] * (DOCUMENTS_AT_ONCE + 1)))] == [DOCUMENTS_AT_ONCE, 1]
    assert [*map(len, in_chunks(["a" * CHARACTERS_AT_ONCE, "b", "c" * CHARACTERS_AT_ONCE, "d"]))] == [1, 2, 1]


def test_no_more_is_read_than_is_asked_for() -> None:
    """The first chunk is there before the second is read."""

    def documents() -> Iterator[str]:
        yield from ["a"] * DOCUMENTS_AT_ONCE
        raise AssertionError("read too far")

    assert len(next(in_chunks(documents()))) == DOCUMENTS_AT_ONCE


@given(st.lists(st.lists(st.text(max_size=5), max_size=4), max_size=4))
def test_the_digest_does_not_depend_on_the_pieces(chunks: list[list[str]]) -> None:
    """Documents in pieces have the hash that they have as one list."""
    digest = DocumentsDigest()
    for chunk in chunks:
        digest.update(map(to_bytes, chunk))
    assert digest.hexdigest() == documents_hash(chain(*chunks))
