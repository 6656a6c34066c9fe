"""What may come next."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import OptionError
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from overlapping import TOKENS, Toy


def test_probabilities_are_the_sum_over_ways_to_divide_the_prompt(toy: Toy) -> None:
    """After "ab": the end, and each token, whether it begins at the prompt's end or within."""
    offered = {each.text: each.probability for each in Generator(toy.model).continuations("ab", 8)}
    assert sum(offered.values()) == pytest.approx(1)
    assert offered[""] == pytest.approx(toy.is_exactly(b"ab") / toy.begins_with(b"ab"))
    weights = {(0, 1): toy.table[7, 0] * toy.table[0, 1], (3,): toy.table[7, 3]}
    reaching_past = toy.table[7, 5] + toy.table[7, 0] * toy.table[0, 4]  # abc, a bc
    c = sum(weight * toy.table[ids[-1], 2] for ids, weight in weights.items()) + reaching_past
    assert offered["c"] == pytest.approx(c / toy.begins_with(b"ab"))
    assert set(offered) <= {token.decode() for token in TOKENS} | {""}


def test_they_are_whole_characters_in_order(codec: Codec, random_model: Callable[..., LanguageModel]) -> None:
    """Valid, without repetition, the likeliest first."""
    offered = Generator(random_model(codec)).continuations("caf", 12)
    assert len(offered) == 12
    assert [each.probability for each in offered] == sorted((each.probability for each in offered), reverse=True)
    assert len({each.text for each in offered}) == 12
    for each in offered:
        each.text.encode()


def test_a_character_of_several_bytes_is_one_continuation(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """Its probability is the product of those of its bytes."""
    table = np.zeros((257, 257))
    table[256, [0xC3, 97]] = [0.7, 0.3]
    table[0xC3, [0xA9, 0xA8]] = [0.6, 0.4]
    offered = Generator(bigram_model(ByteCodec(), table)).continuations(n=9)
    assert [each.text for each in offered] == ["é", "a", "è"]
    assert [each.probability for each in offered] == pytest.approx([0.42, 0.3, 0.28])


def test_a_character_that_was_begun_is_completed(bigram_model) -> None:  # type: ignore[no-untyped-def]
    """What is offered after its first byte is the whole of it."""
    table = np.full((257, 257), 1 / 257)
    offered = Generator(bigram_model(ByteCodec(), table)).continuations(b"a\xc3", 70)
    assert len(offered) == 64
    assert all(len(each.text) == 1 and math.isclose(each.probability, 1 / 257) for each in offered)
    assert all((b"\xc3" + each.data).decode() == each.text for each in offered)


def test_no_continuations_cannot_be_asked_for(toy: Toy) -> None:
    """N is at least 1."""
    with pytest.raises(OptionError, match="n=0"):
        Generator(toy.model).continuations(n=0)
