"""A stream is the same string, earlier."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.codecs.byte import ByteCodec
from granular_lm.errors import OptionError
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from granular_lm.runtime import State
from overlapping import TokensCodec


@pytest.fixture
def generator(codec: Codec, random_model: Callable[..., LanguageModel]) -> Generator:
    return Generator(random_model(codec))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prompt": "I like "},
        {"prompt": "\udcf0\udc9f"},
        {"max_bytes": 7},
        {"valid_utf8": False},
        {"valid_utf8": False, "errors": "space"},
        {"stop": ["e", "ab"]},
        {"temperature": [1, 0.5], "top_k": 30},
    ],
)
def test_the_pieces_are_the_text(generator: Generator, options: dict[str, Any]) -> None:
    """Put together they are the text of `sample` with the same seed, piece by piece whole characters."""
    for seed in range(8):
        pieces = list(generator.stream(**{"max_bytes": 40, **options}, seed=seed))
        assert "".join(pieces) == generator.sample(**{"max_bytes": 40, **options}, seed=seed).text
        assert all(pieces)


def test_the_strings_of_a_batch_can_be_streamed(generator: Generator) -> None:
    """The index says which of the batch."""
    batch = generator.sample_batch(4, seed=3, max_bytes=30)
    assert ["".join(generator.stream(index=i, seed=3, max_bytes=30)) for i in range(4)] == [s.text for s in batch]


def test_characters_come_before_the_end(bigram_model: type) -> None:
    """A character is there when no more than its own bytes have been drawn."""
    table = np.zeros((257, 257))
    table[256, 0xC3] = table[0xC3, 0xA9] = table[0xA9, 97] = table[97, 98] = table[98, 256] = 1.0
    model = bigram_model(ByteCodec(), table)
    read: list[int] = []
    step = model.step

    def counted(ids: NDArray[np.integer], state: State) -> tuple[NDArray[np.float64], State]:
        read.extend(ids.tolist())
        stepped: tuple[NDArray[np.float64], State] = step(ids, state)
        return stepped

    model.step = counted
    pieces = Generator(model).stream()
    assert next(pieces) == "é"
    assert read == [256, 0xC3, 0xA9]
    assert next(pieces) == "a"
    assert read == [256, 0xC3, 0xA9, 97]
    assert list(pieces) == ["b"]


def test_nothing_shown_is_taken_back(bigram_model: type) -> None:
    """A cut takes whole tokens, also those that end one character and begin the next."""
    codec = TokensCodec(b"a", b"\xe6", b"\x97", b"\xa5", b"a\xe6\x97")
    table = np.zeros((6, 6))
    table[5, 0] = table[0, 4] = table[4, 3] = table[3, 5] = 1.0
    generator = Generator(bigram_model(codec, table))
    for max_bytes in range(1, 8):
        text = generator.sample(max_bytes=max_bytes).text
        assert "".join(generator.stream(max_bytes=max_bytes)) == text == ("a" if max_bytes < 5 else "aa日")


def test_bytes_are_streamed_as_they_are(generator: Generator) -> None:
    """They are the data of `sample`, where the text hides what is not valid."""
    options: dict[str, Any] = {"prompt": b"\xff", "valid_utf8": False, "temperature": 2.0, "max_bytes": 20}
    for seed in range(8):
        assert b"".join(generator.stream_bytes(**options, seed=seed)) == generator.sample(**options, seed=seed).data


@pytest.mark.parametrize("judge", [{"accept": bool}, {"novel": True}])
def test_what_judges_whole_strings_is_refused(generator: Generator, judge: dict[str, Any]) -> None:
    """They need the end."""
    with pytest.raises(OptionError, match=f"{next(iter(judge))} judges a whole string"):
        generator.stream(**judge)
