"""The contract, kept by every codec and broken by what does not keep it."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import CodecContractError
from granular_lm.testing import check_codec, check_properties
from granular_lm.text import to_bytes, to_text

PITFALLS = [
    "▁",
    "a▁b",
    "▁▁ ",
    "a",
    " a",
    "  a",
    "a b",
    "",
    "</s>",
    "<unk>",
    "<0x41>",
    "\x00",
    "\u2028",
    "x\r\ny",
    "\udcff",
]


def test_every_codec_keeps_the_contract(codec: Codec, bios: list[str]) -> None:
    """check_codec finds nothing to say of byte, char and spm, on its own cases and on the bios."""
    check_codec(codec, bios)


@given(data=st.binary(max_size=60))
@pytest.mark.parametrize("name", ["byte", "char", "spm"])
def test_any_bytes_come_back(trained_codecs: dict[str, Codec], name: str, data: bytes) -> None:
    """Any bytes, read as text with surrogate escapes, decode to themselves."""
    codec = trained_codecs[name]
    assert codec.decode_bytes(codec.encode(to_text(data))) == data


@given(
    text=st.text(
        st.characters(codec="utf-8") | st.sampled_from(" ▁▅\x00\n\r\u2028\udc80\udcff\ud83d\ufeff"), max_size=40
    )
)
@pytest.mark.parametrize("name", ["byte", "char", "spm"])
def test_any_text_comes_back(trained_codecs: dict[str, Codec], name: str, text: str) -> None:
    """Any str, lone surrogates included, decodes to its raw bytes."""
    codec = trained_codecs[name]
    assert codec.decode_bytes(codec.encode(text)) == to_bytes(text)


@given(
    texts=st.lists(
        st.text(st.characters(codec="utf-8") | st.sampled_from("▁\x00\udc80\ud83d é"), max_size=12), max_size=6
    )
)
@pytest.mark.parametrize("name", ["byte", "char", "spm"])
def test_a_batch_encodes_like_its_documents(trained_codecs: dict[str, Codec], name: str, texts: list[str]) -> None:
    """encode_batch gives the ids of encode, with offsets that part the documents."""
    codec = trained_codecs[name]
    encoded = codec.encode_batch(texts)
    assert [encoded[index].tolist() for index in range(len(encoded))] == [codec.encode(text) for text in texts]
    assert encoded.ids.dtype == np.int32
    assert encoded.offsets[-1] == len(encoded.ids)


@pytest.mark.parametrize("text", PITFALLS)
def test_token_lengths_sum_to_the_raw_bytes(codec: Codec, text: str) -> None:
    """The bytes of the tokens are the raw bytes of the document, one length a token, no length twice."""
    ids = codec.encode(text)
    assert int(codec.token_lengths[ids].sum()) == len(to_bytes(text))
    spans = codec.byte_spans(ids)
    assert [end - start for start, end in spans] == codec.token_lengths[ids].tolist()
    assert b"".join(to_bytes(text)[start:end] for start, end in spans) == to_bytes(text)


def test_every_single_byte_is_one_token_of_length_one(codec: Codec) -> None:
    """A byte that is no character, 0x80 to 0xFF, is one token of one byte, not a replacement character of three."""
    for byte in range(0x80, 0x100):
        ids = codec.encode(to_text(bytes([byte])))
        assert [codec.token_bytes(token_id) for token_id in ids] == [bytes([byte])]


def test_fingerprints_do_not_depend_on_the_hash_seed(trained_codecs: dict[str, Codec]) -> None:
    """Training in a process with another hash seed gives the same fingerprints."""
    program = (
        "import json\n"
        "from granular_lm import train_codec, generate_bios\n"
        "bios = list(generate_bios(600))\n"
        "options = {'byte': {}, 'char': {'min_count': 3}, 'spm': {'vocab_size': 400}}\n"
        "print(json.dumps({n: train_codec(n, bios, **o).fingerprint() for n, o in options.items()}))"
    )
    here = {name: codec.fingerprint() for name, codec in trained_codecs.items()}
    for seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert json.loads(out.stdout) == here


class DefaultSentencePiece(Codec):
    """SentencePiece as its defaults train it, dressed as a codec."""

    name = "default-spm"
    stop_id = 2

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.processor = SentencePieceProcessor(model_proto=model)
        self.vocab_size = self.processor.get_piece_size()

    @classmethod
    def train(cls, documents: Any) -> Self:
        out = io.BytesIO()
        SentencePieceTrainer.train(
            sentence_iterator=iter(documents), model_writer=out, vocab_size=1500, hard_vocab_limit=False, minloglevel=2
        )
        return cls(out.getvalue())

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.processor.encode(text.encode("utf-8", "replace").decode())
        return ids

    def token_bytes(self, token_id: int) -> bytes:
        if token_id == self.stop_id:
            return b""
        piece: str = self.processor.id_to_piece(token_id)
        return piece.replace("▁", " ").encode()

    def to_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        return cls(files["m"])

    def files(self) -> dict[str, bytes]:
        return {"m": self.model}


def test_default_sentencepiece_fails_the_contract(bios: list[str]) -> None:
    """SentencePiece with its default settings loses information, and check_codec says so."""
    with pytest.raises(CodecContractError, match="lossless: .* comes back as"):
        check_codec(DefaultSentencePiece.train(bios))


class Erasing(ByteCodec):
    def token_bytes(self, token_id: int) -> bytes:
        return b"" if token_id == 65 else super().token_bytes(token_id)


class StopInText(ByteCodec):
    def encode(self, text: str) -> list[int]:
        return [256 if byte == 0 else byte for byte in to_bytes(text)]


class OutOfRange(ByteCodec):
    def encode(self, text: str) -> list[int]:
        return [byte + 1000 if byte == 65 else byte for byte in to_bytes(text)]


class Forgetful(ByteCodec):
    calls = 0

    def encode(self, text: str) -> list[int]:
        type(self).calls += 1
        return super().encode(text)[:: -1 if self.calls % 2 else 1]


class OtherBatch(ByteCodec):
    def encode_some(self, documents: Any) -> Any:
        return super().encode_some([text.strip() for text in documents])


class Normalising(ByteCodec):
    def encode(self, text: str) -> list[int]:
        return super().encode(text.casefold())


class LossyConfig(ByteCodec):
    shift = 0

    def to_config(self) -> dict[str, Any]:
        return {"shift": self.shift}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        loaded = cls()
        loaded.shift = config["shift"] + 1
        return loaded


class AsciiOnly(ByteCodec):
    def encode(self, text: str) -> list[int]:
        return list(text.encode("ascii"))


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        (Erasing, "non-erasing"),
        (StopInText, "structural stop"),
        (OutOfRange, "ids in range"),
        (Forgetful, "deterministic"),
        (OtherBatch, "batch equals one by one"),
        (Normalising, "lossless"),
        (LossyConfig, "stored and loaded alike"),
        (AsciiOnly, "byte-complete"),
    ],
)
def test_each_broken_property_is_found(broken: type[Codec], name: str) -> None:
    """A codec that breaks one property is reported under that property's name."""
    failures = {check.name: check.failure for check in check_properties(broken())}
    assert failures[name]
