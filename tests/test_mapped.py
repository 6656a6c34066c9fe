"""Arrays in files: what is written in pieces is read as one."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from granular_lm.mapped import ArrayWriter, OffsetsWriter, map_array, release_pages

pieces = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=5)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@same_folder
@given(pieces)
def test_pieces_are_read_back_as_one_array(tmp_path: Path, pieces: list[list[int]]) -> None:
    """Nothing is lost between pieces, empty ones and none at all included, nor by giving memory back."""
    with ArrayWriter(tmp_path / "array", np.uint32) as writer:
        for piece in pieces:
            writer.append(np.array(piece, dtype=np.int64))
    array = map_array(tmp_path / "array", np.uint32)
    for _ in range(2):
        assert array.tolist() == list(chain(*pieces))
        release_pages(array)


@same_folder
@given(pieces)
def test_offsets_are_the_running_sum_of_lengths(tmp_path: Path, pieces: list[list[int]]) -> None:
    """They start at 0 and go on from one piece to the next, beyond what 32 bits hold."""
    with OffsetsWriter(tmp_path / "offsets") as writer:
        for piece in pieces:
            writer.append(np.array(piece, dtype=np.int32))
    lengths = list(chain(*pieces))
    assert map_array(tmp_path / "offsets", np.int64).tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]


def test_a_mapped_array_is_read_only(tmp_path: Path) -> None:
    """Nobody changes a corpus by mistake."""
    with ArrayWriter(tmp_path / "array", np.uint8) as writer:
        writer.append(np.arange(3))
    with pytest.raises(ValueError, match="read-only"):
        map_array(tmp_path / "array", np.uint8)[0] = 1


def test_writing_anew_leaves_what_is_mapped(tmp_path: Path) -> None:
    """An array that was mapped from an earlier file of that name keeps its values."""
    arrays = []
    for values in (np.arange(100_000), np.arange(3)):
        with ArrayWriter(tmp_path / "array", np.int64) as writer:
            writer.append(values)
        arrays.append(map_array(tmp_path / "array", np.int64))
    assert np.array_equal(arrays[0], np.arange(100_000))
    assert arrays[1].tolist() == [0, 1, 2]
