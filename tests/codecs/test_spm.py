"""The subword codec: SentencePiece without its losses."""

import pytest
from sentencepiece import SentencePieceProcessor

from granular_lm.codecs.spm import SentencePieceCodec
from granular_lm.errors import CodecError, OptionError


@pytest.fixture(scope="module")
def spaceless() -> SentencePieceCodec:
    return SentencePieceCodec.train(["justonewordaline", "anotherwordhere"] * 50, vocab_size=300)


def test_a_space_is_one_token_even_if_training_saw_none(spaceless: SentencePieceCodec) -> None:
    """Text with spaces costs one token a space under a codec trained without any."""
    ids = spaceless.encode("a b")
    assert [spaceless.token_bytes(token_id) for token_id in ids] == [b"a", b" ", b"b"]


def test_the_space_mark_does_not_become_a_space(spaceless: SentencePieceCodec) -> None:
    """U+2581 in the data is spelled in its three bytes."""
    assert spaceless.encode("▁") == [1 + byte for byte in "▁".encode()]
    assert spaceless.decode(spaceless.encode("a▁ b")) == "a▁ b"


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_it_encodes_as_the_library_does_alone(bios: list[str], model: str) -> None:
    """For plain text the ids are SentencePiece's own."""
    codec = SentencePieceCodec.train(bios, vocab_size=500, model=model)
    alone = SentencePieceProcessor(model_proto=codec.files()["spm.model"])
    plain = [text for text in bios if text.isascii()]
    assert [codec.encode(text) for text in plain[:50]] == alone.encode(plain[:50])
    assert codec.vocab_size == 500


def test_long_documents_are_learnt_from_too() -> None:
    """Words that occur only in one very long document get pieces: the trainer would drop that line silently."""
    long_document = " ".join(["xylophone"] * 3000)
    codec = SentencePieceCodec.train(["plain words here"] * 20 + [long_document], vocab_size=320)
    assert any(b"xylophone" in codec.token_bytes(token_id) for token_id in range(codec.vocab_size))


@pytest.mark.parametrize("skipped", ["▅", "\x00", "▁", "\udcff"])
def test_documents_with_a_character_the_trainer_skips_are_learnt_from(skipped: str) -> None:
    """A line with U+2585 or NUL is skipped by the trainer; here only the character is left out."""
    codec = SentencePieceCodec.train(
        ["plain words here"] * 20 + [f"xylophone {skipped} xylophone"] * 200, vocab_size=320
    )
    assert any(b"xylophone" in codec.token_bytes(token_id) for token_id in range(codec.vocab_size))


def test_a_small_vocabulary_holds_on_many_scripts(bios: list[str]) -> None:
    """A vocabulary smaller than the number of characters works: rare ones are spelled in bytes."""
    assert len(set("".join(bios))) > 300
    codec = SentencePieceCodec.train(bios, vocab_size=300)
    assert codec.vocab_size <= 300
    assert codec.decode(codec.encode("日本 ok 👩🏽‍💻")) == "日本 ok 👩🏽‍💻"


@pytest.mark.parametrize("documents", [[], [""], ["\x00", "\udcff"]])
def test_nothing_to_learn_from_is_an_error(documents: list[str]) -> None:
    """Without text, training is refused in words of ours."""
    with pytest.raises(CodecError, match="without text"):
        SentencePieceCodec.train(documents)


@pytest.mark.parametrize("options", [{"vocab_size": 258}, {"vocab_size": "1k"}, {"model": "word"}])
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    """Each option says what it accepts."""
    with pytest.raises(OptionError, match="not accepted"):
        SentencePieceCodec.train(["some text"], **options)  # type: ignore[arg-type]


def test_a_damaged_model_file_is_an_error(bios: list[str]) -> None:
    """A truncated model file is refused, not a crash."""
    model = SentencePieceCodec.train(bios[:100], vocab_size=300).files()["spm.model"]
    with pytest.raises(CodecError, match=r"spm\.model"):
        SentencePieceCodec(model[: len(model) // 2])
