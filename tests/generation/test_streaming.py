"""A stream is the same string, earlier."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from granular_lm.codecs import Codec
from granular_lm.errors import OptionError
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel


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


def test_characters_come_before_the_end(generator: Generator) -> None:
    """The first piece is there when the string is not."""
    pieces = generator.stream(min_bytes=50, seed=1)
    assert len(list(itertools.islice(pieces, 3))) == 3


def test_what_judges_whole_strings_is_refused(generator: Generator) -> None:
    """Accept and novel need the end."""
    with pytest.raises(OptionError, match="accept judges a whole string"):
        generator.stream(accept=bool)
