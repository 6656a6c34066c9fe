"""Documents on disk: the same strings, in any order of reading."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from granular_lm.corpus import store as module
from granular_lm.corpus.store import DocumentStore
from granular_lm.errors import OptionError
from granular_lm.text import to_bytes, to_text

from_bytes = st.one_of(st.text(max_size=8), st.binary(max_size=8).map(to_text))
lists = st.lists(from_bytes, max_size=12)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handful of documents fill several blocks."""
    monkeypatch.setattr(module, "READ_AT_ONCE", 3)
    monkeypatch.setattr(module, "BYTES_AT_ONCE", 6)


@same_folder
@given(documents=lists)
def test_a_store_is_the_list_that_was_written(tmp_path: Path, documents: list[str]) -> None:
    """Read in order, by index or by slice, a store gives what a list would, with the number of its bytes."""
    store = DocumentStore.write(iter(documents), tmp_path)
    assert list(store) == list(store) == documents
    assert [store[index] for index in range(-len(documents), len(documents))] == documents * 2
    assert store[::-2] == documents[::-2]
    assert store[1:5] == documents[1:5]
    assert len(store) == len(documents)
    assert store.num_bytes == sum(map(len, map(to_bytes, documents)))


@same_folder
@given(chosen=st.lists(st.tuples(from_bytes, st.booleans()), max_size=12))
def test_the_documents_of_a_mask_are_read_in_order_and_again(tmp_path: Path, chosen: list[tuple[str, bool]]) -> None:
    """What a mask selects is counted and can be read twice."""
    mask = np.array([is_chosen for _, is_chosen in chosen], dtype=np.bool_)
    selected = DocumentStore.write((text for text, _ in chosen), tmp_path).where(mask)
    expected = [text for text, is_chosen in chosen if is_chosen]
    assert list(selected) == list(selected) == expected
    assert len(selected) == len(expected)


def test_a_block_holds_few_bytes_however_long_the_documents(tmp_path: Path) -> None:
    """At most six bytes here, or one document that is longer."""
    documents = ["abcd", "ef", "g", "hijklmnopq", "r", "s", "t", "u"]
    blocks = [(start, b" ".join(raw)) for start, raw in DocumentStore.write(documents, tmp_path)._blocks()]
    assert blocks == [(0, b"abcd ef"), (2, b"g"), (3, b"hijklmnopq"), (4, b"r s t"), (7, b"u")]


def test_two_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    """A store is read by several at once, at different paces."""
    documents = [f"{number}" for number in range(20)]
    store = DocumentStore.write(documents, tmp_path)
    pairs = list(zip(store, store.where(np.arange(20) % 2 == 0), strict=False))
    assert pairs == list(zip(documents, documents[::2], strict=False))


@pytest.mark.parametrize("index", [3, -4])
def test_an_index_out_of_range_is_an_index_error(tmp_path: Path, index: int) -> None:
    """As with a list."""
    with pytest.raises(IndexError):
        DocumentStore.write(["a", "b", "c"], tmp_path)[index]


def test_a_surrogate_that_no_byte_made_keeps_its_raw_bytes(tmp_path: Path) -> None:
    """A document is its raw bytes, and comes back as their text."""
    [read] = DocumentStore.write(["x\ud83d"], tmp_path)
    assert to_bytes(read) == to_bytes("x\ud83d")


def test_what_an_interrupted_run_left_is_replaced(tmp_path: Path) -> None:
    """A store that was broken off, longer than the new one, does not shine through."""

    def broken_off() -> Iterator[str]:
        yield from ["left over"] * 10_000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DocumentStore.write(broken_off(), tmp_path / "deep" / "folder")
    assert list(DocumentStore.write(["a", "b"], tmp_path / "deep" / "folder")) == ["a", "b"]


def test_a_mask_of_another_length_is_refused(tmp_path: Path) -> None:
    """A mask says something of each document."""
    with pytest.raises(OptionError, match=r"shape \(2,\) does not fit 3 documents"):
        DocumentStore.write(["a", "b", "c"], tmp_path).where(np.ones(2, dtype=np.bool_))


def test_want_of_room_names_the_folder(tmp_path: Path) -> None:
    """By itself it names nothing, and who reads it would not know where to make room."""
    program = (
        "import resource, sys; from pathlib import Path; from granular_lm.corpus.store import DocumentStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    DocumentStore.write(['x' * 5000], Path(sys.argv[1]))\n"
        "except OSError as error:\n"
        "    print(error.filename)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{tmp_path}\n", "")
