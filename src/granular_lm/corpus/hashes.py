"""Eight bytes of the hash of each text that passes by: enough to tell equal ones from others without holding any.

Two texts that share them count as one; among ten million there is such a pair once in some hundred thousand times.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from granular_lm.text import to_bytes

HASH_BYTES = 8


class TextHashes:
    """Hashes of texts, noted as they pass by.

    Examples:
        >>> hashes = TextHashes()
        >>> list(hashes.noting(["Ada", "Grace", "Ada"]))
        ['Ada', 'Grace', 'Ada']
        >>> hashes.is_first().tolist()
        [True, True, False]
    """

    def __init__(self) -> None:
        self._heads = bytearray()

    def noting(self, texts: Iterable[str]) -> Iterator[str]:
        """Pass texts on."""
        for text in texts:
            self._heads += hashlib.blake2b(to_bytes(text), digest_size=HASH_BYTES).digest()
            yield text

    @property
    def values(self) -> NDArray[np.uint64]:
        """The hashes so far, shape (texts,)."""
        return np.frombuffer(bytes(self._heads), dtype=np.uint64)

    def is_first(self) -> NDArray[np.bool_]:
        """Return whether each text was not met before, shape (texts,)."""
        hashes = self.values
        mask = np.zeros(len(hashes), dtype=bool)
        mask[np.unique(hashes, return_index=True)[1]] = True
        return mask
