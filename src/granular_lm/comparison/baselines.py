"""What a model has to beat: bits per byte of methods that need no network.

Each pays for the end of every document, as the models do: the statistical ones by a stop symbol, the file
compressors by a newline.
"""

import lzma
import math
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from granular_lm.text import to_bytes

NUM_SYMBOLS = 257  # 256 bytes and the stop


def baselines(train: Sequence[str], test: Sequence[str]) -> list[dict[str, Any]]:
    """Return the bits per byte of each baseline on the test documents.

    Args:
        train: Training documents, which the unigram model learns from.
        test: Test documents.
    """
    num_bytes = sum(len(to_bytes(text)) for text in test)
    file = b"".join(to_bytes(text) + b"\n" for text in test)
    bits = {"uniform": _uniform_bits(test), "unigram": _unigram_bits(train, test)}
    compressors: dict[str, Callable[[bytes], bytes]] = {
        "zlib": lambda data: zlib.compress(data, 9),
        "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    }
    bits |= {name: 8.0 * len(compress(file)) for name, compress in compressors.items()}
    return [{"name": name, "bpb": value / num_bytes} for name, value in bits.items()]


def _uniform_bits(test: Sequence[str]) -> float:
    return math.log2(NUM_SYMBOLS) * sum(len(to_bytes(text)) + 1 for text in test)


def _unigram_bits(train: Sequence[str], test: Sequence[str]) -> float:
    """Return the bits of test bytes and stops by their share in training, one added to each count."""
    counts: Counter[int] = Counter(b"".join(map(to_bytes, train)))
    total = counts.total() + len(train) + NUM_SYMBOLS
    met = Counter(b"".join(map(to_bytes, test)))
    bits = math.fsum(n * math.log2(total / (counts[byte] + 1)) for byte, n in met.items())
    return bits + len(test) * math.log2(total / (len(train) + 1))
