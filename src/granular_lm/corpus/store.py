"""Documents on disk, for corpora that are better not held as ten million Python strings."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.stream import in_chunks
from granular_lm.errors import OptionError
from granular_lm.files import errors_naming
from granular_lm.mapped import ArrayWriter, OffsetsWriter, map_array, release_pages
from granular_lm.text import to_bytes, to_text

DOCUMENTS_FILE, OFFSETS_FILE = "documents", "offsets"
READ_AT_ONCE = 4096  # documents
BYTES_AT_ONCE = 2**22


class DocumentStore(Sequence[str]):
    """Documents in two files of a folder: their raw bytes one after another, and where each begins.

    A document comes back as the text of its raw bytes (see `granular_lm.text`). To read all in order takes a
    fraction of the time that one by one does, and holds a few thousand. The folder may be removed once the store
    is no longer used.

    Args:
        data: Raw bytes of all documents, shape (bytes,), uint8.
        offsets: Document ``i`` is ``data[offsets[i]:offsets[i + 1]]``, shape (documents + 1,), int64.

    Examples:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> store = DocumentStore.write(["Ada", "Grace", "Alan"], Path(folder.name))
        >>> store[1], len(store), store.num_bytes
        ('Grace', 3, 12)
        >>> list(store.where(np.array([True, False, True])))
        ['Ada', 'Alan']
    """

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self._data = data
        self._offsets = offsets

    @classmethod
    def write(cls, documents: Iterable[str], folder: Path) -> "DocumentStore":
        """Write documents into ``folder``, a thousand at a time, over what an earlier store left there."""
        folder.mkdir(parents=True, exist_ok=True)
        with (
            errors_naming(folder),
            ArrayWriter(folder / DOCUMENTS_FILE, np.uint8) as data,
            OffsetsWriter(folder / OFFSETS_FILE) as offsets,
        ):
            for chunk in in_chunks(documents):
                raw = list(map(to_bytes, chunk))
                data.append(np.frombuffer(b"".join(raw), dtype=np.uint8))
                offsets.append(np.fromiter(map(len, raw), dtype=np.int64, count=len(raw)))
        return cls(map_array(folder / DOCUMENTS_FILE, np.uint8), map_array(folder / OFFSETS_FILE, np.int64))

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
        for _, raw in self._blocks():
            yield from map(to_text, raw)

    def where(self, mask: NDArray[np.bool_]) -> "SelectedDocuments":
        """Return the documents for which a mask of shape (documents,) is true, in order, without holding them.

        Raises:
            OptionError: The mask is of another length.
        """
        if mask.shape != (len(self),):
            raise OptionError(f"a mask of shape {mask.shape} does not fit {len(self)} documents; give one each.")
        return SelectedDocuments(self, mask)

    def _blocks(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the number of a document and the raw bytes of it and of some that follow, in order.

        The pages they were read from are given back. A block is `READ_AT_ONCE` documents, or fewer if they are long.
        """
        start = 0
        while start < len(self):
            offsets = self._offsets[start : start + READ_AT_ONCE + 1]
            held = int(np.searchsorted(offsets, offsets[0] + BYTES_AT_ONCE, side="right"))
            offsets = offsets[: max(held, 2)]
            data = self._data[offsets[0] : offsets[-1]].tobytes()
            bounds = (offsets - offsets[0]).tolist()
            release_pages(self._data, self._offsets)
            yield start, [data[first:last] for first, last in pairwise(bounds)]
            start += len(bounds) - 1


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
        for start, raw in self._store._blocks():
            for index in np.flatnonzero(self._mask[start : start + len(raw)]).tolist():
                yield to_text(raw[index])
