"""The UTF-8 automaton, run over the tokens of any codec.

Source: RFC 3629, section 4. A state says what may follow; a token moves the automaton by all of its bytes at once,
so one table over (state, token) tells which tokens keep a string valid, whatever the codec.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.base import Codec

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
_CONTINUATIONS = {  # state: (the bytes it accepts next, the state they lead to)
    1: (range(0x80, 0xC0), 0),
    2: (range(0x80, 0xC0), 1),
    3: (range(0xA0, 0xC0), 1),  # shorter forms are not allowed
    4: (range(0x80, 0xA0), 1),  # nor are surrogates
    5: (range(0x90, 0xC0), 2),
    6: (range(0x80, 0xC0), 2),
    7: (range(0x80, 0x90), 2),  # nor code points above U+10FFFF
}


def _byte_table() -> NDArray[np.uint8]:
    table = np.full((REJECTED + 1, 256), REJECTED, dtype=np.uint8)
    for state, leads in _LEADS.items():
        table[BETWEEN_CHARACTERS, list(leads)] = state
    for state, (accepted, following) in _CONTINUATIONS.items():
        table[state, list(accepted)] = following
    return table


NEXT_STATE = _byte_table()
"""The state after a byte, shape (9, 256)."""


@lru_cache(maxsize=8)
def token_transitions(codec: Codec) -> NDArray[np.uint8]:
    """Return the state after each token from each state, shape (9, V).

    The stop stands for no bytes, so it leaves every state as it is.
    """
    tokens = [codec.token_bytes(token_id) for token_id in range(codec.vocab_size)]
    states = np.repeat(np.arange(REJECTED + 1, dtype=np.uint8)[:, None], len(tokens), axis=1)
    by_length = sorted(range(len(tokens)), key=lambda token_id: -len(tokens[token_id]))
    for position in range(max(map(len, tokens))):
        longer = [token_id for token_id in by_length if len(tokens[token_id]) > position]
        following = np.array([tokens[token_id][position] for token_id in longer])
        states[:, longer] = NEXT_STATE[states[:, longer], following]
    return states


def state_after(data: bytes) -> int:
    """Return the state after ``data``; where it is not valid UTF-8, reading starts anew at the offending byte."""
    state = BETWEEN_CHARACTERS
    for byte in data:
        following = NEXT_STATE[state, byte]
        if following == REJECTED:
            following = NEXT_STATE[BETWEEN_CHARACTERS, byte]
        state = BETWEEN_CHARACTERS if following == REJECTED else int(following)
    return state
