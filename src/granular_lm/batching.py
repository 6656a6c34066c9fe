"""Documents to batches.

A batch is planned from the *byte* lengths of documents alone, so that every codec sees the same documents in the
same order with the same number per update; only then is it cut into a codec's tokens. Documents of like length
share a batch, and a batch's width is rounded up to a few fixed shapes, because the CPU kernels are prepared once
for each shape. A document longer than the window is read in windows, one update each, with the LSTM state carried
over; a very long one (a whole book) is read as several segments side by side, each but the first entered from the
zero state with the token before it.

A corpus of more than a million documents is planned a million at a time, so that memory does not grow with it.

Shape letters: N segments, B rows of a batch, T tokens of a window.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from granular_lm.token_store import TokenStore

Whole = TypeVar("Whole", int, NDArray[np.int64])

IGNORED = -100
"""The target of a padded position: `torch.nn.functional.cross_entropy` leaves it out."""

WIDTH_STEP = 4  # batch widths are multiples of this
MANY_ROWS, ROWS_STEP = 48, 8
"""A batch of more rows than the first has a multiple of the second: oneDNN cuts the rows of a product into equal
blocks, so a prime number of rows, or twice one, takes up to three times as long as its neighbours in bfloat16."""

SHORT_STRINGS_WINDOW, LONG_DOCUMENTS_WINDOW = 256, 64  # bytes
SUITABLE_ROWS, LEAST_BATCH, MOST_BATCH = 32, 1024, 2048  # the last two in bytes
WINDOWS_PER_SEGMENT = 16
DOCUMENTS_PER_GROUP = 2**20
DOCUMENTS_PER_BLOCK = 4096  # neighbours that stay in one group: each group is read from some hundred places
ROWS_BETWEEN_RELEASES = 4096  # each may map 64 KiB of neighbours, so this bounds the mapped pages at some 256 MiB


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
class Segments:
    """Stretches of documents, such as the rows of a batch; positions count the document's tokens and then its stop.

    Attributes:
        document: Which document each is from, shape (N,).
        start: Its first position, shape (N,).
        end: The position behind its last, shape (N,).
        windows: How many windows it is read in, shape (N,).
        width: Bytes of a window, rounded up, shape (N,).
    """

    document: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    windows: NDArray[np.int64]
    width: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.document)

    def take(self, rows: NDArray[np.int64]) -> "Segments":
        """Return some of them."""
        return Segments(self.document[rows], self.start[rows], self.end[rows], self.windows[rows], self.width[rows])

    def windows_of_batch(self) -> tuple[int, int]:
        """Return how many windows a batch of these is read in, and the tokens T of each."""
        longest = int((self.end - self.start).max())
        width = _window_width(longest, int(self.windows[0]))
        return -(-longest // width), width  # rounding up may leave the last windows without a target


class Batches:
    """The order in which a corpus is read, a pure function of byte lengths, seed and epoch.

    Args:
        store: The encoded corpus.
        batch_bytes: Roughly how many bytes one update reads, padding included; None for what suits the lengths of the
            documents.
        window_bytes: Longest stretch that gradients flow through, in bytes; None for what suits the lengths of the
            documents.
        windows_per_segment: A document of more windows is read as several segments side by side; None reads every
            document from its start to its end, as scoring does.
        share: How much of the corpus to read: a random sample of its segments, short and long ones in proportion,
            the same for every codec and every size of a batch.
        seed: Of the shuffle.
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        batch_bytes: int | None = None,
        window_bytes: int | None = None,
        windows_per_segment: int | None = WINDOWS_PER_SEGMENT,
        share: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.store = store
        self.batch_bytes = batch_bytes or suitable_batch_bytes(store)
        self.window_bytes = window_bytes or suitable_window_bytes(store)
        self.windows_per_segment = windows_per_segment
        self.share = share
        self.seed = seed

    def epoch(self, number: int, start: int = 0) -> Iterator[list[Window]]:
        """Yield every batch of one pass over the corpus, each as its windows in order.

        Args:
            number: Which pass, from 0; each has its own shuffle.
            start: How many batches to leave out, as those that an interrupted run has read; they cost no reading.
        """
        rows = 0
        for batch in self.plan(number, start):
            yield list(self._windows(batch))
            rows += len(batch)
            if rows >= ROWS_BETWEEN_RELEASES:
                self.store.release()
                rows = 0

    def plan(self, number: int, start: int = 0) -> Iterator[Segments]:
        """Yield which segments go together in each batch of a pass, longest first within a batch.

        Args:
            number: Which pass, from 0.
            start: How many batches to leave out.
        """
        rng = np.random.default_rng([self.seed, number])
        for documents in _groups(len(self.store), rng):
            segments = _cut(self.store, documents, self.window_bytes, self.windows_per_segment)
            if self.share < 1:
                segments = _sampled(segments, self.store.num_bytes[segments.document], self.share, rng)
            batches = _batched(segments, self.batch_bytes, rng)
            yield from map(segments.take, islice(batches, start, None))
            start = max(0, start - len(batches))
            self.store.release()

    def _windows(self, batch: Segments) -> Iterator[Window]:
        """Cut the segments of a batch into windows of one width.

        A row that has ended is padded to the last window. It is never padded before its end: the state that is
        carried over would have read the padding.
        """
        count, width = batch.windows_of_batch()
        for number in range(count):
            yield self._window(batch, number, width)

    def _window(self, batch: Segments, number: int, width: int) -> Window:
        """Gather window ``number`` of each segment as one padded rectangle."""
        position = (batch.start + number * width)[:, None] + np.arange(-1, width)
        tokens = self._tokens(batch.document, position)
        inputs, targets = tokens[:, :-1].copy(), tokens[:, 1:].copy()
        is_read = position[:, 1:] < batch.end[:, None]
        num_bytes = int(self.store.codec.token_lengths[targets[is_read]].sum())
        targets[~is_read] = IGNORED
        return Window(inputs, targets, num_bytes, is_first=number == 0)

    def _tokens(self, documents: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the token at each position, shape (B, T); before and after a document stands the stop."""
        store = self.store
        start, stop = store.offsets[documents][:, None], store.offsets[documents + 1][:, None]
        where = start + position
        inside = (where >= start) & (where < stop)
        tokens = store.ids[np.where(inside, where, 0)].astype(np.int64)
        tokens[~inside] = store.codec.stop_id
        return tokens


def suitable_window_bytes(store: TokenStore) -> int:
    """Return a window that takes in most short strings whole, and cuts long documents into many rows of a batch."""
    mean = store.num_bytes.sum() / len(store)
    return SHORT_STRINGS_WINDOW if mean <= SHORT_STRINGS_WINDOW else LONG_DOCUMENTS_WINDOW


def suitable_batch_bytes(store: TokenStore) -> int:
    """Return the bytes of a good number of rows: with fewer a processor idles, with more there are fewer updates."""
    typical = min(store.num_bytes.sum() / len(store) + 1, suitable_window_bytes(store))  # the stop is read, too
    return int(min(max(SUITABLE_ROWS * typical, LEAST_BATCH), MOST_BATCH))


def shard(window: Window, rank: int, world_size: int) -> Window:
    """Return the rows of a window that one of several processes reads; `num_bytes` stays that of all rows.

    A process left without a row reads one with every target ignored, so that all processes take part in the update.
    """
    inputs, targets = window.inputs[rank::world_size], window.targets[rank::world_size]
    if not len(inputs):
        inputs, targets = window.inputs[:1], np.full_like(window.targets[:1], IGNORED)
    return Window(inputs, targets, window.num_bytes, window.is_first)


def _groups(count: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the documents that are planned together: all if they are few, else random blocks of them."""
    groups = -(-count // DOCUMENTS_PER_GROUP)
    if groups == 1:
        yield np.arange(count)
        return
    blocks = rng.permutation(-(-count // DOCUMENTS_PER_BLOCK))
    for drawn in np.array_split(blocks, groups):
        documents = (drawn[:, None] * DOCUMENTS_PER_BLOCK + np.arange(DOCUMENTS_PER_BLOCK)).ravel()
        yield documents[documents < count]  # the last block may not be full


def _sampled(segments: Segments, document_bytes: NDArray[np.int64], share: float, rng: np.random.Generator) -> Segments:
    """Return some segments, spread evenly over their lengths; a larger share has all of a smaller one.

    Args:
        segments: All of them.
        document_bytes: Of the document that each is from, shape (N,).
        share: How many of the bytes there should be at least.
        rng: What decides.
    """
    num_bytes = document_bytes / np.bincount(segments.document)[segments.document]
    order = rng.permutation(len(segments))
    order = order[np.argsort(num_bytes[order], kind="stable")]
    order = order[_spread(len(order), rng)]
    enough = np.searchsorted(np.cumsum(num_bytes[order]), share * num_bytes.sum())
    return segments.take(order[: int(enough) + 1])


def _spread(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the numbers below ``count`` in an order of which any beginning is spread evenly over them.

    Those are numbers with their bits reversed, moved by one at random. Source: van der Corput 1935.
    """
    bits = (count - 1).bit_length()
    numbers = np.arange(2**bits)
    reverse = np.zeros_like(numbers)
    for bit in range(bits):
        reverse |= (numbers >> bit & 1) << (bits - 1 - bit)
    order: NDArray[np.int64] = (reverse + rng.integers(2**bits)) % 2**bits
    return order[order < count]


def _batched(segments: Segments, batch_bytes: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return which segments, by index, go together in each batch: those of like length, in random order."""
    order = rng.permutation(len(segments))
    order = order[np.lexsort([-segments.width[order], segments.windows[order]])]
    batches = []
    for same in np.split(order, np.flatnonzero(np.diff(segments.windows[order])) + 1):
        position = 0
        while position < len(same):
            rows = _quick_rows(batch_bytes // int(segments.width[same[position]]))
            batches.append(same[position : position + rows])
            position += rows
    return [batches[index] for index in rng.permutation(len(batches))]


def _quick_rows(count: int) -> int:
    """Return how many rows a batch of at most ``count`` should have."""
    return count - count % ROWS_STEP if count > MANY_ROWS else max(1, count)


def _cut(
    store: TokenStore, documents: NDArray[np.int64], window_bytes: int, windows_per_segment: int | None
) -> Segments:
    """Cut documents into segments, and say in how many windows each is read, from byte lengths alone."""
    targets = store.num_bytes[documents] + 1  # the stop is a target, too
    pieces = np.ones_like(targets)
    if windows_per_segment is not None:
        pieces = -(-targets // (window_bytes * windows_per_segment))
    rank = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    document, parts = np.repeat(documents, pieces), np.repeat(pieces, pieces)
    segment_bytes = -(-np.repeat(targets, pieces) // parts)
    windows = -(-segment_bytes // window_bytes)
    lengths = store.offsets[document + 1] - store.offsets[document] + 1
    return Segments(
        document=document,
        start=lengths * rank // parts,
        end=lengths * (rank + 1) // parts,
        windows=windows,
        width=_rounded_up(-(-segment_bytes // windows)),
    )


def _window_width(longest: int, count: int) -> int:
    """Return a width at which ``count`` windows hold ``longest`` tokens, all of them needed if that is possible."""
    exact = max(1, -(-longest // count))
    rounded = _rounded_up(exact)
    return rounded if rounded * (count - 1) < longest else exact


def _rounded_up(width: Whole) -> Whole:
    return -(-width // WIDTH_STEP) * WIDTH_STEP
