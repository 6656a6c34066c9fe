"""The character codec: characters seen often enough in training, and bytes for all the others."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from granular_lm.checks import check_integer
from granular_lm.codecs.base import Codec, EncodedDocuments, offsets_of, type_of_ids
from granular_lm.codecs.byte import NUM_BYTES
from granular_lm.errors import CodecError

NUM_CODE_POINTS = 0x110000
FIRST_ESCAPE, LAST_ESCAPE = 0xDC80, 0xDCFF  # the surrogates that stand for one raw byte each


class CharCodec(Codec):
    """Ids 0 to 255 are bytes, 256 is the stop, then one id for each character, in code point order.

    A character outside the vocabulary is spelled in its UTF-8 bytes, so nothing is ever unknown.

    Args:
        characters: The vocabulary: distinct characters, none of them a surrogate; any order.

    Raises:
        CodecError: A character is repeated, longer than one code point, or a surrogate.

    Examples:
        >>> CharCodec("aé").encode("éz")
        [258, 122]
    """

    name = "char"
    stop_id = NUM_BYTES

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = sorted(characters)
        for character in self.characters:
            if len(character) != 1 or "\ud800" <= character <= "\udfff":
                raise CodecError(f"{character!r} cannot be in a character vocabulary; give single characters.")
        if len(set(self.characters)) != len(self.characters):
            raise CodecError("the character vocabulary names a character twice; give each one once.")
        self.vocab_size = NUM_BYTES + 1 + len(self.characters)

    @classmethod
    def train(cls, documents: Iterable[str], *, min_count: int = 2) -> Self:
        """Return the codec of all characters that occur at least ``min_count`` times."""
        check_integer("min_count", min_count, least=1, most=2**31)
        counts: Counter[str] = Counter()
        for text in documents:
            counts.update(text)
        return cls(c for c, n in counts.items() if n >= min_count and not "\ud800" <= c <= "\udfff")

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``."""
        ids: list[int] = self.encode_batch([text]).ids.tolist()
        return ids

    def encode_some(self, documents: Sequence[str]) -> EncodedDocuments:
        """Encode many documents by one table look-up over all their code points."""
        points = np.frombuffer("".join(documents).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        ids = self._id_of_point.take(points)
        offsets = offsets_of(map(len, documents), len(documents))
        if ids.size and ids.min() < 0:
            return _spell_unknown(points, ids, offsets)
        return EncodedDocuments(ids, offsets)

    def token_bytes(self, token_id: int) -> bytes:
        """Return a byte or the UTF-8 bytes of a character."""
        if token_id < NUM_BYTES:
            return bytes([token_id])
        return b"" if token_id == self.stop_id else self.characters[token_id - NUM_BYTES - 1].encode()

    def to_config(self) -> dict[str, Any]:
        """Return the vocabulary as one string."""
        return {"characters": "".join(self.characters)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], files: Mapping[str, bytes]) -> Self:
        """Return the codec of the stored vocabulary."""
        return cls(config["characters"])

    @cached_property
    def _id_of_point(self) -> NDArray[np.int32]:
        """The id of each code point, -1 where it has to be spelled in bytes, shape (0x110000,)."""
        table = np.full(NUM_CODE_POINTS, -1, dtype=type_of_ids)
        points = np.array([ord(character) for character in self.characters], dtype=np.int64)
        table[points] = np.arange(NUM_BYTES + 1, self.vocab_size, dtype=type_of_ids)
        return table


def _spell_unknown(points: NDArray[np.uint32], ids: NDArray[np.int32], offsets: NDArray[np.int64]) -> EncodedDocuments:
    """Replace each id of -1 by the UTF-8 bytes of its code point, and move the offsets along."""
    unknown = np.flatnonzero(ids < 0)
    spelled = _utf8_bytes(points[unknown])
    ids[unknown] = spelled[:, 0]
    further = spelled[:, 1:] >= 0
    extra = further.sum(axis=1)
    extra_before = np.concatenate([[0], np.cumsum(extra)])
    return EncodedDocuments(
        np.insert(ids, np.repeat(unknown + 1, extra), spelled[:, 1:][further]),
        offsets + extra_before[np.searchsorted(unknown, offsets)],
    )


def _utf8_bytes(points: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return the bytes of each code point, padded with -1, shape (points, 4); an escape is its one byte."""
    p = points.astype(np.int32)
    last = 0x80 | (p & 0x3F)
    middle = 0x80 | (p >> 6 & 0x3F)
    none = np.full_like(p, -1)
    forms = {
        1: (p, none, none, none),
        2: (0xC0 | p >> 6, last, none, none),
        3: (0xE0 | p >> 12, middle, last, none),
        4: (0xF0 | p >> 18, 0x80 | (p >> 12 & 0x3F), middle, last),
    }
    escaped = (p >= FIRST_ESCAPE) & (p <= LAST_ESCAPE)
    conditions = [escaped, p < 0x80, p < 0x800, p < 0x10000]
    columns = [
        np.select(conditions, [byte, forms[1][k], forms[2][k], forms[3][k]], default=forms[4][k])
        for k, byte in enumerate([p & 0xFF, none, none, none])
    ]
    return np.stack(columns, axis=1)
