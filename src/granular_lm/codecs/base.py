"""The contract between text and token ids that every codec keeps.

A codec cuts the raw bytes of a document into tokens, each of which stands for a fixed, non-empty byte string.
Everything else follows from that one table, for any codec and without its help: byte spans, byte counts, the
bytes a document decodes to. `granular_lm.testing.check_codec` tests the whole contract.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, ClassVar, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.excerpts import beginning
from granular_lm.errors import GranularLMError, LossyCodecError

Made = TypeVar("Made")

SOME = 1024
"""Documents encoded at a time: they stay in the processor's cache between one pass over them and the next."""

type_of_ids = np.int32
"""Ids are int32 everywhere: no vocabulary here outgrows it, and torch and numpy both index with it."""


@dataclass(frozen=True, slots=True)
class EncodedDocuments:
    """Many documents as one flat array of ids.

    Attributes:
        ids: All ids, without any stop id, shape (total,), int32.
        offsets: Document ``i`` is ``ids[offsets[i]:offsets[i + 1]]``, shape (documents + 1,), int64.
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.int32]:
        return self.ids[self.offsets[index] : self.offsets[index + 1]]


def offsets_of(lengths: Iterable[int], count: int) -> NDArray[np.int64]:
    """Return the ``count + 1`` offsets of documents that have these lengths and follow one another."""
    offsets = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.fromiter(lengths, dtype=np.int64, count=count), out=offsets[1:])
    return offsets


class Codec(ABC):
    """A reversible map from text to token ids.

    What must hold for every codec:

    - lossless: ``decode_bytes(encode(text)) == to_bytes(text)`` for every ``str``, the empty one included;
    - multiplicative and non-erasing: decoding is the concatenation of `token_bytes`, each non-empty;
    - byte-complete: each of the 256 single bytes can be encoded, so nothing is ever unknown;
    - structural stop: no text encodes to `stop_id`;
    - deterministic and pure: independent of locale, thread and hash seed, and never normalising.

    A subclass provides `train`, `encode`, `token_bytes`, `to_config` and `from_config`; it may override
    `encode_some` with something faster that gives the same ids.
    """

    name: ClassVar[str]
    """The name the codec is registered under."""

    vocab_size: int
    """Number of ids, the stop id included: ids are 0 to ``vocab_size - 1``."""

    stop_id: int
    """Starts and ends every document."""

    @classmethod
    @abstractmethod
    def train(cls, documents: Iterable[str]) -> Self:
        """Return a codec fitted to the training documents; a subclass adds its options by keyword."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``, never the stop id."""

    @abstractmethod
    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes an id stands for: non-empty for every id but `stop_id`, empty for that."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Return what `from_config` needs beside `files`, as JSON values."""

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Return the codec that `to_config` and `files` describe."""

    def files(self) -> dict[str, bytes]:
        """Return the files, by name, that are stored beside the configuration."""
        return {}

    @final
    def encode_batch(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode many documents at once, with the same ids as `encode` gives one by one.

        Raises:
            LossyCodecError: The codec raises something on a document.
        """
        parts = [self._encode_some(documents[i : i + SOME]) for i in range(0, max(len(documents), 1), SOME)]
        if len(parts) == 1:
            return parts[0]
        lengths = np.concatenate([np.diff(part.offsets) for part in parts])
        return EncodedDocuments(np.concatenate([part.ids for part in parts]), offsets_of(lengths, len(lengths)))

    def encode_some(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode at most `SOME` documents; what `encode_batch` calls, and a codec may do faster."""
        encoded = [np.asarray(self.encode(text), dtype=type_of_ids) for text in documents]
        flat = np.concatenate(encoded) if encoded else np.empty(0, dtype=type_of_ids)
        return EncodedDocuments(flat, offsets_of(map(len, encoded), len(encoded)))

    def _encode_some(self, documents: Sequence[str]) -> EncodedDocuments:
        try:
            return self.encode_some(documents)
        except (GranularLMError, MemoryError):
            raise
        except Exception as error:  # whatever a codec of another package raises, the user can only mend the codec
            shown = beginning(next(filter(self._fails_on, documents), ""))
            raise LossyCodecError(
                f"codec {self.name!r} raised {type(error).__name__}: {error} where it was to encode {shown!r}; "
                "give a codec that passes granular_lm.testing.check_codec.",
                document=shown,
            ) from error

    def _fails_on(self, text: str) -> bool:
        try:
            self.encode_some([text])
        except Exception:  # noqa: BLE001 - as above
            return True
        return False

    @final
    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes that the ids stand for, one after another."""
        return b"".join([self._token_table[token_id] for token_id in ids])

    @final
    def decode(self, ids: Iterable[int], *, errors: str = "replace") -> str:
        """Return the text of the ids; ``errors`` is Python's handler for bytes that are no valid UTF-8."""
        return self.decode_bytes(ids).decode("utf-8", errors)

    @final
    def byte_spans(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """Return where in the decoded bytes each id stands, as (start, end)."""
        lengths = map(len, map(self._token_table.__getitem__, ids))
        return list(pairwise(accumulate(lengths, initial=0)))

    @final
    @cached_property
    def token_lengths(self) -> NDArray[np.int32]:
        """Bytes of each id, shape (V,); 0 for the stop id alone."""
        return np.array([len(token) for token in self._token_table], dtype=np.int32)

    @final
    def fingerprint(self) -> str:
        """Return a SHA-256, the same on every machine, of all that decides how this codec encodes."""
        digest = hashlib.sha256()
        described = {
            "name": self.name,
            "vocab_size": self.vocab_size,
            "stop_id": self.stop_id,
            "config": self.to_config(),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in self.files().items()},
        }
        digest.update(json.dumps(described, sort_keys=True, ensure_ascii=True).encode())
        for token in self._token_table:
            digest.update(len(token).to_bytes(4, "little") + token)
        return digest.hexdigest()

    @final
    def derived(self, make: Callable[[Self], Made]) -> Made:
        """Return what a function makes of this codec, made once: tables over its tokens, for example."""
        if make not in self._derived:
            self._derived[make] = make(self)
        made: Made = self._derived[make]
        return made

    @cached_property
    def _derived(self) -> dict[Callable[..., Any], Any]:
        return {}

    @cached_property
    def _token_table(self) -> list[bytes]:
        return [self.token_bytes(token_id) for token_id in range(self.vocab_size)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(vocab_size={self.vocab_size})"
