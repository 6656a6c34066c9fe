"""Documents on disk, for corpora that are better not held as ten million Python strings."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.stream import DocumentsDigest, in_chunks
from granular_lm.errors import OptionError
from granular_lm.mapped import ArrayWriter, OffsetsWriter, map_array, release_pages
from granular_lm.text import to_bytes, to_text

DOCUMENTS_FILE, OFFSETS_FILE = "documents", "offsets"
READ_AT_ONCE = 4096


class DocumentStore(Sequence[str]):
    """Documents in two files of a folder: their raw bytes one after another, and where each begins.

    A document comes back as the text of its raw bytes (see `granular_lm.text`). To read all in order takes a
    fraction of the time that one by one does, and holds a few thousand. The folder may be removed once the store
    is no longer used.

    Args:
        data: Raw bytes of all documents, shape (bytes,), uint8.
        offsets: Document ``i`` is ``data[offsets[i]:offsets[i + 1]]``, shape (documents + 1,), int64.
        sha256: The `granular_lm.corpus.split.documents_hash` of the documents.

    Examples:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> store = DocumentStore.write(["Ada", "Grace", "Alan"], Path(folder.name))
        >>> store[1], len(store), store.num_bytes
        ('Grace', 3, 12)
        >>> list(store.where(np.array([True, False, True])))
        ['Ada', 'Alan']
    """

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], sha256: str) -> None:
        self.sha256 = sha256
        self._data = data
        self._offsets = offsets

    @classmethod
    def write(cls, documents: Iterable[str], folder: Path) -> "DocumentStore":
        """Write documents into ``folder``, a thousand at a time, over what an earlier store left there."""
        folder.mkdir(parents=True, exist_ok=True)
        digest = DocumentsDigest()
        with (
            ArrayWriter(folder / DOCUMENTS_FILE, np.uint8) as data,
            OffsetsWriter(folder / OFFSETS_FILE) as offsets,
        ):
            for chunk in in_chunks(documents):
                raw = list(map(to_bytes, chunk))
                data.append(np.frombuffer(b"".join(raw), dtype=np.uint8))
                offsets.append(np.fromiter(map(len, raw), dtype=np.int64, count=len(raw)))
                digest.update(raw)
        return cls(
            map_array(folder / DOCUMENTS_FILE, np.uint8),
            map_array(folder / OFFSETS_FILE, np.int64),
            digest.hexdigest(),
        )

    @property
    def num_bytes(self) -> int:
        """Raw bytes of all documents."""
        return len(self._data)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        return to_text(self._data[self._offsets[position] : self._offsets[position + 1]].tobytes())

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), READ_AT_ONCE):
            for data in self._raw(start):
                yield to_text(data)

    def where(self, mask: NDArray[np.bool_]) -> "SelectedDocuments":
        """Return the documents for which a mask of shape (documents,) is true, in order, without holding them.

        Raises:
            OptionError: The mask is of another length.
        """
        if mask.shape != (len(self),):
            raise OptionError(f"a mask of shape {mask.shape} does not fit {len(self)} documents; give one each.")
        return SelectedDocuments(self, mask)

    def _raw(self, start: int) -> list[bytes]:
        """Return the raw bytes of `READ_AT_ONCE` documents, the pages they were read from given back."""
        offsets = self._offsets[start : start + READ_AT_ONCE + 1]
        data = self._data[offsets[0] : offsets[-1]].tobytes()
        bounds = (offsets - offsets[0]).tolist()
        release_pages(self._data, self._offsets)
        return [data[first:last] for first, last in pairwise(bounds)]


class SelectedDocuments:
    """Some documents of a `DocumentStore`; they can be read any number of times.

    Args:
        store: Where they are.
        mask: Which of them, shape (documents of the store,).
    """

    def __init__(self, store: DocumentStore, mask: NDArray[np.bool_]) -> None:
        self._store = store
        self._mask = mask
        self._count = int(np.count_nonzero(mask))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self._mask), READ_AT_ONCE):
            chosen: list[Any] = np.flatnonzero(self._mask[start : start + READ_AT_ONCE]).tolist()
            if chosen:
                raw = self._store._raw(start)
                for index in chosen:
                    yield to_text(raw[index])
