"""The UTF-8 automaton agrees with Python's decoder."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.codecs.automata import run
from granular_lm.codecs.utf8 import (
    BETWEEN_CHARACTERS,
    MISSING_BYTES,
    NEXT_STATE,
    REJECTED,
    begun_character,
    state_after,
)


def is_valid(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def edge_sequences() -> Iterator[bytes]:
    """Yield every sequence of two bytes, and three and four made of bytes on the edges of a range."""
    edges = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF]
    edges += [0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
    yield from (bytes([a, b]) for a in range(256) for b in range(256))
    yield from (bytes([a, b, c]) for a in edges for b in edges for c in edges)
    yield from (bytes([a, b, c, 0x80]) for a in edges[-6:] for b in edges for c in edges)


def test_it_accepts_what_python_decodes() -> None:
    """A sequence ends between characters exactly if Python decodes it."""
    for data in edge_sequences():
        assert (run(NEXT_STATE, data) == BETWEEN_CHARACTERS) == is_valid(data), data


@given(text=st.text(max_size=8), cut=st.integers(0, 3))
def test_missing_bytes_complete_a_cut_character(text: str, cut: int) -> None:
    """After any beginning of valid text, the bytes said to be missing are the fewest that make it valid."""
    data = text.encode()[: max(0, len(text.encode()) - cut)]
    state = run(NEXT_STATE, data)
    missing = int(MISSING_BYTES[state])
    following = np.flatnonzero(NEXT_STATE[state] != REJECTED)
    for _ in range(missing):
        data += bytes([following[0]])
        following = np.flatnonzero(NEXT_STATE[run(NEXT_STATE, data)] != REJECTED)
    assert is_valid(data)
    assert (missing == 0) == (state == BETWEEN_CHARACTERS)


def test_a_begun_character_is_the_beginning_of_one() -> None:
    """Whatever comes before it, broken characters included."""
    characters = [chr(point).encode("utf-8", "ignore") for point in range(0x80, 0x110000, 64)]
    beginnings = {character[:count] for character in characters for count in range(1, len(character))}
    for data in edge_sequences():
        expected = [data[-count:] for count in (1, 2, 3) if data[-count:] in beginnings]
        assert begun_character(data) == (expected[0] if expected else b""), data


@pytest.mark.parametrize(("data", "missing"), [(b"", 0), (b"a", 0), (b"\xf0\x9f", 2), (b"\xff\xc3", 1), (b"\xe6a", 0)])
def test_it_starts_anew_after_invalid_bytes(data: bytes, missing: int) -> None:
    """The state after invalid bytes is that of the last character begun."""
    assert MISSING_BYTES[state_after(data)] == missing
