"""A split on the disk: the parts that a split in memory has, without holding the corpus."""

import json
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from granular_lm.corpus.lock import LOCK_FILE
from granular_lm.corpus.split import split_documents, write_split
from granular_lm.corpus.split_folder import split_to_folder
from granular_lm.errors import CorpusError, OptionError, OutputExistsError

some_words = [f"{a}{b}{c}" for a in "abcdé" for b in "xyzжß☕" for c in ("", " 1", "!", "\udce9", "a" * 20)]
posts = st.lists(st.tuples(st.sampled_from(some_words), st.integers(0, 9).map(str)), min_size=30, max_size=60)
strata = st.sampled_from([(), ("length",), ("script", "length")])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def in_memory(
    documents: Sequence[str], labels: Sequence[str] | None, folder: Path, seed: int, stratify: Sequence[str]
) -> dict[str, bytes]:
    """Split and write a corpus that is held."""
    split = split_documents(documents, valid=0.2, test=0.2, seed=seed, groups=labels, stratify=stratify)
    shares = {"valid": 0.2, "test": 0.2}
    group_by = "author" if labels else None
    write_split(split, folder, seed=seed, source=["a"], shares=shares, group_by=group_by, stratify=list(stratify))
    return files(folder)


@given(posts, st.integers(0, 3), strata, st.booleans(), st.booleans())
def test_the_files_are_those_of_a_split_in_memory(
    corpus: list[tuple[str, str]], seed: int, stratify: Sequence[str], grouped: bool, keep_duplicates: bool
) -> None:
    """Parts and lock are the same to the byte, with and without labels, strata, duplicates."""
    label_of = dict(reversed(corpus))  # the first of each text stays
    kept = corpus if keep_duplicates else [(text, label_of[text]) for text in dict(corpus)]
    texts, labels = [text for text, _ in kept], [label for _, label in kept] if grouped else None
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out"
        try:
            expected = in_memory(texts, labels, Path(place) / "expected", seed, stratify)
        except CorpusError:  # one group has nearly all documents
            reject()
        told = split_to_folder(
            (text for text, _ in corpus),
            out,
            valid=0.2,
            test=0.2,
            seed=seed,
            group_by="author" if grouped else None,
            groups=(label for _, label in corpus),
            stratify=stratify,
            keep_duplicates=keep_duplicates,
            source=["a"],
        )
        assert files(out) == expected
        counts = {name: part["documents"] for name, part in json.loads(expected[LOCK_FILE])["parts"].items()}
        assert {name: told[name] for name in counts} == counts
        assert told["dropped"] == len(corpus) - len(texts)
        assert told["groups"] == len(set(labels or []))


def test_documents_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty megabytes of documents that are read once are split in less than a third as much."""
    monkeypatch.setattr("granular_lm.corpus.split.near_duplicate_key", lambda text: text[:9])  # for the time it takes

    def documents() -> Iterator[str]:
        for number in range(3_000):
            yield f"{number} {'words ' * 3_500}"

    tracemalloc.start()
    try:
        told = split_to_folder(documents(), tmp_path / "out")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert told["train"] + told["valid"] + told["test"] == 3_000


@pytest.mark.parametrize("count", [1, 9])
def test_a_label_missing_or_too_many_is_refused(tmp_path: Path, count: int) -> None:
    """The error names the field, and nothing is left behind."""
    with pytest.raises(CorpusError, match=r"field 'author' has .* behind [13] documents"):
        split_to_folder(["a", "b", "c"], tmp_path / "out", group_by="author", groups=["x"] * count)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("settings", "said"), [({"valid": 2}, "valid=2"), ({"stratify": ["size"]}, "stratify='size'")])
def test_an_option_is_refused_before_anything_is_read(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    """A long reading never ends in a mistyped option."""
    documents = iter(["a", "b", "c"])
    with pytest.raises(OptionError, match=said):
        split_to_folder(documents, tmp_path / "out", **settings)  # type: ignore[arg-type]
    assert list(documents) == ["a", "b", "c"]


@pytest.mark.parametrize("stratify", [[], ["length"], ["script"]])
def test_an_empty_corpus_is_refused(tmp_path: Path, stratify: list[str]) -> None:
    """Whatever is asked for."""
    with pytest.raises(CorpusError):
        split_to_folder([], tmp_path / "out", stratify=stratify)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with files is refused before anything is read, and an empty one is used."""
    documents = iter(["a", "b", "c"])
    (tmp_path / "mine").write_text("x")
    with pytest.raises(OutputExistsError):
        split_to_folder(documents, tmp_path)
    (tmp_path / "empty").mkdir()
    assert split_to_folder(documents, tmp_path / "empty")["train"] == 1


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    """If reading breaks off, neither the folder nor the documents so far are there."""

    def broken() -> Iterator[str]:
        yield "a"
        raise CorpusError("a.jsonl:2: is not JSON.")

    with pytest.raises(CorpusError, match="a.jsonl:2"):
        split_to_folder(broken(), tmp_path / "out")
    assert not list(tmp_path.iterdir())
