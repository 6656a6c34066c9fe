"""What a codec makes of documents, against counting token by token."""

from collections import Counter

import pytest

from granular_lm.codecs import Codec, train_codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.codecs.char import CharCodec
from granular_lm.codecs.statistics import codec_statistics
from granular_lm.text import to_bytes


def test_counts_are_those_of_a_loop(codec: Codec, bios: list[str]) -> None:
    """Tokens, bytes and used ids are those of encoding one document after another."""
    found = codec_statistics("it", codec, bios)
    counts = Counter(token_id for text in bios for token_id in codec.encode(text))
    assert (found.codec, found.vocab_size, found.tokens) == ("it", codec.vocab_size, counts.total())
    assert found.bytes == sum(len(to_bytes(text)) for text in bios)
    assert found.tokens_per_byte == found.tokens / found.bytes
    assert found.used_id_share == len(counts) / (codec.vocab_size - 1)


def test_bytes_without_a_character_of_their_own_are_fallback() -> None:
    """Of "aéé☕" the codec of a and é spells the three bytes of ☕: 3 of 8 bytes, 3 of 6 tokens, 5 of 258 ids."""
    found = codec_statistics("char", CharCodec("aé"), ["aé", "", "é☕"])
    assert (found.tokens, found.bytes) == (6, 8)
    assert found.byte_fallback_share == 3 / 8
    assert found.learnt_token_share == 3 / 6
    assert found.used_id_share == 5 / 258


def test_a_character_of_one_byte_is_no_fallback() -> None:
    """An ASCII letter has a byte token and a character; text in characters has no fallback at all."""
    found = codec_statistics("char", CharCodec("ab"), ["abba"])
    assert (found.byte_fallback_share, found.learnt_token_share) == (0, 1)


def test_pieces_and_byte_pieces_are_told_apart(bios: list[str]) -> None:
    """SentencePiece spells what it has not met in byte pieces, and only that."""
    codec = train_codec("spm", ["a b ab abc"] * 50, vocab_size=270)
    assert codec_statistics("spm", codec, ["a b ab abc"]).byte_fallback_share == 0
    assert codec_statistics("spm", codec, ["ab☕"]).byte_fallback_share == 3 / 5


def test_a_codec_of_bytes_alone_has_no_fallback() -> None:
    """Where every token is a byte there is nothing to fall back from."""
    found = codec_statistics("byte", ByteCodec(), ["ab"])
    assert found.byte_fallback_share is None
    assert found.learnt_token_share is None
    assert (found.tokens_per_byte, found.used_id_share) == (1, 2 / 256)


class Lowering(ByteCodec):
    """Loses capitals."""

    def encode(self, text: str) -> list[int]:
        return super().encode(text.lower())

    encode_some = Codec.encode_some


def test_documents_that_do_not_come_back_are_counted(codec: Codec) -> None:
    """Of a codec that makes letters small, those with a capital; of a sound one, none."""
    documents = ["Ada", "ada", "", "Grace ☕", "\udcff"]
    assert codec_statistics("lower", Lowering(), documents).lossy_documents == 2
    assert codec_statistics("it", codec, documents).lossy_documents == 0


@pytest.mark.parametrize("documents", [[], [""]])
def test_nothing_is_counted_as_nothing(codec: Codec, documents: list[str]) -> None:
    """Without a byte all numbers are zero."""
    found = codec_statistics("it", codec, documents)
    assert (found.tokens, found.bytes, found.tokens_per_byte, found.used_id_share) == (0, 0, 0, 0)
