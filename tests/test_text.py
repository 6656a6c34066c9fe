"""Text and raw bytes."""

from hypothesis import given
from hypothesis import strategies as st

from granular_lm.text import to_bytes, to_text


@given(st.binary())
def test_bytes_survive_as_text(data: bytes) -> None:
    """Any bytes, valid UTF-8 or not, come back from their text."""
    assert to_bytes(to_text(data)) == data


@given(st.text(st.characters() | st.characters(categories=["Cs"])))
def test_every_str_has_raw_bytes(text: str) -> None:
    """to_bytes is defined for every str, character by character."""
    assert to_bytes(text) == b"".join(map(to_bytes, text))


def test_a_surrogate_no_byte_made_is_three_bytes() -> None:
    """U+D83D alone becomes ED A0 BD, beside an escaped byte that stays one."""
    assert to_bytes("\ud83d\udcff") == b"\xed\xa0\xbd\xff"
