"""Text to bytes and back with a model, checked."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from granular_lm.codecs import Codec
from granular_lm.compression.container import (
    HASH_BYTES,
    SHORT_BYTES,
    File,
    Fingerprints,
    Message,
    Method,
    Reader,
    varint,
)
from granular_lm.compression.lanes import Tell, coder_hash, decode, encode, tell_nobody
from granular_lm.corpus.split import documents_hash
from granular_lm.errors import CodecError, CompressionError, OptionError
from granular_lm.model import LanguageModel
from granular_lm.runtime.exact import ExactEngine
from granular_lm.text import documents_of, to_bytes, to_text
from granular_lm.weights import weights_hash

MOST_MESSAGE_BYTES = 1 << 14  # so that a damaged message cannot keep the decoder busy for long


def compress(
    model: LanguageModel, documents: Iterable[str], *, verify: bool = True, on_progress: Tell = tell_nobody
) -> bytes:
    """Return documents as a compressed file, which the same model alone can read.

    Args:
        model: The better it knows such documents, the shorter they become.
        documents: Any strings.
        verify: Whether to decompress the result and compare, which takes as long again.
        on_progress: Is told how many bytes are done, and how many there are; to verify counts each once more.

    Raises:
        CodecError: The codec does not give a document back as it was.
        CompressionError: The result does not decompress to the documents, or the model's weights are out of range.

    Examples:
        >>> model = LanguageModel.from_pretrained("bios-byte")
        >>> data = compress(model, ["coffee lover", "dad of 2, runner"])
        >>> decompress(model, data)
        ['coffee lover', 'dad of 2, runner']
    """
    texts = list(documents_of(documents))
    if not verify:
        return Compressor.of(model).file(texts, on_progress).to_bytes()
    data = Compressor.of(model).file(texts, lambda done, total: on_progress(done, 2 * total)).to_bytes()
    restored = decompress(model, data, on_progress=lambda done, total: on_progress(total + done, 2 * total))
    if documents_hash(restored) != documents_hash(texts):
        raise CompressionError("the compressed documents do not decompress to what they were; report this as a bug.")
    return data


def decompress(model: LanguageModel, data: bytes, *, on_progress: Tell = tell_nobody) -> list[str]:
    """Return the documents of a compressed file; bytes that are not valid UTF-8 are surrogate escapes.

    Args:
        model: The one that compressed it.
        data: What `compress` returned.
        on_progress: Is told how many bytes are done, and how many there are.

    Raises:
        CompressionError: It is no such file, it is damaged, or another model compressed it.
    """
    return Compressor.of(model).documents(File.from_bytes(data), on_progress)


def compress_message(model: LanguageModel, text: str) -> bytes:
    """Return one short string with as little around it as can be: ten bytes that keep wrong text from being read.

    Raises:
        CodecError: The codec does not give the text back as it was.
        CompressionError: The model's weights are out of range.
        OptionError: The text is too long for a message.

    Examples:
        >>> model = LanguageModel.from_pretrained("bios-byte")
        >>> decompress_message(model, compress_message(model, "coffee lover"))
        'coffee lover'
    """
    num_bytes = len(to_bytes(text))
    if num_bytes > MOST_MESSAGE_BYTES:
        raise OptionError(
            f"a message of {num_bytes:,} bytes is not accepted; give at most {MOST_MESSAGE_BYTES:,}, or a file."
        )
    compressor = Compressor.of(model)
    method, stream = compressor.stream([text])
    message = Message(
        method=method,
        fingerprint=compressor.fingerprints.short(),
        text_hash=_hash([text], SHORT_BYTES),
        num_bytes=num_bytes,
        stream=stream,
    )
    return message.to_bytes()


def decompress_message(model: LanguageModel, data: bytes) -> str:
    """Return the text of a compressed message.

    Raises:
        CompressionError: It is no message, it is damaged, or another model compressed it.
    """
    compressor, message = Compressor.of(model), Message.from_bytes(data)
    if message.fingerprint != compressor.fingerprints.short():
        raise CompressionError(
            "the message was compressed with another model, codec or version, or is damaged; decompress it with the "
            "model that compressed it."
        )
    if message.num_bytes > MOST_MESSAGE_BYTES:
        raise CompressionError(f"the message is damaged: it announces {message.num_bytes:,} bytes; get a new copy.")
    [text] = compressor.texts(message.method, message.stream, 1, message.num_bytes)
    _check_hash([text], message.text_hash)
    return text


@dataclass(frozen=True, slots=True)
class Compressor:
    """A model made ready for compression.

    Attributes:
        codec: Between text and ids.
        engine: The model's frequencies.
        fingerprints: What a reader has to share.
    """

    codec: Codec
    engine: ExactEngine
    fingerprints: Fingerprints

    @classmethod
    def of(cls, model: LanguageModel) -> "Compressor":
        """Return the compressor of a model, made once."""
        if model not in _made:
            shape = json.dumps(model.config.to_dict(), sort_keys=True)
            prints = Fingerprints.of(
                model=hashlib.sha256(f"{shape} {weights_hash(model.weights)}".encode()).hexdigest(),
                codec=model.codec.fingerprint(),
                coder=coder_hash(),
            )
            _made[model] = cls(model.codec, ExactEngine(model.config, model.weights), prints)
        return _made[model]

    def file(self, texts: Sequence[str], tell: Tell = tell_nobody) -> File:
        """Return texts as the content of a file."""
        method, stream = self.stream(texts, tell)
        return File(
            method=method,
            fingerprints=self.fingerprints,
            documents_hash=_hash(texts, HASH_BYTES),
            count=len(texts),
            num_bytes=sum(len(to_bytes(text)) for text in texts),
            stream=stream,
        )

    def documents(self, file: File, tell: Tell = tell_nobody) -> list[str]:
        """Return the texts of a file, having checked that they are what was compressed."""
        self.fingerprints.check(file.fingerprints)
        texts = self.texts(file.method, file.stream, file.count, file.num_bytes, tell)
        _check_hash(texts, file.documents_hash)
        return texts

    def stream(self, texts: Sequence[str], tell: Tell = tell_nobody) -> tuple[Method, bytes]:
        """Return the texts coded, or stored where that is shorter, as with random bytes."""
        encoded = self.codec.encode_batch(texts)
        raw = list(map(to_bytes, texts))
        for index, data in enumerate(raw):
            if self.codec.decode_bytes(encoded[index].tolist()) != data:
                raise CodecError(
                    f"codec {self.codec.name!r} does not give back {texts[index][:40]!r}; "
                    f"run `granular-lm codec check {self.codec.name}` for the part of the contract it breaks."
                )
        coded, stored = encode(self.engine, self.codec, encoded, tell), _stored(raw)
        return (Method.CODED, coded) if len(coded) < len(stored) else (Method.STORED, stored)

    def texts(self, method: Method, stream: bytes, count: int, num_bytes: int, tell: Tell = tell_nobody) -> list[str]:
        """Return the texts of a stream, or raise `CompressionError` unless they are as many bytes as announced."""
        if method is Method.STORED:
            raw = _read_stored(stream, count)
            tell(num_bytes, num_bytes)
        else:
            raw = decode(self.engine, self.codec, stream, count=count, num_bytes=num_bytes, tell=tell)
        if (found := sum(map(len, raw))) != num_bytes:
            raise CompressionError(
                f"the data is damaged: it holds {found:,} bytes, not {num_bytes:,} as it says; get a new copy."
            )
        return list(map(to_text, raw))


_made: WeakKeyDictionary[LanguageModel, Compressor] = WeakKeyDictionary()


def _hash(texts: Sequence[str], size: int) -> bytes:
    return bytes.fromhex(documents_hash(texts))[:size]


def _check_hash(texts: Sequence[str], expected: bytes) -> None:
    found = _hash(texts, len(expected))
    if found != expected:
        raise CompressionError(
            f"the data is damaged: its text has the hash {found.hex()}, not {expected.hex()}; get a new copy."
        )


def _stored(documents: Iterable[bytes]) -> bytes:
    return b"".join(varint(len(data)) + data for data in documents)


def _read_stored(stream: bytes, count: int) -> list[bytes]:
    reader = Reader(stream)
    documents = [reader.take(reader.varint()) for _ in range(count)]
    if reader.rest():
        raise CompressionError("the data is damaged: something follows the last document; get a new copy.")
    return documents
