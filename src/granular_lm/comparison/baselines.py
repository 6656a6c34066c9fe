"""What a model has to beat: bits per byte of methods that need no network.

Each pays for the end of every document, as the models do: the statistical ones by a stop symbol, the file
compressors by a newline.
"""

import lzma
import math
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from granular_lm.comparison.ngram import NUM_SYMBOLS, NGramModel
from granular_lm.corpus.stream import in_chunks
from granular_lm.text import to_bytes

NGRAM_ORDER = 5
NGRAM_BYTES = 50_000_000
ZSTD_LEVEL = 19
DICTIONARY_BYTES = 112_640  # what zstd makes by default
DICTIONARY_SAMPLE_BYTES = 100 * DICTIONARY_BYTES  # what zstd advises to train one on

Bits = tuple[float, str]
"""Bits of all test documents, and what a reader has to know about them."""


def baselines(train: Sequence[str], test: Sequence[str]) -> list[dict[str, Any]]:
    """Return each baseline's name, bits per byte of the test documents, seconds, and a note, empty for most.

    Args:
        train: Training documents, which some of them learn from.
        test: Test documents, with at least one byte.
    """
    num_bytes = sum(len(to_bytes(text)) for text in test)
    file = _file(test)
    methods: dict[str, Callable[[], Bits]] = {
        "uniform": lambda: (_uniform_bits(test), ""),
        "unigram": lambda: (_unigram_bits(train, test), ""),
        f"kneser-ney-{NGRAM_ORDER}": lambda: _ngram_bits(train, test),
        "zlib": lambda: (8 * len(zlib.compress(file, 9)), ""),
        "xz": lambda: (8 * len(lzma.compress(file, preset=9 | lzma.PRESET_EXTREME)), ""),
        "zstd": lambda: (8 * len(zstandard.compress(file, ZSTD_LEVEL)), ""),
        "zstd+dictionary": lambda: _dictionary_bits(train, file),
    }
    return [_measured(name, method, num_bytes) for name, method in methods.items()]


def evenly(documents: Sequence[str], max_bytes: int) -> list[str]:
    """Return documents from all over a corpus, at most so many bytes of them; all where they are no more.

    Where even the first document is too long, and no other fits, its beginning is returned.
    """
    sizes = [len(to_bytes(text)) for text in documents]
    share = min(1.0, max_bytes / max(sum(sizes), 1))
    taken, met, used = [], 0, 0
    for text, size in zip(documents, sizes, strict=True):
        met += size
        if used + size <= share * met:
            taken.append(text)
            used += size
    return taken or [text[: max_bytes // 4] for text in documents[:1]]  # a character has up to 4 bytes


def _measured(name: str, method: Callable[[], Bits], num_bytes: int) -> dict[str, Any]:
    started = time.perf_counter()
    bits, note = method()
    return {"name": name, "bpb": bits / num_bytes, "seconds": time.perf_counter() - started, "note": note}


def _file(documents: Sequence[str]) -> bytes:
    return b"".join(to_bytes(text) + b"\n" for text in documents)


def _uniform_bits(test: Sequence[str]) -> float:
    return math.log2(NUM_SYMBOLS) * sum(len(to_bytes(text)) + 1 for text in test)


def _unigram_bits(train: Sequence[str], test: Sequence[str]) -> float:
    """Return the bits of test bytes and stops by their share in training, one added to each count."""
    counts = _symbol_counts(train) + 1
    return float(_symbol_counts(test) @ np.log2(counts.sum() / counts))


def _symbol_counts(documents: Sequence[str]) -> NDArray[np.int64]:
    """Return how often each byte occurs, and last how many documents end."""
    counts = np.zeros(NUM_SYMBOLS, dtype=np.int64)
    for chunk in in_chunks(documents):
        data = np.frombuffer(b"".join(map(to_bytes, chunk)), dtype=np.uint8)
        counts += np.bincount(data, minlength=NUM_SYMBOLS)
        counts[-1] += len(chunk)
    return counts


def _ngram_bits(train: Sequence[str], test: Sequence[str]) -> Bits:
    learned = evenly(train, NGRAM_BYTES)
    read, there = (sum(len(to_bytes(text)) for text in documents) / 1e6 for documents in (learned, train))
    note = f"counted on {read:.2f} of {there:.2f} MB of training text, taken evenly" if read < there else ""
    return math.fsum(NGramModel.train(learned, NGRAM_ORDER).bits(test)), note


def _dictionary_bits(train: Sequence[str], file: bytes) -> Bits:
    dictionary = _dictionary(list(map(to_bytes, evenly(train, DICTIONARY_SAMPLE_BYTES))))
    size = len(dictionary.as_bytes())
    compressed = zstandard.ZstdCompressor(ZSTD_LEVEL, dict_data=dictionary).compress(file)
    return 8 * len(compressed), f"the {size:,} bytes of the dictionary are not counted"


def _dictionary(samples: Sequence[bytes]) -> zstandard.ZstdCompressionDict:
    """Return a dictionary trained on samples; of too few, their last bytes as they are."""
    try:
        return zstandard.train_dictionary(DICTIONARY_BYTES, list(samples))
    except zstandard.ZstdError:
        text = b"\n".join(samples)[-DICTIONARY_BYTES:]
        return zstandard.ZstdCompressionDict(text, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
