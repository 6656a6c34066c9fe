"""Automata over bytes, and over the tokens of any codec."""

from hypothesis import given
from hypothesis import strategies as st

from granular_lm.codecs import Codec
from granular_lm.codecs.automata import START, occurrences, over_tokens, run
from granular_lm.codecs.utf8 import NEXT_STATE, REJECTED

few_letters = st.text("abc", min_size=1, max_size=4).map(str.encode)


@given(strings=st.lists(few_letters, min_size=1, max_size=5), data=st.text("abc", max_size=30).map(str.encode))
def test_it_notices_a_string_as_soon_as_it_has_been_read(strings: list[bytes], data: bytes) -> None:
    """After each byte, the state is an end exactly if what was read ends with one of the strings."""
    table, is_end = occurrences(strings)
    state = START
    for position in range(len(data)):
        state = run(table, data[position : position + 1], state)
        assert is_end[state] == any(data[: position + 1].endswith(string) for string in strings)


def test_a_token_moves_an_automaton_by_all_its_bytes(codec: Codec) -> None:
    """The table over tokens is the byte automaton run over each token's bytes, from each state."""
    table = over_tokens(NEXT_STATE, codec)
    for state in range(REJECTED + 1):
        for token_id in range(codec.vocab_size):
            assert table[state, token_id] == run(NEXT_STATE, codec.token_bytes(token_id), state)
