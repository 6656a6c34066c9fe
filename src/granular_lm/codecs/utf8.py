"""The UTF-8 automaton: its state says which bytes may follow.

Source: RFC 3629, section 4.
"""

import numpy as np
from numpy.typing import NDArray

BETWEEN_CHARACTERS = 0
REJECTED = 8
MISSING_BYTES = np.array([0, 1, 2, 2, 2, 3, 3, 3, 0], dtype=np.int32)
"""Bytes that end the character begun, for each state."""

_LEADS = {  # state: the first bytes that lead from between characters to it
    0: range(0x80),
    1: range(0xC2, 0xE0),
    2: [*range(0xE1, 0xED), 0xEE, 0xEF],
    3: [0xE0],
    4: [0xED],
    5: [0xF0],
    6: range(0xF1, 0xF4),
    7: [0xF4],
}
CONTINUATIONS = range(0x80, 0xC0)
"""All bytes of a character but its first."""

_FOLLOWING = {  # state: (the bytes it accepts next, the state they lead to)
    1: (CONTINUATIONS, 0),
    2: (CONTINUATIONS, 1),
    3: (range(0xA0, 0xC0), 1),  # shorter forms are not allowed
    4: (range(0x80, 0xA0), 1),  # nor are surrogates
    5: (range(0x90, 0xC0), 2),
    6: (CONTINUATIONS, 2),
    7: (range(0x80, 0x90), 2),  # nor code points above U+10FFFF
}


def _byte_table() -> NDArray[np.uint8]:
    table = np.full((REJECTED + 1, 256), REJECTED, dtype=np.uint8)
    for state, leads in _LEADS.items():
        table[BETWEEN_CHARACTERS, list(leads)] = state
    for state, (accepted, following) in _FOLLOWING.items():
        table[state, list(accepted)] = following
    return table


NEXT_STATE = _byte_table()
"""The state after a byte, shape (9, 256)."""


def begun_character(data: bytes) -> bytes:
    """Return the first bytes of the character that ``data`` ends inside of; none if it ends between characters."""
    for count in range(1, min(3, len(data)) + 1):
        state = BETWEEN_CHARACTERS
        for byte in data[-count:]:
            state = NEXT_STATE[state, byte]
        if state not in (BETWEEN_CHARACTERS, REJECTED):
            return data[-count:]
    return b""


def state_after(data: bytes) -> int:
    """Return the state after ``data``; where it is not valid UTF-8, reading starts anew at the offending byte."""
    state = BETWEEN_CHARACTERS
    for byte in data:
        following = NEXT_STATE[state, byte]
        if following == REJECTED:
            following = NEXT_STATE[BETWEEN_CHARACTERS, byte]
        state = BETWEEN_CHARACTERS if following == REJECTED else int(following)
    return state
