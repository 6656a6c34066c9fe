"""The tables of the exact engine."""

import numpy as np

from granular_lm.runtime.tables import arithmetic_hash, tables


def test_table_entries_are_the_nearest_whole_numbers() -> None:
    """Beside the library's functions each entry is off by half a unit at most, as far as a float can tell."""
    x = np.arange(-8 * 4096, 8 * 4096 + 1) / 4096
    assert np.abs(tables().tanh - np.tanh(x) * 2**20).max() <= 0.5 + 1e-6
    assert np.abs(tables().sigmoid - 1 / (1 + np.exp(-2 * x))).max() * 2**20 <= 0.5 + 1e-6
    x = np.arange(17 * 4096 + 1) / 4096
    assert np.abs(tables().exp - np.exp(-x) * 2**30).max() <= 0.5 + 1e-6


def test_tables_go_one_way_and_are_symmetric() -> None:
    """From one end to the other: -1 to 1, 0 to 1, and 1 down to what is still above zero."""
    tanh, sigmoid, exp = tables().tanh, tables().sigmoid, tables().exp
    assert (tanh[0], tanh[-1], sigmoid[32768], exp[0]) == (-(2**20), 2**20, 0.5, 2**30)
    assert np.array_equal(tanh, -tanh[::-1])
    assert np.array_equal(sigmoid + sigmoid[::-1], np.ones(len(sigmoid)))
    assert (np.diff(tanh) >= 0).all()
    assert (np.diff(sigmoid) >= 0).all()
    assert (np.diff(exp) <= 0).all()
    assert exp[-1] == 44  # e^-17 of 2^30 is 44.45


def test_the_tables_are_pinned() -> None:
    """They are those that the first file was compressed with; VERSION is raised if not."""
    assert arithmetic_hash() == "aa606a0f557f2068d59b693ba7dbaf5b12f352bef1eabc7a91146bc77202966f"
