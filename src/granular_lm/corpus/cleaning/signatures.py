"""MinHash signatures: how much two documents share, told from a few numbers of each.

What is compared are the distinct pieces of `SHINGLE` characters of a text without case, width and runs of white space.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.cleaning.packages import needed_for
from granular_lm.corpus.pieces import in_pieces, single_spaced

Signatures = NDArray[np.uint32]

SHINGLE = 4
NUM_VALUES = 128
"""Values of a signature; with a similarity of 0.8, its estimate is off by 0.035 (one standard deviation)."""

CHARACTERS_AT_ONCE = 2**18  # of a document that is longer, few shingles are held at a time
VALUES_AT_ONCE = 2**11
FACTOR = np.uint64(0x9E3779B97F4A7C15)


def signatures(texts: Sequence[str]) -> Signatures:
    """Return the MinHash signature of each document, shape (documents, `NUM_VALUES`).

    Raises:
        OptionError: datasketch is not installed.
    """
    minhash = _empty_minhash()
    made = np.empty((len(texts), NUM_VALUES), dtype=np.uint32)
    for row, text in zip(made, texts, strict=True):
        minhash.clear()
        for hashes in shingle_hashes(folded(text)):
            minhash.update_batch(hashes.tolist())
        row[:] = minhash.hashvalues
    return made


def folded(text: str) -> str:
    r"""Return a text without case, width and runs of white space.

    Examples:
        >>> folded("Ｈello,  World\n")
        'hello, world'
    """
    return single_spaced(unicodedata.normalize("NFKC", piece).casefold() for piece in in_pieces(text))


def shingle_hashes(text: str) -> Iterator[NDArray[np.uint64]]:
    """Yield hashes of 32 bits of all pieces of `SHINGLE` characters, or of all a shorter text, some at a time."""
    for start in range(0, max(len(text) - SHINGLE + 1, 1), CHARACTERS_AT_ONCE):
        points = _points(text[start : start + CHARACTERS_AT_ONCE + SHINGLE - 1])
        hashes = np.zeros(len(points) - SHINGLE + 1, dtype=np.uint64)
        for place in range(SHINGLE):
            hashes = (hashes + points[place : place + len(hashes)]) * FACTOR
        distinct = np.unique(hashes >> np.uint64(32)) if len(hashes) > VALUES_AT_ONCE else hashes >> np.uint64(32)
        yield from (distinct[first : first + VALUES_AT_ONCE] for first in range(0, len(distinct), VALUES_AT_ONCE))


def _points(text: str) -> NDArray[np.uint64]:
    """Return the code points of a text, with what no text has behind one that is too short."""
    encoded = text.encode("utf-32-le", "surrogatepass").ljust(4 * SHINGLE, b"\xff")
    return np.frombuffer(encoded, dtype="<u4").astype(np.uint64)


@cache
def _empty_minhash() -> Any:
    with needed_for("the search for near-duplicates"):
        from datasketch import MinHash
    return MinHash(num_perm=NUM_VALUES, hashfunc=int, scheme="affine32")
