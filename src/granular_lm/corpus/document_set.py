"""What a model remembers of its documents: five bytes for each, enough to know a copy when it writes one.

Beside that, how long they are.
"""

import hashlib
from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from granular_lm.errors import ModelError
from granular_lm.files import replaced_file
from granular_lm.mapped import map_array

COUNT_BYTES, FINGERPRINT_BYTES = 8, 5
FINGERPRINT = np.dtype(f"S{FINGERPRINT_BYTES}")
"""Fixed strings that numpy sorts as it sorts their bytes; zeros at the end make no difference to that."""


class DocumentSet(Container[object]):
    """Which byte strings were among some documents, as sorted fingerprints.

    A string that was not among ``n`` documents is taken for one of them with a probability of ``n`` / 2^40: one in a
    million for a million documents. One that was is always known.

    Args:
        fingerprints: Sorted, shape (distinct documents,), of type `FINGERPRINT`.

    Examples:
        >>> known = DocumentSet.of([b"Ada", b"Grace", b"Ada"])
        >>> b"Ada" in known, b"Alan" in known, len(known)
        (True, False, 2)
    """

    def __init__(self, fingerprints: NDArray[np.bytes_]) -> None:
        self._fingerprints = fingerprints

    @classmethod
    def of(cls, documents: Iterable[bytes]) -> "DocumentSet":
        """Return the set of some documents."""
        return cls(np.unique(np.fromiter(map(_fingerprint, documents), dtype=FINGERPRINT)))

    def __contains__(self, data: object) -> bool:
        if not isinstance(data, bytes):
            return False
        wanted = np.frombuffer(_fingerprint(data), dtype=FINGERPRINT)
        place = int(np.searchsorted(self._fingerprints, wanted)[0])
        return place < len(self) and bool(self._fingerprints[place] == wanted[0])

    def __len__(self) -> int:
        return len(self._fingerprints)

    def __or__(self, other: "DocumentSet") -> "DocumentSet":
        return DocumentSet(np.union1d(self._fingerprints, other._fingerprints))

    def save(self, path: Path) -> None:
        """Write how many fingerprints there are, and the fingerprints one after another."""
        with replaced_file(path) as written, written.open("wb") as file:
            file.write(len(self).to_bytes(COUNT_BYTES, "little"))
            self._fingerprints.tofile(file)

    @classmethod
    def load(cls, path: Path) -> "DocumentSet":
        """Return the set in a file, which is read as it is needed.

        Raises:
            ModelError: The file is cut off, or something else.
        """
        size = path.stat().st_size
        with path.open("rb") as file:
            count = int.from_bytes(file.read(COUNT_BYTES), "little")
        if size != COUNT_BYTES + FINGERPRINT_BYTES * count:
            raise ModelError(f"{path} has {size} bytes, not those of {count} documents; copy the whole model folder.")
        return cls(map_array(path, np.uint8)[COUNT_BYTES:].view(FINGERPRINT))


def quantiles(lengths: NDArray[np.integer]) -> dict[str, float]:
    """Return the mean of some lengths, and what a tenth, a half and nine tenths of them do not exceed."""
    if not len(lengths):
        return {}
    shares = {"p10": 10, "p50": 50, "p90": 90}
    ranked = {name: float(np.percentile(lengths, share, method="inverted_cdf")) for name, share in shares.items()}
    return {"mean": float(np.mean(lengths)), **ranked}


def _fingerprint(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=FINGERPRINT_BYTES).digest()
