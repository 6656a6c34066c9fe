"""A corpus in tokens, on disk: what the codec gives, as narrow as it can be."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from granular_lm.codecs import Codec, EncodedDocuments, load_codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.corpus.split import documents_hash
from granular_lm.errors import CodecError, CorpusError
from granular_lm.text import to_bytes, to_text
from granular_lm.token_store import TokenStore, stored_type

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
from_bytes = st.one_of(st.text(max_size=12), st.binary(max_size=12).map(to_text))


@same_folder
@given(documents=st.lists(from_bytes, max_size=8))
def test_a_store_holds_what_the_codec_gives(tmp_path: Path, codec: Codec, documents: list[str]) -> None:
    """Ids, offsets, bytes and hash are those of the documents, before and after memory is given back."""
    documents = [*documents, "x"]
    store = TokenStore.write(codec, iter(documents), tmp_path)
    for _ in range(2):
        ids = [store.ids[first:last].tolist() for first, last in zip(store.offsets, store.offsets[1:], strict=False)]
        assert ids == [codec.encode(text) for text in documents]
        assert store.num_bytes.tolist() == [len(to_bytes(text)) for text in documents]
        store.release()
    assert len(store) == len(documents)
    assert store.sha256 == documents_hash(documents)
    assert store.ids.dtype == stored_type(codec)


class Sized(ByteCodec):
    """Says that it has a vocabulary of some size."""

    def __init__(self, vocab_size: int, stop_id: int) -> None:
        self.vocab_size, self.stop_id = vocab_size, stop_id


@pytest.mark.parametrize(
    ("vocab_size", "stop_id", "expected"),
    [
        (257, 256, np.uint8),
        (257, 0, np.uint16),
        (256, 0, np.uint8),
        (65_537, 65_536, np.uint16),
        (65_537, 0, np.int32),
        (65_538, 65_537, np.int32),
    ],
)
def test_ids_are_as_narrow_as_the_vocabulary_allows(vocab_size: int, stop_id: int, expected: type) -> None:
    """The largest content id decides; the stop needs no room where it is the largest of all."""
    assert stored_type(Sized(vocab_size, stop_id)) == expected


def test_what_an_interrupted_run_left_is_replaced(tmp_path: Path, trained_codecs: dict[str, Codec]) -> None:
    """A store that was broken off, longer and with wider ids than the new one, does not shine through."""

    def broken_off() -> Iterator[str]:
        yield from ["left over"] * 10_000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TokenStore.write(trained_codecs["spm"], broken_off(), tmp_path)
    store = TokenStore.write(ByteCodec(), ["ab", "c"], tmp_path)
    assert (store.ids.tolist(), store.offsets.tolist(), store.num_bytes.tolist()) == ([97, 98, 99], [0, 2, 3], [2, 1])


class Shortening(ByteCodec):
    """Loses the last byte of long documents."""

    def encode_some(self, documents):  # type: ignore[no-untyped-def]
        return super().encode_some([text[:10] for text in documents])

    def encode(self, text: str) -> list[int]:
        return super().encode(text[:10])


class Folding(ByteCodec):
    """Gives as many bytes as there were, but others."""

    def encode_some(self, documents):  # type: ignore[no-untyped-def]
        return super().encode_some([text.lower() for text in documents])

    def encode(self, text: str) -> list[int]:
        return super().encode(text.lower())


class Shifting(ByteCodec):
    """Gives the bytes of all documents, but not of each."""

    def encode_some(self, documents):  # type: ignore[no-untyped-def]
        encoded = super().encode_some(documents)
        return EncodedDocuments(encoded.ids, np.where(encoded.offsets == 5, 4, encoded.offsets))


class Stopping(ByteCodec):
    """Ends each document with a stop of its own, which decodes to nothing."""

    def encode_some(self, documents):  # type: ignore[no-untyped-def]
        return Codec.encode_some(self, documents)

    def encode(self, text: str) -> list[int]:
        return [*super().encode(text), self.stop_id]


@pytest.mark.parametrize(
    ("codec", "met"),
    [(Shortening(), "'this one is longer'"), (Folding(), "'Short'"), (Shifting(), "''"), (Stopping(), "'Short'")],
)
def test_a_lossy_codec_is_refused_with_the_document_that_shows_it(tmp_path: Path, codec: Codec, met: str) -> None:
    """No store is made with a codec that does not give a document back, or gives the stop for content."""
    with pytest.raises(CodecError, match=f"does not give back {met} as it was"):
        TokenStore.write(codec, ["Short", "this one is longer"], tmp_path)


@pytest.mark.parametrize("documents", [[], [""], ["", ""]])
def test_a_corpus_of_no_bytes_is_refused(tmp_path: Path, documents: list[str]) -> None:
    """There is nothing to learn from empty documents alone."""
    with pytest.raises(CorpusError, match=f"in {len(documents)} documents of 0 bytes"):
        TokenStore.write(load_codec("byte"), documents, tmp_path)
