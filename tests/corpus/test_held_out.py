"""Documents that are held out are not trained on."""

import pytest

from granular_lm.corpus.held_out import apart_from
from granular_lm.errors import CorpusError


def test_documents_pass_by() -> None:
    """As they are, if none is held out; an empty one says nothing, and may be on both sides."""
    assert list(apart_from(["a", "", "b"], ["c", ""], "test")) == ["a", "", "b"]


@pytest.mark.parametrize("twin", ["😀", "\udcf0\udc9f\udc98\udc80"])
def test_a_document_on_both_sides_is_refused_at_the_end(twin: str) -> None:
    """With the number of those that are held out; what counts are the bytes, in whatever form they come."""
    documents = apart_from(["a", twin, twin, "b"], ["😀", "c"], "test")
    assert [next(documents) for _ in range(4)] == ["a", twin, twin, "b"]
    with pytest.raises(CorpusError, match="1 of 2 test documents stand in the train part, too, such as '😀'"):
        next(documents)
