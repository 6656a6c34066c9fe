"""Bits per byte over several ways to divide a document into tokens.

The probability of a document is the sum over all its tokenisations; scoring takes the one that the codec gives, the
canonical one. A sum over some of them, the canonical one among them, lies between the two. So its bits are an upper
bound of what the model really spends, and never a wider one than the bits of scoring.

Which ones is decided by the training documents alone: the likeliest if each token came as often as there, whatever
stands before it. To ask the model itself, byte by byte, finds better ones and takes much longer; done for a sample of
documents, it tells how much the quick way leaves out.

Source: the same question as in Cao and Rimell 2021, "You should evaluate your language model on marginal likelihood
over tokenisations".
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.spelling import Spelling
from granular_lm.corpus.stream import in_chunks
from granular_lm.generation.prompts import Prefix
from granular_lm.runtime import select_rows
from granular_lm.scoring import StepModel, score_documents
from granular_lm.text import to_bytes, to_text

PATHS_AT_ONCE = 1024
TOKENS_AT_ONCE = 2_000_000  # at most one a byte: long documents are read with few others
MOST_CHECKED_BYTES = 1000
"""Of a document in the sample: its beams take a step of the model for each byte."""
WIDEST_BEAM = 64
"""In the sample, however many tokenisations are asked for: wider ones find next to nothing more."""

Path = tuple[int, ...]
"""The tokens of one tokenisation, the stop not among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """Bits of documents over ``k`` tokenisations of each.

    Attributes:
        bits: Of each document, the stop included, shape (documents,).
        k: How many tokenisations, the canonical one among them.
        checked: Which documents are in the sample.
        lattice_gap_checked: In the sample, what ``bits`` are less than those of the canonical tokenisations, per byte;
            None if the sample is empty.
        beam_gap_checked: The same for the bits of `beam_bits`, with beams up to ``k`` or `WIDEST_BEAM`.
    """

    bits: NDArray[np.float64]
    k: int
    checked: NDArray[np.int64]
    lattice_gap_checked: float | None
    beam_gap_checked: float | None

    @classmethod
    def measure(
        cls,
        model: StepModel,
        documents: Sequence[str],
        canonical_bits: NDArray[np.float64],
        *,
        k: int,
        log_probs: NDArray[np.float64],
        checked: int = 64,
        seed: int = 0,
    ) -> "Marginal":
        """Return the bits of documents over ``k`` tokenisations, and for a sample those that beams find, too.

        Args:
            model: What gives the probabilities.
            documents: What to score.
            canonical_bits: Of each document, as scoring gives them, shape (documents,).
            k: How many tokenisations of each.
            log_probs: The score of each token, as by `token_log_probs`, shape (V,).
            checked: How many documents are in the sample, none of them empty or longer than `MOST_CHECKED_BYTES`.
            seed: Of the sample.
        """
        raw = [to_bytes(text) for text in documents]
        gaps = _lattice_gaps(model, raw, k, log_probs)
        sample = _sample([len(data) for data in raw], checked, seed)
        num_bytes = sum(len(raw[index]) for index in sample)
        by_beam = [_gap(_beam_log_probs(model, raw[index], min(k, WIDEST_BEAM))) for index in sample]
        return cls(
            bits=canonical_bits - gaps,
            k=k,
            checked=sample,
            lattice_gap_checked=math.fsum(gaps[sample]) / num_bytes if num_bytes else None,
            beam_gap_checked=math.fsum(by_beam) / num_bytes if num_bytes else None,
        )


def token_log_probs(codec: Codec, documents: Iterable[str]) -> NDArray[np.float64]:
    """Return the logarithm of each token's share of documents, one added to each count, shape (V,)."""
    counts = np.ones(codec.vocab_size)
    for chunk in in_chunks(documents):
        counts += np.bincount(codec.encode_batch(chunk).ids, minlength=codec.vocab_size)
    log_probs: NDArray[np.float64] = np.log(counts / counts.sum())
    return log_probs


def tokenisations(codec: Codec, data: bytes, k: int, log_probs: NDArray[np.float64]) -> list[Path]:
    """Return at most ``k`` distinct ways to write ``data``: the canonical one, then the others, the likeliest first.

    Fewer are the first of more: what is summed over them can only grow with ``k``.

    Args:
        codec: Whose tokens they are.
        data: Raw bytes.
        k: How many.
        log_probs: The score of each token, shape (V,); that of a tokenisation is their sum.
    """
    canonical = tuple(codec.encode(to_text(data)))
    others = (path for path in codec.derived(Spelling).likeliest(data, k, log_probs) if path != canonical)
    return [canonical, *islice(others, k - 1)]


def marginal_bits(
    model: StepModel, documents: Sequence[str], *, k: int, log_probs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the bits of each document over ``k`` of its `tokenisations`, the stop included, shape (documents,)."""
    raw = [to_bytes(text) for text in documents]
    return _canonical_bits(model, raw) - _lattice_gaps(model, raw, k, log_probs)


def beam_bits(model: StepModel, document: bytes, *, beam: int) -> float:
    """Return the bits of a document over all tokenisations that beams of 1, 2, 4 and so on up to ``beam`` find.

    A wider beam may lose what a narrower one has found, so one alone could give more bits for more work.
    """
    return float(_canonical_bits(model, [document])[0]) - _gap(_beam_log_probs(model, document, beam))


def _canonical_bits(model: StepModel, documents: Sequence[bytes]) -> NDArray[np.float64]:
    return np.array([score.bits for score in score_documents(model, documents)])


def _gap(log_probs: NDArray[np.float64]) -> float:
    """Return the bits that the first tokenisation costs more than all together: exactly 0 if it is the only one."""
    return float(np.logaddexp.reduce(log_probs) - log_probs[0]) / math.log(2)


def _beam_log_probs(model: StepModel, document: bytes, beam: int) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities of what the beams find, the canonical tokenisation's first."""
    canonical = tuple(model.codec.encode(to_text(document)))
    found = {canonical: float(_path_log_probs(model, [canonical])[0])}
    for doublings in range(beam.bit_length()):
        found |= Prefix(model, document, beam=2**doublings).whole()
    return np.array(list(found.values()))


def _lattice_gaps(
    model: StepModel, documents: Sequence[bytes], k: int, log_probs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the bits that the canonical tokenisation of each document costs more than ``k`` together."""
    gaps = np.empty(len(documents))
    for pool in _pools([len(data) for data in documents], k):
        paths = [tokenisations(model.codec, documents[index], k, log_probs) for index in pool]
        found = _path_log_probs(model, [path for each in paths for path in each])
        ends = np.cumsum([len(each) for each in paths])
        gaps[pool] = [_gap(part) for part in np.split(found, ends[:-1])]
    return gaps


def _pools(num_bytes: Sequence[int], k: int) -> Iterator[NDArray[np.int64]]:
    """Yield which documents are read together: of like length, and few if they are long."""
    longest_first = np.argsort([-size for size in num_bytes], kind="stable")
    start = 0
    while start < len(longest_first):
        tokens = num_bytes[longest_first[start]] + 1
        pool = longest_first[start : start + max(1, min(PATHS_AT_ONCE, TOKENS_AT_ONCE // tokens) // k)]
        yield pool
        start += len(pool)


def _path_log_probs(model: StepModel, paths: Sequence[Path]) -> NDArray[np.float64]:
    """Return the logarithm of the probability of each path and its stop, shape (paths,).

    Paths that begin alike are one row until they part, which saves half of the work for 16 of a short string.
    """
    vocab_size, stop_id = model.codec.vocab_size, model.codec.stop_id
    log_probs = np.zeros(len(paths))
    open_paths, rows = np.arange(len(paths)), np.zeros(len(paths), dtype=np.int64)
    ids, state = np.array([stop_id]), model.initial_state(1)
    for targets in _by_position(paths, stop_id):
        read, state = model.step(ids, state)
        targets = targets[open_paths]
        log_probs[open_paths] += read[rows, targets]
        goes_on = targets != stop_id
        open_paths = open_paths[goes_on]
        distinct, rows = np.unique(rows[goes_on] * vocab_size + targets[goes_on], return_inverse=True)
        parents, ids = np.divmod(distinct, vocab_size)
        state = select_rows(state, parents)
    return log_probs


def _by_position(paths: Sequence[Path], stop_id: int) -> NDArray[np.int32]:
    """Return the tokens of all paths, filled up with stops, shape (longest + 1, paths)."""
    table = np.full((max(map(len, paths)) + 1, len(paths)), stop_id, dtype=np.int32)
    for column, path in enumerate(paths):
        table[: len(path), column] = path
    return table


def _sample(num_bytes: Sequence[int], count: int, seed: int) -> NDArray[np.int64]:
    """Return which documents are checked, in order."""
    sizes = np.array(num_bytes)
    able = np.flatnonzero((sizes > 0) & (sizes <= MOST_CHECKED_BYTES))
    return np.sort(np.random.default_rng(seed).permutation(able)[:count])
