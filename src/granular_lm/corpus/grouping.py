"""Labels that keep documents together: an author's, or a cluster's."""

from collections.abc import Iterable, Iterator

from granular_lm.corpus.clusters import Indices, with_equal
from granular_lm.corpus.fields import paired
from granular_lm.corpus.hashes import TextHashes


class GroupLabels:
    """Notes the label of each document that passes by.

    Args:
        labels: One for each document, or None where there are none.
    """

    def __init__(self, labels: Iterable[str] | None) -> None:
        self._labels = labels
        self._hashes = TextHashes()

    def noting(self, documents: Iterable[str]) -> Iterator[str]:
        """Pass documents on.

        Raises:
            CorpusError: There are fewer or more labels than documents.
        """
        if self._labels is None:
            yield from documents
            return
        for text, _ in paired(documents, "group", self._hashes.noting(self._labels)):
            yield text

    def joined(self, clusters: Indices) -> Indices:
        """Return clusters with all documents of one label brought together."""
        if self._labels is None:
            return clusters
        return with_equal(clusters, self._hashes.values)
