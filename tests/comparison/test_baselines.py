"""Methods that need no network."""

import lzma
import math

import pytest

from granular_lm.comparison.baselines import baselines


def values(train: list[str], test: list[str]) -> dict[str, float]:
    return {each["name"]: each["bpb"] for each in baselines(train, test)}


def test_uniform_is_log2_257_a_byte_and_a_stop() -> None:
    """Three bytes in two documents: log2(257) · 5/3."""
    assert values(["x"], ["ab", "c"])["uniform"] == pytest.approx(math.log2(257) * 5 / 3)


def test_unigram_by_hand() -> None:
    """Training 'aab': counts a 2, b 1, stop 1, one more each, of 4 + 257; test 'a' costs -log2(3·2/261²)."""
    assert values(["aab"], ["a"])["unigram"] == pytest.approx(-math.log2(3 / 261) - math.log2(2 / 261))


def test_file_compressors_read_the_newline_separated_file() -> None:
    """Xz is what the xz program makes of the file, over the bytes of the documents."""
    documents = ["some text", "more text", "日本"] * 30
    file = "".join(f"{text}\n" for text in documents).encode()
    expected = 8 * len(lzma.compress(file, preset=9 | lzma.PRESET_EXTREME)) / (len(file) - len(documents))
    assert values(["x"], documents)["xz"] == pytest.approx(expected)
