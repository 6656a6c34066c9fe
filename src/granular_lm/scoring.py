"""How many bits a model spends on each document, and bits per byte over many.

A document starts from the zero state with the stop id as its first input and ends by paying for the stop id, so a
model is a distribution over strings. The denominator is the raw bytes of the document, never a sum over a table of
token lengths; the table is checked against it. Sums are float64.

Left out on purpose: truncation, unknown tokens, means of per-document ratios, and any reading across documents.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.errors import CodecError, CorpusError
from granular_lm.runtime import State, select_rows
from granular_lm.text import to_bytes, to_text
from granular_lm.threads import in_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

DOCUMENTS_AT_ONCE = 256
TOKENS_AT_ONCE = 500_000  # padded: a long document is read with few others
SORTED_AT_ONCE = 8192  # documents of like length are read together; more would only cost memory


class StepModel(Protocol):
    """What scoring, generation and compression know of a model.

    One that has a ``cursor``, too, as `LanguageModel` does, is read in several threads at once.
    """

    @property
    def codec(self) -> Codec:
        """The codec whose ids the model reads."""

    def initial_state(self, batch_size: int) -> State:
        """Return the state that every document starts from."""

    def step(self, ids: NDArray[np.integer], state: State) -> tuple[NDArray[np.float32], State]:
        """Read one token of each string; return log-probabilities (B, V) in nats and the new state.

        Both are new arrays each time: what was returned before is still in use, and the state given is not changed.
        """


class Reading(Protocol):
    """A batch of strings that is read from left to right."""

    def read(self, ids: NDArray[np.integer]) -> NDArray[np.floating]:
        """Read one token of each string and return what comes next.

        Returns:
            Natural logarithms of the next token's probabilities, each row up to a constant, shape (B, V); a new array.
        """

    def keep(self, goes_on: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Let the other strings leave; return the rows that stay, in their new order."""


def read_from(model: StepModel, state: State) -> Reading:
    """Return strings to be read from left to right: in place if the model has a ``cursor``, else by its steps."""
    cursor: Callable[[State], Reading] | None = getattr(model, "cursor", None)
    return _ByStep(model, state) if cursor is None else cursor(state)


def each_batch(
    model: StepModel, work: Callable[[Item], Iterable[Result]], batches: Sequence[Item]
) -> Iterator[Iterable[Result]]:
    """Yield ``work(batch)`` for each batch, in order: worked on in several threads if the model may be read so."""
    return in_threads(work, batches) if hasattr(model, "cursor") else map(work, batches)


class _ByStep:
    """Reads by the steps of any model."""

    def __init__(self, model: StepModel, state: State) -> None:
        self._model, self._state = model, state

    def read(self, ids: NDArray[np.integer]) -> NDArray[np.floating]:
        log_probs, self._state = self._model.step(ids, self._state)
        return log_probs

    def keep(self, goes_on: NDArray[np.bool_]) -> NDArray[np.int64]:
        rows = np.flatnonzero(goes_on)
        self._state = select_rows(self._state, rows)
        return rows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Score:
    """The bits of one document.

    Attributes:
        bits_content: Bits of the content tokens, the stop not counted.
        bits_stop: Bits of the stop that ends the document.
        num_bytes: Raw bytes of the document.
        num_tokens: Content tokens, the stop not counted.
        token_bits: Bits of each token, the stop last, shape (num_tokens + 1,).
        byte_spans: Which bytes each of them stands for, shape (num_tokens + 1, 2); empty for the stop.
    """

    bits_content: float
    bits_stop: float
    num_bytes: int
    num_tokens: int
    token_bits: NDArray[np.float64]
    byte_spans: NDArray[np.int64]

    @property
    def bits(self) -> float:
        """All bits of the document, the stop included."""
        return self.bits_content + self.bits_stop

    def __repr__(self) -> str:
        return f"Score(bits={self.bits:.2f}, num_bytes={self.num_bytes}, num_tokens={self.num_tokens})"


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over documents, and the ratios that may be taken from them.

    Source: the definitions on the page "Bits per byte" of the documentation.
    """

    bits_content: float
    bits_stop: float
    documents: int
    num_bytes: int
    num_tokens: int

    @classmethod
    def of(cls, scores: Iterable[Score]) -> "Totals":
        """Return the float64 sums over ``scores``.

        Raises:
            CorpusError: There is not one byte to divide by.
        """
        content, stop, num_bytes, num_tokens = [], [], 0, 0
        for score in scores:
            content.append(score.bits_content)
            stop.append(score.bits_stop)
            num_bytes += score.num_bytes
            num_tokens += score.num_tokens
        if not num_bytes:
            raise CorpusError(
                f"bits per byte is undefined for {len(stop)} documents of 0 bytes; give at least one non-empty one."
            )
        return cls(math.fsum(content), math.fsum(stop), len(stop), num_bytes, num_tokens)

    @property
    def bits(self) -> float:
        """All bits, stops included."""
        return self.bits_content + self.bits_stop

    @property
    def bpb(self) -> float:
        """Bits per byte, stops included: the number to compare."""
        return self.bits / self.num_bytes

    @property
    def bpb_file(self) -> float:
        """Bits per byte of the newline-separated file, comparable with a file compressor."""
        return self.bits / (self.num_bytes + self.documents)

    def to_dict(self) -> dict[str, float | int]:
        """Return all ratios and counts as JSON values."""
        return {
            "bpb": self.bpb,
            "bpb_content": self.bits_content / self.num_bytes,
            "bpb_stop": self.bits_stop / self.num_bytes,
            "bpb_file": self.bpb_file,
            "bits_per_string": self.bits / self.documents,
            "documents": self.documents,
            "bytes": self.num_bytes,
            "tokens": self.num_tokens,
        }


def bits_per_byte(scores: Iterable[Score]) -> float:
    """Return the bits of all documents, stops included, over their raw bytes: a micro average.

    Raises:
        CorpusError: There is not one byte to divide by.
    """
    return Totals.of(scores).bpb


def score_documents(model: StepModel, documents: Iterable[str | bytes]) -> Iterator[Score]:
    """Yield the score of each document, in order; memory is bounded by a few thousand documents.

    Raises:
        CodecError: The codec does not give a document back as it was.
    """
    pool: list[str] = []
    for document in documents:
        pool.append(to_text(document) if isinstance(document, bytes) else document)
        if len(pool) == SORTED_AT_ONCE:
            yield from _score_pool(model, pool)
            pool = []
    yield from _score_pool(model, pool)


def _score_pool(model: StepModel, documents: Sequence[str]) -> list[Score]:
    encoded = model.codec.encode_batch(documents)
    ids = [encoded[index] for index in range(len(documents))]
    batches = _batches([len(row) for row in ids])
    read = each_batch(model, lambda batch: _token_nats(model, [ids[index] for index in batch]), batches)
    nats = dict(zip(chain(*batches), chain.from_iterable(read), strict=True))
    return [
        _score(model.codec, text, row, nats[index])
        for index, (text, row) in enumerate(zip(documents, ids, strict=True))
    ]


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Return which documents are read together: those of like length, the longest first."""
    longest_first: list[int] = np.argsort(-np.array(lengths, dtype=np.int64), kind="stable").tolist()
    batches, start = [], 0
    while start < len(lengths):
        longest = lengths[longest_first[start]] + 1
        count = max(1, min(DOCUMENTS_AT_ONCE, TOKENS_AT_ONCE // longest))
        batches.append(longest_first[start : start + count])
        start += count
    return batches


def _token_nats(model: StepModel, ids: Sequence[NDArray[np.int32]]) -> list[NDArray[np.float64]]:
    """Return -ln p of each token and of the stop, for documents given longest first.

    Documents that have ended are always the last rows, so they leave the batch as a slice and no padding is read.
    """
    lengths = np.array([len(row) + 1 for row in ids])
    targets = np.full((lengths[0], len(ids)), model.codec.stop_id, dtype=np.int32)
    for column, row in enumerate(ids):
        targets[: len(row), column] = row
    nats = np.empty(targets.shape)
    active = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    reading = read_from(model, model.initial_state(len(ids)))
    inputs = np.full(len(ids), model.codec.stop_id, dtype=np.int32)
    for position, count in enumerate(active):
        if count < len(inputs):
            reading.keep(np.arange(len(inputs)) < count)
        logits = reading.read(inputs[:count])
        inputs = targets[position, :count]
        tops = logits.max(axis=-1)
        totals = np.exp(logits - tops[:, None]).sum(axis=-1)
        nats[position, :count] = np.log(totals) + tops - logits[np.arange(count), inputs]
    return [nats[:length, column].copy() for column, length in enumerate(lengths)]


def _score(codec: Codec, text: str, ids: NDArray[np.int32], nats: NDArray[np.float64]) -> Score:
    raw = to_bytes(text)
    ends = np.cumsum(codec.token_lengths[ids], dtype=np.int64)
    if codec.decode_bytes(ids.tolist()) != raw:
        raise CodecError(
            f"codec {codec.name!r} does not give back {text[:40]!r}; its bits would mean nothing. "
            f"Run `granular-lm codec check {codec.name}` for the part of the contract it breaks."
        )
    bits = nats / math.log(2)
    bounds = np.concatenate([[0], ends, [len(raw)]])
    return Score(
        bits_content=math.fsum(bits[:-1]),
        bits_stop=float(bits[-1]),
        num_bytes=len(raw),
        num_tokens=len(ids),
        token_bits=bits,
        byte_spans=np.stack([bounds[:-1], bounds[1:]], axis=1),
    )
