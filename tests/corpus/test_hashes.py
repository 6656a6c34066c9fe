"""Hashes noted of what passes by."""

from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.hashes import TextHashes


@given(st.lists(st.sampled_from(["a", "A", "b", "", " ", "\udcff"])))
def test_the_first_of_equal_texts_is_known(texts: list[str]) -> None:
    """Texts pass unchanged, and exactly what did not occur before is first."""
    hashes = TextHashes()
    assert list(hashes.noting(texts)) == texts
    assert hashes.is_first().tolist() == [text not in texts[:place] for place, text in enumerate(texts)]


def test_hashes_can_be_looked_at_on_the_way() -> None:
    """What was looked at stays as it was while more is noted; equal texts have equal hashes."""
    hashes = TextHashes()
    list(hashes.noting(["a", "b"]))
    early = hashes.values
    list(hashes.noting(["a"]))
    assert (len(early), len(hashes.values)) == (2, 3)
    assert hashes.values[0] == hashes.values[2] != hashes.values[1]
