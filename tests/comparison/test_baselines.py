"""Methods that need no network."""

import lzma
import math
import zlib
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.comparison import baselines as module
from granular_lm.comparison.baselines import DICTIONARY_BYTES, baselines, evenly
from granular_lm.comparison.ngram import NGramModel
from granular_lm.text import to_bytes


def found(train: list[str], test: list[str]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in baselines(train, test)}


def values(train: list[str], test: list[str]) -> dict[str, float]:
    return {name: each["bpb"] for name, each in found(train, test).items()}


def test_each_baseline_says_what_it_took() -> None:
    """Every one has a name, bits per byte, seconds and a note, which is empty where nothing need be known."""
    every = baselines(["some text"] * 3, ["other text"])
    names = ["uniform", "unigram", "kneser-ney-5", "zlib", "xz", "zstd", "zstd+dictionary"]
    assert [each["name"] for each in every] == names
    assert all(each["bpb"] > 0 and each["seconds"] >= 0 for each in every)
    assert [each["name"] for each in every if each["note"]] == ["zstd+dictionary"]


def test_uniform_is_log2_257_a_byte_and_a_stop() -> None:
    """Three bytes in two documents: log2(257) · 5/3."""
    assert values(["x"], ["ab", "c"])["uniform"] == pytest.approx(math.log2(257) * 5 / 3)


def test_unigram_by_hand() -> None:
    """Training 'aab': counts a 2, b 1, stop 1, one more each, of 4 + 257; test 'a' costs -log2(3·2/261²)."""
    assert values(["aab"], ["a"])["unigram"] == pytest.approx(-math.log2(3 / 261) - math.log2(2 / 261))


def test_file_compressors_read_the_newline_separated_file() -> None:
    """Each is what its program makes of the file, over the bytes of the documents."""
    documents = ["some text", "more text", "日本"] * 30
    file = "".join(f"{text}\n" for text in documents).encode()
    expected = {
        "zlib": zlib.compress(file, 9),
        "xz": lzma.compress(file, preset=9 | lzma.PRESET_EXTREME),
        "zstd": zstandard.ZstdCompressor(level=19).compress(file),
    }
    bpb = values(["x"], documents)
    for name, compressed in expected.items():
        assert bpb[name] == 8 * len(compressed) / (len(file) - len(documents))


def test_kneser_ney_learns_from_the_training_documents(bios: list[str]) -> None:
    """Its bits are the model's, over the bytes."""
    bits = NGramModel.train(bios[:500]).bits(bios[500:]).sum()
    num_bytes = sum(len(to_bytes(text)) for text in bios[500:])
    assert values(bios[:500], bios[500:])["kneser-ney-5"] == pytest.approx(bits / num_bytes)


def test_kneser_ney_says_that_it_learned_from_a_part(bios: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more text than it can hold it takes documents from all over, and the note has the figure."""
    monkeypatch.setattr(module, "NGRAM_BYTES", 20_000)
    each = found(bios[:500], bios[500:])["kneser-ney-5"]
    assert each["note"] == "counted on 0.02 of 0.04 MB of training text, taken evenly"
    bits = NGramModel.train(evenly(bios[:500], 20_000)).bits(bios[500:]).sum()
    assert each["bpb"] == pytest.approx(bits / sum(len(to_bytes(text)) for text in bios[500:]))


def test_a_dictionary_is_trained_where_there_is_enough_text(bios: list[str]) -> None:
    """It makes the file smaller, and the note says that its own bytes are not counted."""
    every = found(bios[:500], bios[500:])
    assert every["zstd+dictionary"]["bpb"] < every["zstd"]["bpb"]
    assert every["zstd+dictionary"]["note"].endswith("bytes of the dictionary are not counted")


@pytest.mark.parametrize("train", [[""], ["x"], ["abc"] * 3, ["the very same text as here"]])
def test_a_tiny_corpus_has_a_dictionary_too(train: list[str]) -> None:
    """Where none can be trained, the training text itself is the dictionary."""
    assert values(train, ["the very same text as here"])["zstd+dictionary"] > 0


def test_training_text_as_a_dictionary_helps() -> None:
    """A document that stands in a dictionary of raw text costs less than without it."""
    text = "Pack my box with five dozen liquor jugs, then sphinx of black quartz."
    assert len(text) < DICTIONARY_BYTES
    bpb = values([text], [text])
    assert bpb["zstd+dictionary"] < bpb["zstd"] / 2


@given(st.lists(st.text("aé", max_size=20), max_size=40), st.integers(4, 300))
def test_evenly_keeps_to_its_bytes_and_to_the_order(documents: list[str], max_bytes: int) -> None:
    """What is taken fits, leaves out less than one document needs, and is all where all fits."""
    taken = evenly(documents, max_bytes)
    sizes = [len(to_bytes(text)) for text in documents]
    assert sum(len(to_bytes(text)) for text in taken) <= max_bytes
    if sum(sizes) <= max_bytes:
        assert taken == documents
    elif len(taken) > 1:
        remaining = iter(documents)
        assert all(text in remaining for text in taken)
        assert sum(len(to_bytes(text)) for text in taken) >= max_bytes - max(sizes) - 1


def test_evenly_takes_from_all_over() -> None:
    """Half of equal documents is every other one."""
    assert evenly(["00", "11", "22", "33", "44", "55"], 6) == ["11", "33", "55"]


def test_evenly_cuts_a_document_that_is_longer_than_all_that_is_wanted() -> None:
    """Of a book, its beginning is taken."""
    assert evenly(["a" * 100], 8) == ["aa"]
