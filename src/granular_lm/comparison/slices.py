"""Test documents by kind: seen in training or not, by characters, by length, by script.

The whole test part says which codec is better; its slices say where.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.scripts import script_of
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.corpus.statistics import EMOJI
from granular_lm.corpus.stream import in_chunks
from granular_lm.text import to_bytes

WINDOW = np.dtype("<u8")  # eight bytes of a document, as one number
SEEN_SHARE = 0.8
"""A document counts as seen if this share of its distinct windows occurs in the training documents."""

MEANING = (
    f"Seen are documents of which training had a near-duplicate, or {SEEN_SHARE:.0%} of their distinct runs of "
    f"{WINDOW.itemsize} bytes; all others are unseen."
)

LENGTH_CLASSES = 4
SCRIPT_DOCUMENTS, SCRIPT_SHARE = 20, 0.01
"""A script has a slice of its own if so many documents, and this share of all, are written in it."""

Mask = NDArray[np.bool_]


def slices(train: Iterable[str], test: Sequence[str]) -> dict[str, Mask]:
    """Return which test documents are of each kind, a mask of shape (documents,) by name.

    Memory grows with the test documents, not with the training documents, which are read once. Kinds without a byte
    are left out.

    Args:
        train: Training documents.
        test: Test documents.
    """
    num_bytes = np.array([len(to_bytes(text)) for text in test], dtype=np.int64)
    seen = _seen(train, test)
    is_ascii = np.array([text.isascii() for text in test], dtype=bool)
    found = {
        "unseen": ~seen,
        "seen": seen,
        "ASCII": is_ascii,
        "non-ASCII": ~is_ascii,
        "emoji": np.array([EMOJI.search(text) is not None for text in test], dtype=bool),
        **_lengths(num_bytes),
        **_scripts(test),
    }
    return {name: mask for name, mask in found.items() if num_bytes[mask].any()}


def slice_rows(
    masks: Mapping[str, Mask], bits: NDArray[np.float64], num_bytes: NDArray[np.int64]
) -> dict[str, dict[str, Any]]:
    """Return the documents, bytes and bits per byte of each slice.

    Args:
        masks: Of `slices`.
        bits: Bits of each test document under one codec, shape (documents,).
        num_bytes: Raw bytes of each test document.
    """
    return {name: _row(bits[mask], num_bytes[mask]) for name, mask in masks.items()}


def _row(bits: NDArray[np.float64], num_bytes: NDArray[np.int64]) -> dict[str, Any]:
    total = int(num_bytes.sum())
    return {"documents": len(bits), "bytes": total, "bpb": math.fsum(bits) / total}


def _seen(train: Iterable[str], test: Sequence[str]) -> Mask:
    """Return which test documents stand in the training documents, as a near-duplicate or in pieces."""
    keys = [near_duplicate_key(text) for text in test]
    wanted = frozenset(keys)
    windows = _TestWindows(test)
    met: set[str] = set()
    for chunk in in_chunks(train):
        met |= wanted.intersection(map(near_duplicate_key, chunk))
        windows.meet(chunk)
    return np.array([key in met for key in keys], dtype=bool) | (windows.shares_met() >= SEEN_SHARE)


class _TestWindows:
    """The windows of the test documents, and which of them have been met."""

    def __init__(self, test: Sequence[str]) -> None:
        windows, documents = _windows(test)
        self._known, place = np.unique(windows, return_inverse=True)
        self._is_met = np.zeros(len(self._known), dtype=bool)
        pairs = np.sort(documents * len(self._known) + place)
        distinct = pairs[np.diff(pairs, prepend=-1) > 0]  # each window once a document
        self._documents, self._places = np.divmod(distinct, max(len(self._known), 1))
        self._num_documents = len(test)

    def meet(self, train: Sequence[str]) -> None:
        """Mark those that occur in some training documents."""
        if len(self._known):
            windows = np.sort(_windows(train)[0])  # looked up in order, they are found several times as fast
            place = np.minimum(np.searchsorted(self._known, windows), len(self._known) - 1)
            self._is_met[place[self._known[place] == windows]] = True

    def shares_met(self) -> NDArray[np.float64]:
        """Return the share of each document's distinct windows that was met; 0 where there are none."""
        met = np.bincount(self._documents, weights=self._is_met[self._places], minlength=self._num_documents)
        return met / np.maximum(np.bincount(self._documents, minlength=self._num_documents), 1)


def _windows(documents: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return all windows that lie within one document, and the number of that document."""
    raw = list(map(to_bytes, documents))
    data = b"".join(raw)
    behind = WINDOW.itemsize - 1
    count = max(len(data) - behind, 0)
    windows: NDArray[np.uint64] = np.ndarray(count, WINDOW, data.ljust(WINDOW.itemsize), strides=(1,))
    document = np.repeat(np.arange(len(raw)), [len(each) for each in raw])
    is_within = document[:-behind] == document[behind:]
    return windows[is_within], document[:-behind][is_within]


def _lengths(num_bytes: NDArray[np.int64]) -> dict[str, Mask]:
    """Return the quarters by length, the shortest first; of equal lengths, all are in the shortest that has one."""
    longest = np.quantile(num_bytes, np.arange(1, LENGTH_CLASSES) / LENGTH_CLASSES, method="inverted_cdf")
    quarter = np.searchsorted(longest, num_bytes)
    return {f"length {number + 1}/{LENGTH_CLASSES}": quarter == number for number in range(LENGTH_CLASSES)}


def _scripts(test: Sequence[str]) -> dict[str, Mask]:
    """Return the documents in each script that is frequent enough, the most frequent first."""
    scripts = [script_of(text) for text in test]
    least = max(SCRIPT_DOCUMENTS, SCRIPT_SHARE * len(test))
    frequent = [script for script, count in Counter(scripts).most_common() if script and count >= least]
    return {f"script {name}": np.array([script == name for script in scripts]) for name in frequent}
