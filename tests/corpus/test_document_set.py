"""The set of fingerprints knows what it was given."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.document_set import FINGERPRINT_BYTES, DocumentSet, quantiles
from granular_lm.errors import ModelError


@given(documents=st.lists(st.binary(max_size=12), max_size=30), other=st.binary(max_size=12))
def test_it_holds_what_it_was_given(documents: list[bytes], other: bytes) -> None:
    """Members are known, others are not, duplicates count once."""
    known = DocumentSet.of(documents)
    assert all(document in known for document in documents)
    assert (other in known) == (other in documents)
    assert len(known) == len(set(documents))
    assert "text" not in known


def test_it_comes_back_from_a_file(tmp_path: Path) -> None:
    """Five bytes a document, also where fingerprints end in zeros."""
    documents = [str(number).encode() for number in range(3000)]
    DocumentSet.of(documents).save(tmp_path / "known")
    known = DocumentSet.load(tmp_path / "known")
    assert (tmp_path / "known").stat().st_size == 8 + 3000 * FINGERPRINT_BYTES
    assert all(document in known for document in documents)
    assert not any(str(number).encode() in known for number in range(3000, 6000))
    assert len(known | DocumentSet.of([b"0", b"new"])) == 3001


@pytest.mark.parametrize("size", [0, 3, 8, 13, 17, 19])
def test_a_file_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    """One line, and what to do: copies of what is missing would pass for new strings."""
    DocumentSet.of([b"Ada", b"Grace"]).save(tmp_path / "known")
    (tmp_path / "known").write_bytes(((tmp_path / "known").read_bytes() + b"x")[:size])
    with pytest.raises(ModelError, match=f"has {size} bytes, not those of .* documents; copy"):
        DocumentSet.load(tmp_path / "known")


def test_quantiles_are_lengths_that_occur() -> None:
    """A tenth, a half and nine tenths do not exceed them."""
    assert quantiles(np.arange(1, 11)) == {"mean": 5.5, "p10": 1.0, "p50": 5.0, "p90": 9.0}
    assert quantiles(np.array([7, 8, 9])) == {"mean": 8.0, "p10": 7.0, "p50": 8.0, "p90": 9.0}
    assert quantiles(np.array([], dtype=int)) == {}
