"""Documents to batches.

A batch is planned from the *byte* lengths of documents alone, so that every codec sees the same documents in the
same order with the same number per update; only then is it cut into a codec's tokens. Documents of like length
share a batch, and a batch's width is rounded up to a few fixed shapes, because the CPU kernels are prepared once
for each shape. A document longer than the window is read in windows, one update each, with the LSTM state carried
over; a very long one (a whole book) is read as several segments side by side, each but the first entered from the
zero state with the token before it.

Shape letters: N segments, B rows of a batch, T tokens of a window.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.errors import CodecError, CorpusError
from granular_lm.text import to_bytes

Whole = TypeVar("Whole", int, NDArray[np.int64])

IGNORED = -100
"""The target of a padded position: `torch.nn.functional.cross_entropy` leaves it out."""

DOCUMENTS_AT_ONCE = 4096
WIDTH_STEP = 8  # batch widths are multiples of this
WINDOWS_PER_SEGMENT = 16


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Encoded documents, memory-mapped from a folder.

    Attributes:
        codec: What encoded them.
        ids: All content ids, shape (tokens,), int32.
        offsets: Document ``i`` is ``ids[offsets[i]:offsets[i + 1]]``, shape (documents + 1,), int64.
        num_bytes: Raw bytes of each document, shape (documents,), int64.
    """

    codec: Codec
    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    num_bytes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.num_bytes)

    @classmethod
    def write(cls, codec: Codec, documents: Iterable[str], folder: Path) -> "TokenStore":
        """Encode documents into ``folder``, a few thousand at a time, and map the result.

        Raises:
            CodecError: The codec does not give a document back as it was.
            CorpusError: There is no document, or not one byte in them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        token_counts: list[NDArray[np.int64]] = []
        byte_counts: list[NDArray[np.int64]] = []
        stream = iter(documents)
        path = folder / "ids.i32"
        with path.open("wb") as out:
            while chunk := list(islice(stream, DOCUMENTS_AT_ONCE)):
                encoded = codec.encode_batch(chunk)
                byte_counts.append(_checked_lengths(codec, chunk, encoded.ids, encoded.offsets))
                token_counts.append(np.diff(encoded.offsets))
                out.write(encoded.ids.tobytes())
        if not any(counts.any() for counts in byte_counts):
            met = sum(map(len, byte_counts))
            raise CorpusError(
                f"there is nothing to read in {met} documents of 0 bytes; give at least one non-empty one."
            )
        ids = np.memmap(path, dtype=np.int32, mode="r")
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate(token_counts))])
        return cls(codec, ids, offsets, np.concatenate(byte_counts))


@dataclass(frozen=True, slots=True)
class Window:
    """What one update reads.

    Attributes:
        inputs: Tokens read, shape (B, T), int64.
        targets: Tokens that follow, the stop included, `IGNORED` where padded, shape (B, T), int64.
        num_bytes: Raw bytes of the targets.
        is_first: Whether the rows start from the zero state; otherwise from where the last window left them.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    num_bytes: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class _Segments:
    """Stretches of documents; positions count the document's tokens and then its stop."""

    document: NDArray[np.int64]  # (N,)
    start: NDArray[np.int64]  # (N,)
    end: NDArray[np.int64]  # (N,)
    windows: NDArray[np.int64]  # (N,) how many windows it is read in
    width: NDArray[np.int64]  # (N,) bytes of a window, rounded up


class Batches:
    """The order in which a corpus is read, a pure function of byte lengths, seed and epoch.

    Args:
        store: The encoded corpus.
        batch_bytes: Roughly how many bytes one update reads, padding included.
        window_bytes: Longest stretch that gradients flow through, in bytes.
        windows_per_segment: A document of more windows is read as several segments side by side; None reads every
            document from its start to its end, as scoring does.
        seed: Of the shuffle.
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        batch_bytes: int = 1024,
        window_bytes: int = 256,
        windows_per_segment: int | None = WINDOWS_PER_SEGMENT,
        seed: int = 0,
    ) -> None:
        self.store = store
        self.batch_bytes = batch_bytes
        self.seed = seed
        self._segments = _cut(store, window_bytes, windows_per_segment)

    def epoch(self, number: int) -> Iterator[list[Window]]:
        """Yield every batch of one pass over the corpus, each as its windows in order.

        Args:
            number: Which pass, from 0; each has its own shuffle.
        """
        for rows in self.plan(number):
            yield list(self._windows(rows))

    def plan(self, number: int) -> list[NDArray[np.int64]]:
        """Return which segments go together in each batch of a pass, longest first within a batch."""
        rng = np.random.default_rng([self.seed, number])
        segments = self._segments
        order = rng.permutation(len(segments.document))
        order = order[np.lexsort([-segments.width[order], segments.windows[order]])]
        batches = []
        for same in np.split(order, np.flatnonzero(np.diff(segments.windows[order])) + 1):
            position = 0
            while position < len(same):
                rows = max(1, self.batch_bytes // int(segments.width[same[position]]))
                batches.append(same[position : position + rows])
                position += rows
        return [batches[index] for index in rng.permutation(len(batches))]

    def documents_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the documents that the segments of a batch come from."""
        return self._segments.document[rows]

    def _windows(self, rows: NDArray[np.int64]) -> Iterator[Window]:
        """Cut the segments of a batch into windows of one width.

        A row that has ended is padded to the last window. It is never padded before its end: the state that is
        carried over would have read the padding.
        """
        segments = self._segments
        documents, start, end = segments.document[rows], segments.start[rows], segments.end[rows]
        count = int(segments.windows[rows[0]])
        width = _window_width(int((end - start).max()), count)
        for number in range(count):
            first = start + number * width
            yield self._window(documents, first, np.minimum(first + width, end), width, is_first=number == 0)

    def _window(
        self,
        documents: NDArray[np.int64],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        width: int,
        *,
        is_first: bool,
    ) -> Window:
        """Gather positions ``first`` to ``last`` of each document as one padded rectangle."""
        position = first[:, None] + np.arange(width)
        targets = self._tokens(documents, position)
        targets[position >= last[:, None]] = IGNORED
        inputs = self._tokens(documents, position - 1)
        num_bytes = int(self.store.codec.token_lengths[targets[targets != IGNORED]].sum())
        return Window(inputs, targets, num_bytes, is_first)

    def _tokens(self, documents: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the token at each position, shape (B, T); before and after a document stands the stop."""
        store = self.store
        start, stop = store.offsets[documents][:, None], store.offsets[documents + 1][:, None]
        where = start + position
        inside = (where >= start) & (where < stop)
        return np.where(inside, store.ids[np.where(inside, where, 0)], store.codec.stop_id).astype(np.int64)


def shard(window: Window, rank: int, world_size: int) -> Window:
    """Return the rows of a window that one of several processes reads; `num_bytes` stays that of all rows.

    A process left without a row reads one with every target ignored, so that all processes take part in the update.
    """
    inputs, targets = window.inputs[rank::world_size], window.targets[rank::world_size]
    if not len(inputs):
        inputs, targets = window.inputs[:1], np.full_like(window.targets[:1], IGNORED)
    return Window(inputs, targets, window.num_bytes, window.is_first)


def _cut(store: TokenStore, window_bytes: int, windows_per_segment: int | None) -> _Segments:
    """Cut documents into segments, and say in how many windows each is read, from byte lengths alone."""
    lengths = np.diff(store.offsets) + 1  # the stop is a target, too
    pieces = np.ones(len(store), dtype=np.int64)
    if windows_per_segment is not None:
        pieces = -(-(store.num_bytes + 1) // (window_bytes * windows_per_segment))
    document = np.repeat(np.arange(len(store)), pieces)
    rank = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    parts = pieces[document]
    segment_bytes = -(-(store.num_bytes[document] + 1) // parts)
    windows = -(-segment_bytes // window_bytes)
    return _Segments(
        document=document,
        start=lengths[document] * rank // parts,
        end=lengths[document] * (rank + 1) // parts,
        windows=windows,
        width=_rounded_up(-(-segment_bytes // windows)),
    )


def _window_width(longest: int, count: int) -> int:
    """Return the width at which ``count`` windows hold ``longest`` tokens and none of them is empty."""
    exact = max(1, -(-longest // count))
    rounded = _rounded_up(exact)
    return rounded if rounded * (count - 1) < longest else exact


def _rounded_up(width: Whole) -> Whole:
    return -(-width // WIDTH_STEP) * WIDTH_STEP


def _checked_lengths(
    codec: Codec, documents: list[str], ids: NDArray[np.int32], offsets: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the raw bytes of each document, having checked that the codec gives every one back."""
    raw = list(map(to_bytes, documents))
    lengths = np.fromiter(map(len, raw), dtype=np.int64, count=len(raw))
    ends = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(codec.token_lengths[ids], dtype=np.int64)])
    same_lengths = np.array_equal(np.diff(ends[offsets]), lengths)
    if not same_lengths or codec.decode_bytes(ids.tolist()) != b"".join(raw):
        lossy = next(text for text, data in zip(documents, raw, strict=True) if _loses(codec, text, data))
        raise CodecError(
            f"codec {codec.name!r} does not give back {lossy[:40]!r} as it was; its bits per byte would mean nothing. "
            "Give a codec that passes granular_lm.testing.check_codec."
        )
    return lengths


def _loses(codec: Codec, text: str, data: bytes) -> bool:
    return codec.decode_bytes(codec.encode(text)) != data
