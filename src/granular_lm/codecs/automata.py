"""Automata that read bytes, and the same automata reading the tokens of a codec.

An automaton is its table of transitions, shape (states, 256): the state after each byte. A token moves it by all of
its bytes at once, so one table over (state, token) tells what every token does, whatever the codec.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs.base import Codec

States = NDArray[np.int32]
START = 0


def over_tokens(next_state: NDArray[np.integer], codec: Codec) -> States:
    """Return the state after each token from each state, shape (states, V).

    The stop stands for no bytes, so it leaves every state as it is.
    """
    tokens = [codec.token_bytes(token_id) for token_id in range(codec.vocab_size)]
    states = np.repeat(np.arange(len(next_state), dtype=np.int32)[:, None], len(tokens), axis=1)
    by_length = sorted(range(len(tokens)), key=lambda token_id: -len(tokens[token_id]))
    for position in range(max(map(len, tokens))):
        longer = [token_id for token_id in by_length if len(tokens[token_id]) > position]
        following = np.array([tokens[token_id][position] for token_id in longer])
        states[:, longer] = next_state[states[:, longer], following]
    return states


def occurrences(strings: Iterable[bytes]) -> tuple[States, NDArray[np.bool_]]:
    """Return the automaton that notices when one of some strings has just been read, and in which states it has.

    Source: Aho and Corasick 1975, "Efficient string matching".

    Args:
        strings: What to look for, none of them empty.

    Returns:
        The table of transitions, shape (states, 256), from the state `START`, and which states end a string.
    """
    children: list[dict[int, int]] = [{}]
    ends = [False]
    for string in strings:
        state = START
        for byte in string:
            if byte not in children[state]:
                children[state][byte] = len(children)
                children.append({})
                ends.append(False)
            state = children[state][byte]
        ends[state] = True
    table = np.zeros((len(children), 256), dtype=np.int32)
    is_end = np.array(ends)
    fallback = [START] * len(children)
    waiting = deque([START])
    while waiting:  # breadth first: what a state falls back to is shorter, and known
        state = waiting.popleft()
        if state != START:
            table[state] = table[fallback[state]]
            is_end[state] |= is_end[fallback[state]]
        for byte, child in children[state].items():
            fallback[child] = int(table[state, byte])  # before the edge to the child itself is drawn
            table[state, byte] = child
            waiting.append(child)
    return table, is_end


def run(next_state: NDArray[np.integer], data: bytes, state: int = START) -> int:
    """Return the state after ``data``."""
    for byte in data:
        state = int(next_state[state, byte])
    return state
