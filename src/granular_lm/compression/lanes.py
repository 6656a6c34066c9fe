"""Documents and one stream of bits, by a range coder that asks a model for the frequencies of each next token.

The documents are coded side by side in lanes: at each step one call of the engine reads a token of every lane, and the
next tokens go into the one stream in the order of the lanes. A lane whose document has ended takes the next one that
waits. The decoder sees the stops that the encoder saw, so it knows the same schedule and has the speed of the same
batch.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.base import EncodedDocuments
from granular_lm.errors import CompressionError
from granular_lm.runtime.exact import ExactEngine
from granular_lm.runtime.tables import Exact, arithmetic_hash, tables

LANES = 256
WORD_BYTES = 4
STATE_BITS = 64
PROBABILITY_BITS = 24
FAMILY = constriction.stream.model.Categorical(perfect=False)

Ids = NDArray[np.int32]
Choose = Callable[[Exact, NDArray[np.int64]], Ids]
"""From the frequencies of the next tokens, and the documents they belong to, to those tokens."""

Tell = Callable[[int, int], None]
"""Takes how many bytes are done, and how many there are."""


def tell_nobody(_: int, __: int) -> None:
    """Tell no one how far it is."""


def encode(engine: ExactEngine, codec: Codec, documents: EncodedDocuments, tell: Tell = tell_nobody) -> bytes:
    """Return the stream of some documents."""
    ids: Ids = np.insert(documents.ids, documents.offsets[1:], codec.stop_id)
    position = documents.offsets[:-1] + np.arange(len(documents))
    encoder = constriction.stream.queue.RangeEncoder()
    done, num_bytes = 0, int(codec.token_lengths[documents.ids].sum())

    def choose(frequencies: Exact, of: NDArray[np.int64]) -> Ids:
        nonlocal done
        chosen: Ids = ids[position[of]]
        position[of] += 1
        encoder.encode(chosen, FAMILY, frequencies)
        done += int(codec.token_lengths[chosen].sum())
        tell(done, num_bytes)
        return chosen

    _read_side_by_side(engine, codec.stop_id, len(documents), choose)
    return _shortest(encoder)


def decode(
    engine: ExactEngine, codec: Codec, stream: bytes, *, count: int, num_bytes: int, tell: Tell = tell_nobody
) -> list[bytes]:
    """Return the raw bytes of the documents of a stream.

    Args:
        engine: The one that the stream was made with.
        codec: Its codec.
        stream: What `encode` returned.
        count: How many documents there are.
        num_bytes: How many bytes they have together; decoding ends as soon as there are more.
        tell: Is told how far it is.

    Raises:
        CompressionError: The stream does not hold that.
    """
    _check_possible(codec, stream, count, num_bytes)
    decoder = constriction.stream.queue.RangeDecoder(_words(stream))
    owners: list[NDArray[np.int64]] = []
    tokens: list[Ids] = []
    left = num_bytes

    def choose(frequencies: Exact, of: NDArray[np.int64]) -> Ids:
        nonlocal left
        chosen = _decoded(decoder, frequencies)
        left -= int(codec.token_lengths[chosen].sum())
        if left < 0:
            raise CompressionError(f"the data is damaged: it holds more than {num_bytes:,} bytes; get a new copy.")
        owners.append(of.copy())
        tokens.append(chosen)
        tell(num_bytes - left, num_bytes)
        return chosen

    _read_side_by_side(engine, codec.stop_id, count, choose)
    return _documents(codec, owners, tokens)


def _check_possible(codec: Codec, stream: bytes, count: int, num_bytes: int) -> None:
    """Raise `CompressionError` if no stream of that length holds so much: at each step all other tokens keep 2^-24."""
    tokens = count + num_bytes // int(codec.token_lengths.max())
    if tokens * (codec.vocab_size - 1) > (8 * len(stream) + STATE_BITS) << PROBABILITY_BITS:
        raise CompressionError(
            f"the data is damaged: {len(stream):,} bytes cannot hold {count:,} documents of {num_bytes:,} bytes; "
            "get a new copy."
        )


def _read_side_by_side(engine: ExactEngine, stop_id: int, count: int, choose: Choose) -> None:
    """Read ``count`` documents whose tokens ``choose`` knows or finds out."""
    documents = np.arange(min(count, LANES))
    taken = len(documents)
    ids = np.full(len(documents), stop_id, dtype=np.int32)
    cursor = engine.cursor(len(documents))
    while len(documents):
        ids = choose(cursor.read(ids), documents)
        ended = np.flatnonzero(ids == stop_id)  # the stop is also what the next document starts with
        cursor.restart(ended)
        documents[ended] = np.arange(taken, taken + len(ended))
        taken += len(ended)
        goes_on = documents < count
        if not goes_on.all():
            cursor.keep(goes_on)
            documents, ids = documents[goes_on], ids[goes_on]


def _decoded(decoder: Any, frequencies: Exact) -> Ids:
    try:
        ids: Ids = decoder.decode(FAMILY, frequencies)
    except AssertionError as error:  # how constriction says that no encoder wrote this
        raise CompressionError("the data is damaged: no text is coded like this; get a new copy.") from error
    return ids


def _documents(codec: Codec, owners: list[NDArray[np.int64]], tokens: list[Ids]) -> list[bytes]:
    """Sort the tokens of all steps by document; return the bytes of each."""
    if not tokens:
        return []
    ids = np.concatenate(tokens)[np.argsort(np.concatenate(owners), kind="stable")]
    ends = np.flatnonzero(ids == codec.stop_id)
    return [codec.decode_bytes(part.tolist()) for part in np.split(ids, ends + 1)[:-1]]


def _shortest(encoder: Any) -> bytes:
    """Return the least bytes that decode to what was encoded, where bytes that are not there read as zeros.

    The encoder's own ending would also hold if something else followed, for two or three bytes more: much for a
    message of a line.
    """
    words: NDArray[np.uint32] = encoder.get_compressed()
    if not len(words):
        return b""
    position, (low, size) = encoder.pos()
    num_bits = 8 * WORD_BYTES * position + STATE_BITS
    ending = int.from_bytes(words.astype(">u4").tobytes()) << num_bits - 8 * WORD_BYTES * len(words)
    first: int = ending - -low % 2 ** (STATE_BITS - 8 * WORD_BYTES)  # the ending is the first whole word from here on
    last: int = first + size - 1
    shift = next(shift for shift in range(STATE_BITS, -1, -8) if last >> shift << shift >= first)
    return (last >> shift << shift).to_bytes(num_bits // 8).rstrip(b"\x00")


def _words(stream: bytes) -> NDArray[np.uint32]:
    padded = stream + bytes(-len(stream) % WORD_BYTES)
    return np.frombuffer(padded, dtype=">u4").astype(np.uint32)


@cache
def coder_hash() -> str:
    """Return a SHA-256 of all that decides a stream beside the model: the arithmetic, the lanes, the coder itself."""
    width = 1 << 12
    frequencies = tables().exp[: 16 * width].reshape(16, width)
    encoder = constriction.stream.queue.RangeEncoder()
    encoder.encode(np.arange(0, width, width // 16, dtype=np.int32), FAMILY, frequencies)
    described = [arithmetic_hash(), str(LANES), _shortest(encoder).hex()]
    return hashlib.sha256(" ".join(described).encode()).hexdigest()
