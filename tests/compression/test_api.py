"""compress and decompress: lossless, or an error of one line."""

import dataclasses
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from granular_lm.codecs import Codec
from granular_lm.compression import compress, compress_message, decompress, decompress_message, prove
from granular_lm.compression.api import MOST_MESSAGE_BYTES, Compressor
from granular_lm.compression.container import File, Message, Method
from granular_lm.corpus.split import documents_hash
from granular_lm.errors import CompressionError, OptionError
from granular_lm.model import LanguageModel
from granular_lm.text import to_bytes, to_text

BUNDLED = ("bios-byte", "bios-char", "bios-spm")


@pytest.fixture(scope="module", params=BUNDLED)
def bundled(request: pytest.FixtureRequest) -> LanguageModel:
    """Each bundled model in turn."""
    return LanguageModel.from_pretrained(request.param)


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.from_pretrained("bios-byte")


@given(documents=st.lists(st.binary(max_size=20).map(to_text), max_size=5))
@settings(max_examples=15)
def test_any_documents_come_back(bundled: LanguageModel, documents: list[str]) -> None:
    """Any bytes, empty documents and none at all, with every codec."""
    assert decompress(bundled, compress(bundled, documents)) == documents


@pytest.mark.slow
def test_documents_that_a_model_knows_become_small(bundled: LanguageModel, bios: list[str]) -> None:
    """The stream takes the model's bits, at most 0.1 % and 64 bits more, and less than a quarter of the text.

    It may take fewer: what the model all but rules out costs the coder 24 bits, and the model more.
    """
    proof = prove(bundled, bios)
    assert proof.is_identical
    assert proof.sha256 == documents_hash(bios)
    assert proof.ideal_bits == pytest.approx(sum(score.bits for score in bundled.score(bios)))
    assert 0.99 * proof.ideal_bits < proof.coded_bits <= 1.001 * proof.ideal_bits + 64
    assert 0 < 8 * proof.file_bytes - proof.coded_bits <= 8 * 70
    assert proof.file_bytes < sum(len(to_bytes(text)) for text in bios) / 4


def test_progress_grows_to_all_there_is(model: LanguageModel) -> None:
    """In bytes, those that are verified once more; to decompress goes through them once."""
    documents = ["coffee lover", "", "dad of 2"]
    told: list[tuple[int, int]] = []
    data = compress(model, documents, on_progress=lambda *each: told.append(each))
    assert {total for _, total in told} == {40}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (40, 40)
    for call in (
        lambda tell: compress(model, documents, verify=False, on_progress=tell),
        lambda tell: decompress(model, data, on_progress=tell),
    ):
        told.clear()
        call(lambda *each: told.append(each))
        assert told[-1] == (20, 20)


def test_what_the_model_does_not_know_is_stored(model: LanguageModel) -> None:
    """Random bytes grow by the header and their length alone."""
    documents = [to_text(random.Random(0).randbytes(1000)), ""]
    data = compress(model, documents)
    assert File.from_bytes(data).method is Method.STORED
    assert len(data) <= 1000 + 64
    assert decompress(model, data) == documents


def test_an_untrained_model_of_every_codec_is_lossless(
    codec: Codec, random_model: Callable[..., LanguageModel]
) -> None:
    """Also one that finds every text unlikely."""
    untrained = random_model(codec)
    compressor = Compressor.of(untrained)
    texts = ["", "héllo \u2581 \udcff\x00", "a\nb", "x" * 50]
    method, stream = compressor.stream(texts)
    assert decompress(untrained, compress(untrained, texts)) == texts
    assert method in Method
    assert stream


def test_a_single_string_is_refused(model: LanguageModel) -> None:
    """Its characters would be taken for documents."""
    with pytest.raises(OptionError, match="give a list"):
        compress(model, "coffee")


def changed(model: LanguageModel, *, ulps: int) -> LanguageModel:
    """Return the model with one weight moved."""
    weights = {name: values.copy() for name, values in model.weights.items()}
    for _ in range(ulps):
        weights["head.bias"][101] = np.nextafter(weights["head.bias"][101], np.float32(9))
    return LanguageModel(model.codec, model.config, weights)


def test_a_weight_that_differs_by_one_ulp_is_refused(model: LanguageModel, bios: list[str]) -> None:
    """By the model's fingerprint, before anything is decoded; in a message by four bytes of it."""
    other = changed(model, ulps=1)
    with pytest.raises(CompressionError, match="another model: its fingerprint is"):
        decompress(other, compress(model, bios[:5]))
    with pytest.raises(CompressionError, match="another model, codec or version"):
        decompress_message(other, compress_message(model, bios[0]))


def test_a_changed_probability_is_found_without_the_fingerprint(model: LanguageModel, bios: list[str]) -> None:
    """What the other model decodes is not what was compressed, and the hash says so."""
    other = changed(model, ulps=10_000)
    forged = dataclasses.replace(
        File.from_bytes(compress(model, bios[:50])), fingerprints=Compressor.of(other).fingerprints
    )
    with pytest.raises(CompressionError, match="damaged"):
        decompress(other, forged.to_bytes())


def test_a_codec_that_differs_is_refused(model: LanguageModel, trained_codecs: dict[str, Codec]) -> None:
    """Even under the same weights."""
    codec = trained_codecs["char"]
    config = dataclasses.replace(model.config, vocab_size=codec.vocab_size, hidden_size=8, embedding_dim=4)
    rng = np.random.default_rng(0)
    from granular_lm.codecs.char import CharCodec
    from granular_lm.weights import parameter_shapes

    weights = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in parameter_shapes(config).items()}
    assert isinstance(codec, CharCodec)
    renamed = CharCodec([*codec.characters[:-1], "\U0010fffd"])
    data = compress(LanguageModel(codec, config, weights), ["text"])
    with pytest.raises(CompressionError, match="another codec: its fingerprint is"):
        decompress(LanguageModel(renamed, config, weights), data)


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"count": 2}, {"count": 10**15}, {"num_bytes": 0}, {"num_bytes": 11}, {"stream": b""},
              {"documents_hash": bytes(16)}, {"method": Method.STORED}, {"stream": b"\xff" * 40}],
)  # fmt: skip
def test_a_file_with_a_wrong_field_is_refused(model: LanguageModel, wrong: dict[str, object]) -> None:
    """Also where the checksum fits: the hash of the documents has the last word."""
    file = File.from_bytes(compress(model, ["coffee lover"]))
    assert file.method is Method.CODED
    with pytest.raises(CompressionError) as caught:
        decompress(model, dataclasses.replace(file, **wrong).to_bytes())  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stream", [b"", b"\x0c", b"\x0ccoffee lover!", b"\x0dcoffee lover", b"\x0bcoffee lover"])
def test_stored_documents_with_a_wrong_length_are_refused(model: LanguageModel, stream: bytes) -> None:
    """Too short, too long, and with something behind them."""
    file = File.from_bytes(compress(model, ["coffee lover"]))
    stored = dataclasses.replace(file, method=Method.STORED, stream=b"\x0ccoffee lover")
    assert decompress(model, stored.to_bytes()) == ["coffee lover"]
    with pytest.raises(CompressionError):
        decompress(model, dataclasses.replace(stored, stream=stream).to_bytes())


@pytest.mark.parametrize("text", ["", "coffee lover", "a\nb", "\udcff\udc80", "日本語 ✨", "zq" * 40])
def test_messages_come_back(bundled: LanguageModel, text: str) -> None:
    """Whatever the text, with at most ten bytes around the shorter of its two forms."""
    data = compress_message(bundled, text)
    assert decompress_message(bundled, data) == text
    assert len(data) <= 11 + len(to_bytes(text))


def test_a_message_that_the_model_knows_is_short(model: LanguageModel, bios: list[str]) -> None:
    """Ten bytes, or eleven from 128 bytes on, and the model's bits, rounded up to whole bytes."""
    scores = model.score(bios[:40])
    for text, score in zip(bios[:40], scores, strict=True):
        assert len(compress_message(model, text)) <= 10 + (score.num_bytes > 127) + np.ceil(score.bits / 8 + 0.2)


def test_damage_to_a_message_is_never_wrong_text(model: LanguageModel) -> None:
    """A message cut short is an error, and so is a flipped bit, but in the last byte, where it may mean the same."""
    text = "dad of 2, coffee lover"
    data = compress_message(model, text)
    damaged = [data[:length] for length in range(len(data))]
    damaged += [data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :] for i in range(len(data)) for bit in range(8)]
    survivors = []
    for each in damaged:
        try:
            assert decompress_message(model, each) == text
        except CompressionError as error:
            assert "\n" not in str(error)  # noqa: PT017 - it may raise or not
        else:
            survivors.append(each)
    assert all(len(each) == len(data) and each[:-1] == data[:-1] for each in survivors)


def test_a_message_has_a_largest_size(model: LanguageModel) -> None:
    """A longer text is refused, and so is a message that announces one."""
    with pytest.raises(OptionError, match="give at most 16,384"):
        compress_message(model, "a" * (MOST_MESSAGE_BYTES + 1))
    message = dataclasses.replace(Message.from_bytes(compress_message(model, "a")), num_bytes=2**40)
    with pytest.raises(CompressionError, match="announces 1,099,511,627,776 bytes"):
        decompress_message(model, message.to_bytes())
