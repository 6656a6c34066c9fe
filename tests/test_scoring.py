"""Bits per byte, and each way to get it wrong that scoring could fall into."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.codecs.char import CharCodec
from granular_lm.errors import CodecError, CorpusError
from granular_lm.model import LanguageModel
from granular_lm.scoring import Score, Totals, bits_per_byte, score_documents
from granular_lm.text import to_bytes
from granular_lm.weights import ModelConfig, parameter_shapes


def uniform_model(codec: Codec) -> LanguageModel:
    """Return a model with all weights zero: every token is equally likely."""
    config = ModelConfig(vocab_size=codec.vocab_size, embedding_dim=4, hidden_size=4)
    weights = {name: np.zeros(shape, dtype=np.float32) for name, shape in parameter_shapes(config).items()}
    return LanguageModel(codec, config, weights)


def score_of(content: float, stop: float, num_bytes: int, num_tokens: int = 1) -> Score:
    return Score(content, stop, num_bytes, num_tokens, np.array([content, stop]), np.zeros((2, 2), dtype=np.int64))


def test_uniform_bytes_cost_log2_257_each_and_so_does_every_stop() -> None:
    """Missing ln 2, a free stop or a wrong denominator would each change log2(257) · (B + N) / B."""
    documents = ["", "a", "héllo", "日本語 text", "x" * 100]
    num_bytes = sum(len(text.encode()) for text in documents)
    expected = math.log2(257) * (num_bytes + len(documents)) / num_bytes
    assert bits_per_byte(uniform_model(ByteCodec()).score(documents)) == pytest.approx(expected, rel=1e-6)


class ToyCodec(CharCodec):
    """Two letters and the stop: small enough to enumerate every string."""

    name = "toy"
    vocab_size = 3
    stop_id = 2

    def __init__(self) -> None:
        self.characters = ["a", "b"]

    def encode(self, text: str) -> list[int]:
        return (
            (["a", "b"].index(text[0]) and [1, *self.encode(text[1:])]) or [0, *self.encode(text[1:])] if text else []
        )

    def encode_some(self, documents):  # type: ignore[no-untyped-def]
        return super(CharCodec, self).encode_some(documents)

    def token_bytes(self, token_id: int) -> bytes:
        return [b"a", b"b", b""][token_id]


def strings(length: int) -> list[str]:
    return ["".join(letters) for letters in itertools.product("ab", repeat=length)]


def test_the_probabilities_of_all_strings_sum_to_one(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """Σ p(x) over all strings up to length 8, plus the mass of longer ones, is 1 within 1e-9."""
    table = np.array([[0.5, 0.2, 0.3], [0.1, 0.65, 0.25], [0.45, 0.35, 0.2]])
    model = bigram_model(ToyCodec(), table)
    total = 0.0
    for length in range(9):
        total += math.fsum(2.0**-score.bits for score in score_documents(model, strings(length)))
    longer = math.fsum(
        2.0**-score.bits_content * (1 - 2.0**-score.bits_stop) for score in score_documents(model, strings(8))
    )
    assert total + longer == pytest.approx(1, abs=1e-9)


def test_an_lstm_is_a_distribution_over_strings(random_model) -> None:  # type: ignore[no-untyped-def]
    """The same sum holds for a real network, within its float32."""
    model = random_model(ToyCodec())
    total = sum(2.0**-score.bits for length in range(7) for score in model.score(strings(length)))
    longer = sum(2.0**-s.bits_content * (1 - 2.0**-s.bits_stop) for s in model.score(strings(6)))
    assert total + longer == pytest.approx(1, abs=1e-5)


def test_bits_do_not_depend_on_neighbours_order_or_batch(codec: Codec, bios: list[str], random_model) -> None:  # type: ignore[no-untyped-def]
    """Alone, among others, reversed or beside much longer documents: each document's bits stay within 1e-5."""
    model = random_model(codec)
    documents = bios[:40]
    together = [score.bits for score in model.score(documents)]
    alone = [model.score([text])[0].bits for text in documents]
    backwards = [score.bits for score in model.score(documents[::-1])][::-1]
    padded = [score.bits for score in model.score([*documents, "long " * 300])][:-1]
    for other in (alone, backwards, padded):
        np.testing.assert_allclose(other, together, rtol=1e-5, atol=1e-5)


def test_bits_equal_the_obvious_loop(codec: Codec, bios: list[str], random_model) -> None:  # type: ignore[no-untyped-def]
    """One document, one token at a time, from the stop to the stop: the same bits a token."""
    model = random_model(codec)
    for text in [bios[0], bios[1], "", "▁ \udcff"]:
        [score] = model.score([text])
        state, last, bits = model.initial_state(1), codec.stop_id, []
        for token_id in [*codec.encode(text), codec.stop_id]:
            log_probs, state = model.step(np.array([last]), state)
            bits.append(-float(log_probs[0, token_id]) / math.log(2))
            last = token_id
        np.testing.assert_allclose(score.token_bits, bits, atol=1e-5)
        assert score.bits_content == pytest.approx(sum(bits[:-1]), abs=1e-4)
        assert score.bits_stop == pytest.approx(bits[-1], abs=1e-5)


def test_a_long_document_is_scored_to_its_end(codec: Codec, random_model) -> None:  # type: ignore[no-untyped-def]
    """10 kB: as many bits as tokens and a stop, spans to the last byte, no truncation."""
    text = "granular 😀 " * 800
    [score] = random_model(codec).score(text)
    assert score.num_bytes == len(text.encode())
    assert score.num_tokens == len(codec.encode(text))
    assert len(score.token_bits) == len(score.byte_spans) == score.num_tokens + 1
    assert score.byte_spans[-1].tolist() == [score.num_bytes, score.num_bytes]
    assert math.fsum(score.token_bits) == pytest.approx(score.bits)


def test_every_document_is_scored_whatever_the_batch(codec: Codec, random_model, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """No dropped tail: documents and bytes scored equal those given, also when they do not fill a batch."""
    monkeypatch.setattr("granular_lm.scoring.DOCUMENTS_AT_ONCE", 4)
    monkeypatch.setattr("granular_lm.scoring.SORTED_AT_ONCE", 10)
    documents = [f"document {number} " * (number % 5) for number in range(23)]
    totals = Totals.of(score_documents(random_model(codec), documents))
    assert totals.documents == 23
    assert totals.num_bytes == sum(map(len, documents))


@pytest.mark.slow
def test_a_long_document_among_short_ones_takes_little_memory(random_model, trained_codecs) -> None:  # type: ignore[no-untyped-def]
    """Memory is bounded by tokens, not by the longest document times the batch: 40 kB beside 255 of one byte."""
    model = random_model(trained_codecs["byte"], hidden_size=4, num_layers=1)
    tracemalloc.start()
    model.score(["x" * 40_000, *["y"] * 255])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_bits_per_byte_is_a_ratio_of_sums() -> None:
    """1 byte at 8 bits and 1 000 bytes at 1 000 bits: 1008/1001, not the mean of 8 and 1."""
    assert bits_per_byte([score_of(8, 0, 1), score_of(900, 100, 1000)]) == 1008 / 1001


def test_the_denominator_is_that_of_the_documents_scored() -> None:
    """Documents of other tokens a byte change the ratio exactly, whatever a training split had."""
    assert bits_per_byte([score_of(6, 2, 4, num_tokens=1), score_of(10, 2, 6, num_tokens=6)]) == 2.0


def test_sums_are_float64() -> None:
    """A million documents of 0.1 bits beside one of 2^30 lose nothing, as a float32 sum would."""
    scores = [score_of(0.1, 0.0, 1)] * 1_000_000 + [score_of(2.0**30, 0.0, 1)]
    totals = Totals.of(scores)
    assert totals.bits == math.fsum([0.1] * 1_000_000 + [2.0**30])


def test_the_parts_add_up(codec: Codec, bios: list[str], random_model) -> None:  # type: ignore[no-untyped-def]
    """Bpb is content plus stop; bits a string and bpb of the file come from the same sums."""
    told = Totals.of(random_model(codec).score(bios[:50])).to_dict()
    assert told["bpb"] == pytest.approx(told["bpb_content"] + told["bpb_stop"])
    assert told["bits_per_string"] * told["documents"] == pytest.approx(told["bpb"] * told["bytes"])
    assert told["bpb_file"] == pytest.approx(told["bpb"] * told["bytes"] / (told["bytes"] + 50))


def test_unseen_characters_cost_bits_and_nothing_is_unknown(codec: Codec, random_model) -> None:  # type: ignore[no-untyped-def]
    """An emoji that no codec has seen is paid for, byte by byte where need be."""
    model = random_model(codec)
    with_emoji, without = model.score(["ok 🫥", "ok "])
    assert with_emoji.bits_content > without.bits_content
    assert with_emoji.num_bytes == without.num_bytes + 4


def test_no_bytes_at_all_have_no_ratio() -> None:
    """Empty documents are legal, but a corpus of them has no bits per byte."""
    with pytest.raises(CorpusError, match="2 documents of 0 bytes"):
        bits_per_byte([score_of(0, 1, 0), score_of(0, 1, 0)])


def test_one_document_may_be_given_as_it_is(random_model, trained_codecs) -> None:  # type: ignore[no-untyped-def]
    """A str or bytes is one document, not a sequence of characters."""
    model = random_model(trained_codecs["byte"])
    assert model.score("café")[0].bits == model.score("café".encode())[0].bits
    assert model.score(b"\xff")[0].num_bytes == 1


def test_a_lossy_codec_is_refused(random_model) -> None:  # type: ignore[no-untyped-def]
    """Bits of a document that the codec changes would mean nothing."""

    class Lower(ByteCodec):
        def encode_some(self, documents):  # type: ignore[no-untyped-def]
            return super().encode_some([text.lower() for text in documents])

    with pytest.raises(CodecError, match="'Loud'"):
        random_model(Lower()).score(["quiet", "Loud"])


@pytest.mark.parametrize("text", ["</s>", "\x00", "a\u2028b", "x\r\ny", "▁"])
def test_special_text_is_scored_as_text(codec: Codec, random_model, text: str) -> None:  # type: ignore[no-untyped-def]
    """Text that looks like a control symbol is content: its bytes are counted and its tokens paid for."""
    [score] = random_model(codec).score([text])
    assert score.num_bytes == len(to_bytes(text))
    assert score.num_tokens >= 1
