"""Documents side by side in one stream: every schedule is the decoder's, and no byte is wasted."""

import math
from typing import Any

import constriction
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from granular_lm.codecs.byte import ByteCodec
from granular_lm.compression import lanes
from granular_lm.compression.lanes import FAMILY, coder_hash, decode, encode
from granular_lm.errors import CompressionError
from granular_lm.runtime.exact import ExactEngine
from granular_lm.weights import ModelConfig, parameter_shapes

CODEC = ByteCodec()
CONFIG = ModelConfig(vocab_size=CODEC.vocab_size, embedding_dim=4, hidden_size=6, num_layers=2)


@pytest.fixture(scope="module")
def engine() -> ExactEngine:
    rng = np.random.default_rng(5)
    shapes = parameter_shapes(CONFIG)
    return ExactEngine(CONFIG, {name: rng.normal(0, 2, shape).astype(np.float32) for name, shape in shapes.items()})


def coded(engine: ExactEngine, documents: list[bytes]) -> bytes:
    return encode(engine, CODEC, CODEC.encode_batch([data.decode("latin-1") for data in documents]))


def restored(engine: ExactEngine, stream: bytes, documents: list[bytes]) -> list[bytes]:
    as_utf8 = [data.decode("latin-1").encode() for data in documents]
    found = decode(engine, CODEC, stream, count=len(documents), num_bytes=sum(map(len, as_utf8)))
    return [data.decode().encode("latin-1") for data in found]


@given(documents=st.lists(st.binary(max_size=12), max_size=12), at_once=st.integers(1, 5))
def test_documents_come_back_in_order(engine: ExactEngine, documents: list[bytes], at_once: int) -> None:
    """Empty ones and none at all included, with more documents than lanes, and with fewer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "LANES", at_once)
        assert restored(engine, coded(engine, documents), documents) == documents


def test_a_stream_is_as_long_as_its_bits(engine: ExactEngine) -> None:
    """The frequencies of each document read alone give the stream's length, within the coder's 2^-24 and a byte."""
    rng = np.random.default_rng(3)
    documents = [rng.integers(0, 128, length).astype(np.uint8).tobytes() for length in rng.integers(0, 9, 700)]
    bits = 0.0
    for data in documents:
        cursor = engine.cursor(1)
        for read, token in zip([CODEC.stop_id, *data], [*data, CODEC.stop_id], strict=True):
            [frequencies] = cursor.read(np.array([read]))
            kept = (1 - CODEC.vocab_size / 2**24) * frequencies[token] / frequencies.sum() + 2**-24
            bits -= math.log2(kept)
    assert 8 * len(coded(engine, documents)) == pytest.approx(bits, abs=8, rel=1e-6)


Rows = NDArray[np.float64]


@given(data=st.data())
def test_the_shortest_ending_decodes_to_the_same(data: st.DataObject) -> None:
    """For any symbols, rare ones and certain ones; no shorter bytes would do, and the encoder's own are no shorter."""
    frequencies: Rows = np.array([[1.0, 2.0**30, 2.0**30], [1, 1, 2**30], [2**30, 1, 5], [2**30, 2**30, 1]])
    rows = np.array(data.draw(st.lists(st.integers(0, 3), max_size=60)), dtype=np.int64)
    symbols = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))), dtype=np.int32)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(symbols, FAMILY, frequencies[rows])
    shortest = lanes._shortest(encoder)
    assert _decoded(shortest, frequencies[rows]) == symbols.tolist()
    assert len(shortest) <= len(encoder.get_compressed()) * 4
    if shortest:
        endings = [shortest[:-1]] + (
            [shortest[:-2] + bytes([shortest[-2] + 1])] if shortest[-2:-1] < b"\xff" and len(shortest) > 1 else []
        )
        assert all(_decoded(ending, frequencies[rows]) != symbols.tolist() for ending in endings)


def _decoded(stream: bytes, frequencies: Rows) -> Any:
    decoder = constriction.stream.queue.RangeDecoder(lanes._words(stream))
    try:
        return decoder.decode(FAMILY, frequencies).tolist()
    except AssertionError:
        return None


def test_decoding_ends_with_the_bytes_that_were_announced(engine: ExactEngine) -> None:
    """A document that goes on for longer is an error as soon as it does."""
    stream = coded(engine, [b"abcdefgh" * 100])
    with pytest.raises(CompressionError, match="holds more than 20 bytes"):
        decode(engine, CODEC, stream, count=1, num_bytes=20)


def test_a_stream_is_not_asked_for_more_than_it_can_hold(engine: ExactEngine) -> None:
    """Numbers that no such stream can have are refused before anything is decoded."""
    for count, num_bytes in [(2**62, 0), (1, 2**62)]:
        with pytest.raises(CompressionError, match="3 bytes cannot hold"):
            decode(engine, CODEC, b"abc", count=count, num_bytes=num_bytes)


def test_the_coder_is_pinned() -> None:
    """Lanes, tables and the coder's way with frequencies are those of the first compressed file."""
    assert coder_hash() == "d3e586fd401b0aaba4acf823f5ab89730ecd38429d3adc7838cf8d4a75f756dc"
