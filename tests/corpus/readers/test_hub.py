"""Data sets of the Hub, by the example of one in a folder: the same package reads both."""

import sys
from pathlib import Path

import pytest

from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusError
from reading import message, refusal, written


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the package from the network, and from the home of who runs the tests."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def data_set(tmp_path: Path) -> str:
    folder = tmp_path / "people"
    folder.mkdir()
    written(folder, "train.jsonl", '{"text": "a", "bio": "x", "n": 1}\n{"text": "b", "bio": null, "n": 2}\n')
    written(folder, "test.jsonl", '{"text": "c", "bio": "z", "n": 3}\n')
    return f"hub:{folder}"


def test_the_rows_of_a_split_are_documents(data_set: str) -> None:
    """The split is train unless another is named, and the column the one called text unless another is named."""
    assert list(read_documents(data_set)) == ["a", "b"]
    assert list(read_documents(Path(f"{data_set},split=test"), column="bio")) == ["z"]
    assert list(read_documents([f"{data_set},split=test,config=default", data_set])) == ["c", "a", "b"]


def test_what_is_wrong_with_a_data_set_is_named(data_set: str) -> None:
    """The split, the column or the row that is not as it has to be."""
    assert "Available splits" in refusal(f"{data_set},split=dev")
    assert "no column is called 'x'; the columns are 'text', 'bio', 'n'" in refusal(data_set, column="x")
    assert "row 2: column 'bio' is None" in refusal(data_set, column="bio")
    assert "row 1: column 'n' is 1" in refusal(data_set, column="n")


@pytest.mark.parametrize("name", ["hub:", "hub:,split=test", "hub:a/b,test", "hub:a/b,split=", "hub:a/b,part=test"])
def test_a_name_that_says_nothing_is_refused(name: str) -> None:
    """The error shows how a data set is named."""
    assert "write hub:user/name" in refusal(name)


def test_a_data_set_that_is_not_there_is_refused_at_the_call(tmp_path: Path) -> None:
    """The name is looked up before anything is read."""
    first = written(tmp_path, "a.txt", "a")
    said = message(lambda: read_documents([first, f"hub:{tmp_path}/nothing"]))
    assert f"hub:{tmp_path}/nothing cannot be read" in said


def test_a_data_set_is_no_whole_file(data_set: str) -> None:
    """What has no bytes cannot be one document."""
    with pytest.raises(CorpusError, match="name a column instead"):
        read_documents(data_set, whole_file=True)


def test_the_missing_package_is_named(data_set: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed, the error says how to get it."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install 'granular-lm[data]'" in refusal(data_set)
