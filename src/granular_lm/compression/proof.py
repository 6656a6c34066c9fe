"""The proof that bits per byte are what a file takes: compress, decompress, compare."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from granular_lm.compression.api import Compressor, compress, decompress
from granular_lm.compression.container import File
from granular_lm.corpus.split import documents_hash
from granular_lm.model import LanguageModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What compressing some documents and decompressing them came to.

    Attributes:
        coded_bits: Bits of the stream, the header not counted.
        file_bytes: Bytes of the compressed file, all included.
        ideal_bits: Bits of the documents under the model.
        is_identical: Whether the documents came back as they were.
        sha256: Of the documents' raw bytes and lengths, as in `data.lock.json`.
        seconds_compress: Wall time.
        seconds_decompress: Wall time.
    """

    coded_bits: int
    file_bytes: int
    ideal_bits: float
    is_identical: bool
    sha256: str
    seconds_compress: float
    seconds_decompress: float


def prove(model: LanguageModel, documents: Sequence[str], *, ideal_bits: float | None = None) -> Proof:
    """Compress documents and decompress them.

    Args:
        model: What compresses.
        documents: What is compressed.
        ideal_bits: Their bits under the model, if that is known; otherwise they are scored here.

    Raises:
        CodecError: The codec does not give a document back as it was.
        CompressionError: The compressed documents could not be read again.
    """
    if ideal_bits is None:
        ideal_bits = sum(score.bits for score in model.score(documents))
    Compressor.of(model)  # made once, and no part of the time
    started = time.perf_counter()
    data = compress(model, documents, verify=False)
    compressed = time.perf_counter()
    restored = decompress(model, data)
    ended = time.perf_counter()
    sha256 = documents_hash(documents)
    return Proof(
        coded_bits=8 * len(File.from_bytes(data).stream),
        file_bytes=len(data),
        ideal_bits=ideal_bits,
        is_identical=documents_hash(restored) == sha256,
        sha256=sha256,
        seconds_compress=compressed - started,
        seconds_decompress=ended - compressed,
    )
