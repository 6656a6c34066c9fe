"""Counting short contexts."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.comparison.ngram import FALLBACK_DISCOUNTS, NGramModel, discounts
from granular_lm.errors import CorpusError, OptionError
from granular_lm.text import to_bytes

STOP = 256
Context = tuple[int, ...]


class PlainModel:
    """The definition, read out: interpolated modified Kneser-Ney in dictionaries."""

    def __init__(self, documents: list[str], order: int) -> None:
        self.order = order
        full = Counter(gram for text in documents for gram in self._grams(text))
        self.counts: list[Counter[Context]] = [full]
        for _ in range(order):  # a shorter gram counts the symbols seen before it
            self.counts.insert(0, Counter(gram[1:] for gram in self.counts[0]))
        self.taken = [discounts(np.array(list(counts.values()))) for counts in self.counts]
        self.behind: list[dict[Context, dict[int, int]]] = []
        for counts in self.counts:
            behind: dict[Context, dict[int, int]] = defaultdict(dict)
            for gram, count in counts.items():
                behind[gram[:-1]][gram[-1]] = count
            self.behind.append(behind)

    def _grams(self, text: str) -> list[Context]:
        symbols = [STOP] * self.order + list(to_bytes(text)) + [STOP]
        return [tuple(symbols[end - self.order : end + 1]) for end in range(self.order, len(symbols))]

    def probability(self, gram: Context) -> float:
        shorter = self.probability(gram[1:]) if len(gram) > 1 else 1 / 257
        behind = self.behind[len(gram) - 1].get(gram[:-1])
        if behind is None:
            return shorter
        taken = {symbol: self.taken[len(gram) - 1][min(count, 3) - 1] for symbol, count in behind.items()}
        own = behind.get(gram[-1], 0) - taken.get(gram[-1], 0)
        return (own + sum(taken.values()) * shorter) / sum(behind.values())

    def bits(self, text: str) -> float:
        return math.fsum(-math.log2(self.probability(gram)) for gram in self._grams(text))


def test_probabilities_by_hand() -> None:
    """After 'a', of order 1 on 'ab' and 'ac': b and c once each, the stop never.

    Symbols are preceded by: a by the stop; b and c by a; the stop by b and c. So of 5 pairs, b has 1, and with
    discounts of 1/2 for a count of 1 and 1 for the stop's count of 2, of 5 the discounts free 5/2. P(b) without a
    context is (1/2 + 5/2 · 1/257)/5, and after 'a', of 2, 1/2 each is left to b and c and 1 is free.
    """
    found = NGramModel.train(["ab", "ac"], order=1).probabilities(b"a")
    b = (0.5 + 2.5 / 257) / 5
    stop = (1 + 2.5 / 257) / 5
    assert found[ord("b")] == pytest.approx((0.5 + b) / 2)
    assert found[STOP] == pytest.approx(stop / 2)


@given(
    st.lists(st.text("abé ", max_size=12), min_size=1, max_size=12),
    st.lists(st.text("abcé", max_size=12), max_size=4),
    st.integers(0, 6),
)
def test_bits_are_those_of_the_plain_definition(train: list[str], test: list[str], order: int) -> None:
    """Sorted integers and searches give what dictionaries give, whatever was met in training."""
    plain = PlainModel(train, order)
    assert NGramModel.train(train, order).bits(test) == pytest.approx([plain.bits(text) for text in test])


def test_bits_are_those_of_the_plain_definition_on_text(bios: list[str]) -> None:
    """The same holds for more documents than are read at once, with discounts from counts."""
    train = [*bios[:400], *(text[::2] for text in bios[:400]), *(text[1::2] for text in bios[:400])]
    plain = PlainModel(train, 5)
    assert FALLBACK_DISCOUNTS not in plain.taken[2:]
    test = bios[400:420]
    assert NGramModel.train(train).bits(test * 60)[-20:] == pytest.approx([plain.bits(text) for text in test])


@pytest.mark.parametrize("context", [b"", b"I", b"I am a ", b"\xff\xfe\xfd", b"zqzqzqzq", b"I zqzq"])
def test_probabilities_sum_to_one(context: bytes, bios: list[str]) -> None:
    """After contexts that were seen, in whole, in part or never, nothing is lost and all is possible."""
    found = NGramModel.train(bios).probabilities(context)
    assert found.shape == (257,)
    assert found.sum() == pytest.approx(1, abs=1e-9)
    assert found.min() > 0


def test_bits_are_those_of_the_probabilities(bios: list[str]) -> None:
    """A document costs its bytes and its stop, each after what stands before it."""
    model, data = NGramModel.train(bios[:300]), to_bytes(bios[300])
    bits = [-math.log2(model.probabilities(data[:end])[symbol]) for end, symbol in enumerate([*data, STOP])]
    assert model.bits([bios[300]]) == pytest.approx([math.fsum(bits)])


def test_a_document_does_not_depend_on_its_neighbours(bios: list[str]) -> None:
    """Contexts end where a document begins."""
    model = NGramModel.train(bios[:300])
    assert model.bits(bios[300:310])[3] == pytest.approx(model.bits([bios[303]])[0])


def test_discounts_by_hand() -> None:
    """Of 4, 2, 1 and 1 grams met 1 to 4 times, Y = 4/(4 + 2·2) = 1/2: 1 - 2Y·2/4, 2 - 3Y·1/2, 3 - 4Y·1/1."""
    counts = np.array([1] * 4 + [2] * 2 + [3] + [4] + [9] * 5)
    assert discounts(counts) == pytest.approx((0.5, 1.25, 1.0))


@pytest.mark.parametrize("counts", [[5, 6], [1, 1, 1], [1, 2], [1, 2, 3, 4, 4, 4], [1, 2, 3, 3, 3]])
def test_discounts_without_enough_counts_are_the_fixed_ones(counts: list[int]) -> None:
    """Where a count of counts is missing or a discount would not be above 0, unseen symbols keep a share."""
    assert discounts(np.array(counts)) == FALLBACK_DISCOUNTS


def test_wrong_use_is_refused() -> None:
    """Contexts of more than 6 bytes do not fit, and of no documents nothing is learned."""
    with pytest.raises(OptionError, match=r"order=7 is not accepted; give a whole number from 0 to 6"):
        NGramModel.train(["a"], order=7)
    with pytest.raises(CorpusError, match="0 documents"):
        NGramModel.train([])
