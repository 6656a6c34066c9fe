"""The tokens of a codec, found by the bytes they stand for, and the ways to spell a string with them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.base import Codec


class Spelling:
    """The tokens of a codec, the stop not, found by their bytes; ``codec.derived(Spelling)`` makes it once.

    Args:
        codec: Whose tokens they are. Several may stand for the same bytes.

    Attributes:
        longest: Bytes of the longest token.
    """

    def __init__(self, codec: Codec) -> None:
        tokens = ((codec.token_bytes(token_id), token_id) for token_id in range(codec.vocab_size))
        self._sorted = sorted((token, token_id) for token, token_id in tokens if token_id != codec.stop_id)
        self._ids: dict[bytes, list[int]] = defaultdict(list)
        for token, token_id in self._sorted:
            self._ids[token].append(token_id)
        self.longest = max(map(len, self._ids))

    def at(self, data: bytes, position: int) -> Iterator[tuple[int, list[int]]]:
        """Yield the tokens that spell what stands at a position of ``data``, by their length."""
        for length in range(1, min(self.longest, len(data) - position) + 1):
            if ids := self._ids.get(data[position : position + length]):
                yield length, ids

    def reaching_past(self, rest: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield the tokens that begin with ``rest`` and are longer; none for an empty one."""
        if not rest:
            return
        for index in range(bisect_right(self._sorted, rest, key=itemgetter(0)), len(self._sorted)):
            token, token_id = self._sorted[index]
            if not token.startswith(rest):
                return
            yield token, token_id

    def likeliest(self, data: bytes, k: int, scores: NDArray[np.float64]) -> list[tuple[int, ...]]:
        """Return the ``k`` ways to spell ``data``, or all if there are fewer, with the greatest sums of scores.

        The best up to a byte are each one of the best up to an earlier byte and one more token. Where sums are equal
        the order of their beginnings decides, so the best few are always the first of the best many.

        Args:
            data: What to spell.
            k: How many ways are wanted.
            scores: Of each token, shape (V,), none of them infinite.
        """
        starts, ids = self._ending_at_each_byte(data)
        best = np.full((len(data) + 1, k), -np.inf)
        best[0, 0] = 0.0
        came_from = np.zeros(best.shape, dtype=np.int64)  # which token times k, plus the rank of what it follows
        for end in range(1, len(data) + 1):
            sums = (best[starts[end]] + scores[ids[end], None]).ravel()
            came_from[end] = np.argsort(-sums, kind="stable")[:k]
            best[end] = sums[came_from[end]]
        found = np.count_nonzero(best[-1] > -np.inf)
        return [_way_back(starts, ids, came_from, rank) for rank in range(found)]

    def _ending_at_each_byte(self, data: bytes) -> tuple[list[list[int]], list[list[int]]]:
        """Return the starts and the ids of the tokens that end at each byte."""
        starts: list[list[int]] = [[] for _ in range(len(data) + 1)]
        ids: list[list[int]] = [[] for _ in range(len(data) + 1)]
        for start in range(len(data)):
            for length, found in self.at(data, start):
                starts[start + length].extend([start] * len(found))
                ids[start + length].extend(found)
        return starts, ids


def _way_back(
    starts: list[list[int]], ids: list[list[int]], came_from: NDArray[np.int64], rank: int
) -> tuple[int, ...]:
    """Return the tokens of the way to the last byte that has this rank."""
    end, way = len(starts) - 1, []
    while end:
        token, rank = divmod(int(came_from[end, rank]), came_from.shape[1])
        way.append(ids[end][token])
        end = starts[end][token]
    return tuple(reversed(way))
