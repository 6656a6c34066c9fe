"""Ways to get bits per byte wrong that are not caught beside the module they concern: each is tried, and fails."""

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from granular_lm.codecs import Codec, EncodedDocuments
from granular_lm.codecs.byte import ByteCodec
from granular_lm.comparison.marginal import marginal_bits, token_log_probs
from granular_lm.errors import CodecContractError, CodecError
from granular_lm.model import LanguageModel
from granular_lm.scoring import Score, Totals
from granular_lm.testing import check_codec
from granular_lm.token_store import TokenStore

MakeModel = Callable[..., LanguageModel]


class Changing(ByteCodec):
    """A codec that changes text before it encodes it."""

    def changed(self, text: str) -> str:
        raise NotImplementedError

    def encode(self, text: str) -> list[int]:
        return super().encode(self.changed(text))

    def encode_some(self, documents: Sequence[str]) -> EncodedDocuments:
        return super().encode_some([self.changed(text) for text in documents])


class ReplacementCharacter(ByteCodec):
    """Takes a token's bytes through decode and encode, so that half a character becomes U+FFFD."""

    def token_bytes(self, token_id: int) -> bytes:
        return super().token_bytes(token_id).decode("utf-8", "replace").encode()


class DummyPrefix(Changing):
    """Puts a space before each document, as SentencePiece does by default."""

    def changed(self, text: str) -> str:
        return f" {text}"


class SpaceMark(Changing):
    """Cannot tell U+2581 from a space."""

    def changed(self, text: str) -> str:
        return text.replace("▁", " ")


class MergedSpaces(Changing):
    """Removes white space that it takes for superfluous."""

    def changed(self, text: str) -> str:
        return " ".join(text.split())


class Unknown(Changing):
    """Has one token for all that is not ASCII."""

    def changed(self, text: str) -> str:
        return "".join(character if character.isascii() else "?" for character in text)


class Truncating(Changing):
    """Reads no more than the first thousand characters."""

    def changed(self, text: str) -> str:
        return text[:1000]


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        (ReplacementCharacter(), "é"),
        (DummyPrefix(), "a"),
        (DummyPrefix(), ""),
        (SpaceMark(), "a▁b"),
        (MergedSpaces(), "a  b"),
        (Unknown(), "ok 🫥"),
        (Truncating(), "x" * 1001),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Codec) else None,
)
def test_a_codec_that_counts_other_bytes_gets_no_bits(
    codec: Codec, text: str, random_model: MakeModel, tmp_path: Path
) -> None:
    """Scoring and training both refuse the document, and check_codec the codec."""
    with pytest.raises(CodecError, match="does not give back"):
        random_model(codec).score(["plain", text])
    with pytest.raises(CodecError, match="does not give back"):
        TokenStore.write(codec, ["plain", text], tmp_path)
    with pytest.raises(CodecContractError, match=r"lossless|byte-complete"):
        check_codec(codec, [text])


@pytest.mark.parametrize("text", ["a", " a", "  a", "a b", ""])
def test_no_space_is_counted_twice(codec: Codec, random_model: MakeModel, text: str) -> None:
    """Spaces before, between or nowhere: the bytes are those of the text, and the spans cover each of them once."""
    [score] = random_model(codec).score([text])
    assert score.num_bytes == len(text)
    assert [*itertools.chain(*(range(*span) for span in score.byte_spans))] == list(range(len(text)))


def test_no_state_leaks_from_one_batch_into_the_next(
    codec: Codec, bios: list[str], random_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches of three, of whatever documents came before, each has the bits it has alone."""
    model = random_model(codec)
    alone = [model.score([text])[0].bits for text in bios[:20]]
    monkeypatch.setattr("granular_lm.scoring.DOCUMENTS_AT_ONCE", 3)
    monkeypatch.setattr("granular_lm.scoring.SORTED_AT_ONCE", 7)
    for order in (range(20), range(19, -1, -1)):
        bits = [score.bits for score in model.score([bios[index] for index in order])]
        np.testing.assert_allclose(bits, [alone[index] for index in order], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_sums_over_ten_million_documents_lose_nothing() -> None:
    """1e7 documents of a few bits each: content and stop are fsum of all, where a float32 sum is off by a tenth."""
    some = np.random.default_rng(0).gamma(2.0, 3.0, (1000, 2))
    scores = [Score(content, stop, 5, 1, np.empty(0), np.empty((0, 2), np.int64)) for content, stop in some.tolist()]
    totals = Totals.of(itertools.chain.from_iterable(itertools.repeat(scores, 10_000)))
    expected = [
        math.fsum(itertools.chain.from_iterable(itertools.repeat(column, 10_000))) for column in some.T.tolist()
    ]
    assert [totals.bits_content, totals.bits_stop] == expected
    assert totals.bpb == (expected[0] + expected[1]) / 5e7
    in_float32 = np.cumsum(np.tile(some[:, 0].astype(np.float32), 10_000), dtype=np.float32)[-1]
    assert abs(in_float32 - expected[0]) > 1e-4 * expected[0]


def test_the_canonical_tokenisation_is_not_taken_for_all(
    trained_codecs: dict[str, Codec], bios: list[str], random_model: MakeModel
) -> None:
    """Over several tokenisations a subword model needs fewer bits than over that one, a byte model the same."""
    for name, is_exact in (("byte", True), ("spm", False)):
        codec = trained_codecs[name]
        model, log_probs = random_model(codec), token_log_probs(codec, bios)
        canonical = np.array([score.bits for score in model.score(bios[:20])])
        few, many = (marginal_bits(model, bios[:20], k=k, log_probs=log_probs) for k in (4, 16))
        assert (canonical == many).all() == is_exact
        assert is_exact or (many.sum() < few.sum() < canonical.sum() and (many <= canonical).all())
