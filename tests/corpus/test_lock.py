"""Lock files: what matches passes unnoticed, what does not is refused."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from granular_lm.corpus.jsonl import write_jsonl
from granular_lm.corpus.lock import LOCK_FILE, check_lock, read_locked, write_file_lock, write_lock
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import documents_hash
from granular_lm.errors import CorpusError, CorpusNotFoundError
from granular_lm.text import to_bytes

any_text = st.text(st.characters(exclude_categories=()))


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder with two locked files and one that is not."""
    folder = tmp_path / "data"
    folder.mkdir()
    parts = {name: write_jsonl([name, "é", "\udcff"], folder / f"{name}.jsonl", {"author": "abc"}) for name in "ab"}
    write_lock(folder, parts, seed=3)
    (folder / "free.txt").write_text("x\ny\n")
    return folder


def change(path: Path) -> None:
    path.write_text(path.read_text().replace("\\u00e9", "e"))


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(CorpusError) as caught:
        read()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_matches_is_read_as_without_a_lock(locked: Path) -> None:
    """Files and patterns give the same documents, those without a lock among them."""
    for names in ([locked / "a.jsonl", locked / "free.txt"], [str(locked / "*.jsonl")]):
        assert list(read_locked(names)) == list(read_documents(names))
    check_lock(locked / "a.jsonl")


def test_the_parts_of_a_split_are_not_read_as_one(locked: Path) -> None:
    """A folder of several locked parts would mix training and test documents; one of a single part is read."""
    said = refusal(lambda: read_locked([locked]))
    assert f"{locked} holds the parts of a split, a.jsonl, b.jsonl; give one of them" in said
    write_lock(locked, {"a": json.loads((locked / LOCK_FILE).read_text())["parts"]["a"]})
    assert list(read_locked([locked])) == list(read_documents([locked]))


@pytest.mark.parametrize("name", ["a.jsonl", "*.jsonl"])
def test_a_changed_file_is_refused_at_its_end(locked: Path, name: str) -> None:
    """The error names file, hash and count, met and expected, and what to do; a file before it is read."""
    change(locked / "b.jsonl")
    change(locked / "a.jsonl")
    changed = ["a", "e", "\udcff"]
    documents = read_locked([locked / "free.txt", locked / name])
    assert [next(documents) for _ in range(2)] == ["x", "y"]
    said = refusal(lambda: list(documents))
    assert said.startswith(f"{locked / 'a.jsonl'} is not what {LOCK_FILE} beside it says: its 3 documents")
    assert documents_hash(changed)[:12] in said
    assert documents_hash(["a", "é", "\udcff"])[:12] in said
    assert f"remove {locked / LOCK_FILE}" in said


def test_a_lost_document_is_counted(locked: Path) -> None:
    """A file that was cut at a line is refused as well."""
    path = locked / "a.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert "its 2 documents" in refusal(lambda: check_lock(path))


def test_another_form_of_the_same_documents_is_accepted(locked: Path) -> None:
    """The hash is of documents: spaces, blank lines and further fields in the file make no difference."""
    path = locked / "a.jsonl"
    objects = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "\n\n".join(json.dumps({**each, "id": 1}, indent=None, separators=(" , ", ": ")) for each in objects)
    )
    assert len(list(read_locked([path]))) == 3


@pytest.mark.parametrize("how", [{"field": "author"}, {"whole_file": True}, {"format": "txt"}])
def test_a_locked_file_is_checked_however_it_is_read(locked: Path, how: dict[str, object]) -> None:
    """Another field, the whole file or its lines are read once the documents that were locked are compared."""
    path = locked / "a.jsonl"
    assert list(read_locked([path], **how)) == list(read_documents([path], **how))  # type: ignore[arg-type]
    change(path)
    assert "is not what" in refusal(lambda: list(read_locked([path], **how)))  # type: ignore[arg-type]


def test_a_file_that_the_lock_does_not_name_is_not_checked(locked: Path, tmp_path: Path) -> None:
    """A copy under another name, or in another folder, is a file of its own."""
    change(locked / "a.jsonl")
    (locked / "c.jsonl.gz").write_bytes(gzip.compress((locked / "a.jsonl").read_bytes()))
    (tmp_path / "a.jsonl").write_bytes((locked / "a.jsonl").read_bytes())
    assert (
        list(read_locked([locked / "c.jsonl.gz"])) == list(read_locked([tmp_path / "a.jsonl"])) == ["a", "e", "\udcff"]
    )
    (locked / LOCK_FILE).unlink()
    assert next(read_locked([locked / "a.jsonl"])) == "a"


@pytest.mark.parametrize("whole_file", [True, False])
def test_a_file_may_have_a_lock_of_its_own(locked: Path, whole_file: bool) -> None:
    """Beside that of the folder, which holds for the others as before; it is checked however the file is read."""
    free = locked / "free.txt"
    lock = write_file_lock(free, whole_file=whole_file, licence="none")
    told = json.loads(lock.read_text())
    about = {"file": "free.txt", "documents": 1 if whole_file else 2, "bytes": 4 if whole_file else 2}
    assert (lock.name, told["licence"]) == ("free.txt.lock.json", "none")
    assert told["parts"]["documents"].items() >= about.items()
    for how in (True, False):
        assert list(read_locked([free], whole_file=how)) == list(read_documents([free], whole_file=how))
    free.write_text("x\n")
    for how in (True, False):
        said = refusal(lambda how=how: list(read_locked([free], whole_file=how)))  # type: ignore[misc]
        assert said.startswith(f"{free} is not what free.txt.lock.json beside it says: its one document has the SHA")
        assert f"remove {lock} to use" in said
    check_lock(locked / "a.jsonl")
    change(locked / "a.jsonl")
    assert f"is not what {LOCK_FILE}" in refusal(lambda: check_lock(locked / "a.jsonl"))
    lock.write_text("{}")
    assert f"{lock} is damaged" in refusal(lambda: check_lock(free))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"parts": 3}', '{"parts": {"a": {}}}', "\0", '{"parts": {"a": 1}}']
)
def test_a_damaged_lock_is_refused(locked: Path, content: str) -> None:
    """What cannot be compared is not taken for equal."""
    (locked / LOCK_FILE).write_text(content)
    said = refusal(lambda: list(read_locked([locked / "a.jsonl"])))
    assert f"{locked / LOCK_FILE} is damaged" in said


def test_all_files_are_looked_up_first(locked: Path) -> None:
    """A name that leads nowhere is an error before anything is read."""
    with pytest.raises(CorpusNotFoundError):
        read_locked([locked / "a.jsonl", locked / "none.jsonl"])


@given(st.lists(any_text, max_size=4))
def test_what_was_written_matches_its_lock(tmp_path_factory: pytest.TempPathFactory, documents: list[str]) -> None:
    """Whatever characters documents have, they are read back as the bytes that were hashed."""
    folder = tmp_path_factory.mktemp("locked")
    write_lock(folder, {"all": write_jsonl(iter(documents), folder / "all.jsonl")})
    assert list(map(to_bytes, read_locked([folder / "all.jsonl"]))) == list(map(to_bytes, documents))
