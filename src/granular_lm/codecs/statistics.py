"""What a codec makes of documents: how many tokens, of which kinds."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.base import SOME, Codec, EncodedDocuments
from granular_lm.text import to_bytes


@dataclass(frozen=True, kw_only=True)
class CodecStatistics:
    """How a codec encodes some documents; the stop is in no number but ``vocab_size``.

    A byte token is the first id that stands for a certain single byte. A codec has 256 of them, so that it can spell
    what it has no other token for.

    Attributes:
        codec: Its name and options.
        vocab_size: Ids, the stop included.
        tokens: Of all documents.
        bytes: Of all documents, raw.
        tokens_per_byte: The quotient; what scoring and training take grows with it.
        used_id_share: Ids that occur.
        learnt_token_share: Tokens that are no byte tokens; None for a codec that has no others.
        byte_fallback_share: Bytes that byte tokens spell; None for a codec that has no others.
        lossy_documents: Documents that the codec does not give back as they were, as every codec has to.
    """

    codec: str
    vocab_size: int
    tokens: int
    bytes: int
    tokens_per_byte: float
    used_id_share: float
    learnt_token_share: float | None
    byte_fallback_share: float | None
    lossy_documents: int

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return asdict(self)


def codec_statistics(name: str, codec: Codec, documents: Sequence[str]) -> CodecStatistics:
    """Encode documents and count.

    Args:
        name: What to call the codec.
        codec: A trained one.
        documents: Any; as a rule those it was trained on.
    """
    counts, lossy = _token_counts(codec, documents)
    is_byte = _is_byte_token(codec)
    tokens, num_bytes = int(counts.sum()), int(counts @ codec.token_lengths)
    fallback = int(counts[is_byte].sum())
    has_others = codec.vocab_size - 1 > np.count_nonzero(is_byte)
    return CodecStatistics(
        codec=name,
        vocab_size=codec.vocab_size,
        tokens=tokens,
        bytes=num_bytes,
        tokens_per_byte=tokens / max(num_bytes, 1),
        used_id_share=np.count_nonzero(counts) / (codec.vocab_size - 1),
        learnt_token_share=(tokens - fallback) / max(tokens, 1) if has_others else None,
        byte_fallback_share=fallback / max(num_bytes, 1) if has_others else None,
        lossy_documents=lossy,
    )


def _token_counts(codec: Codec, documents: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Return how often each id occurs, shape (V,), and how many documents are not what their ids stand for."""
    counts = np.zeros(codec.vocab_size, dtype=np.int64)
    lossy = 0
    for start in range(0, len(documents), SOME):
        some = documents[start : start + SOME]
        encoded = codec.encode_batch(some)
        counts += np.bincount(encoded.ids, minlength=codec.vocab_size)
        lossy += sum(codec.decode_bytes(ids) != to_bytes(text) for ids, text in zip(_each(encoded), some, strict=True))
    return counts, lossy


def _each(encoded: EncodedDocuments) -> Iterator[list[int]]:
    """Yield the ids of one document after another."""
    ids, offsets = encoded.ids.tolist(), encoded.offsets.tolist()
    return (ids[start:end] for start, end in pairwise(offsets))


def _is_byte_token(codec: Codec) -> NDArray[np.bool_]:
    """Return which ids are byte tokens, shape (V,)."""
    is_byte = np.zeros(codec.vocab_size, dtype=bool)
    met: set[bytes] = set()
    for token_id in np.flatnonzero(codec.token_lengths == 1).tolist():
        token = codec.token_bytes(token_id)
        is_byte[token_id] = token not in met
        met.add(token)
    return is_byte
