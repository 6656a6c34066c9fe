"""Labels that keep documents together: an author's, or a cluster's."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from granular_lm.corpus.clusters import Indices, with_equal
from granular_lm.corpus.fields import paired
from granular_lm.text import to_bytes

HASH_BYTES = 8


class GroupLabels:
    """Notes the label of each document that passes by, as eight bytes of its hash.

    Args:
        labels: One for each document, or None where there are none.
    """

    def __init__(self, labels: Iterable[str] | None) -> None:
        self._labels = labels
        self._heads = bytearray()

    def noting(self, documents: Iterable[str]) -> Iterator[str]:
        """Pass documents on.

        Raises:
            CorpusError: There are fewer or more labels than documents.
        """
        if self._labels is None:
            yield from documents
            return
        for text, label in paired(documents, "group", self._labels):
            self._heads += hashlib.blake2b(to_bytes(label), digest_size=HASH_BYTES).digest()
            yield text

    def joined(self, clusters: Indices) -> Indices:
        """Return clusters with all documents of one label brought together."""
        if self._labels is None:
            return clusters
        return with_equal(clusters, np.frombuffer(self._heads, dtype=np.uint64))
