"""Addresses, by the example of files in memory; no test asks the network."""

from collections.abc import Iterator
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from granular_lm.corpus.readers import read_documents
from granular_lm.errors import CorpusNotFoundError
from reading import PACK, message, refusal


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem("memory")
    system.pipe(
        {
            "/data/b.txt": b"b",
            "/data/a.jsonl.zst": PACK[".zst"](b'{"text": "a"}\n'),
            "/data/README.md": b"no",
            "/data/deeper/c.txt": b"c1\nc2\n",
        }
    )
    yield system
    system.rm("/data", recursive=True)


def test_an_address_stands_for_what_a_path_would(memory: MemoryFileSystem) -> None:
    """A file, packed or not, the files of a folder, those that match a pattern."""
    assert list(read_documents("memory://data/b.txt")) == ["b"]
    assert list(read_documents("memory://data")) == ["a", "b"]
    assert list(read_documents("memory://data/**/*.txt")) == ["b", "c1", "c2"]
    assert list(read_documents("memory://data/README.md", whole_file=True)) == ["no"]


def test_nothing_at_an_address_is_an_error_at_the_call(memory: MemoryFileSystem) -> None:
    """Of the kind that a missing file is."""
    for nothing in ("memory://data/typo.txt", "memory://data/*.csv"):
        assert nothing in message(lambda address=nothing: read_documents(address), CorpusNotFoundError)  # type: ignore[misc]


def test_errors_name_the_address_and_the_line(memory: MemoryFileSystem) -> None:
    """As those of a file name the file."""
    memory.pipe("/data/bad.jsonl", b'{"text": "a"}\n{}\n')
    assert "memory://data/bad.jsonl:2: the object has no field 'text'" in refusal("memory://data/bad.jsonl")
    assert "memory:///data/deeper/x.csv:1: the file is empty" in _refusal_of_two(memory)


def _refusal_of_two(memory: MemoryFileSystem) -> str:
    memory.pipe({"/data/deeper/x.csv": b"", "/data/deeper/y.csv": b""})
    return refusal("memory://data/deeper/*.csv")


class BrokenSystem(MemoryFileSystem):  # type: ignore[misc]
    """A place whose files break off with an exception that nobody knows."""

    protocol = "broken"

    def exists(self, path: str, **_: Any) -> bool:
        return True

    def isdir(self, path: str) -> bool:
        return False

    def open(self, path: str, *_: Any, **__: Any) -> Any:
        raise LookupError("the line\nis dead")


def test_whatever_a_protocol_raises_is_one_line() -> None:
    """The error names the address and what to check."""
    fsspec.register_implementation("broken", BrokenSystem, clobber=True)
    said = refusal("broken://a.txt")
    assert "broken://a.txt cannot be read (the line is dead); check the address" in said


def test_a_missing_package_is_named_at_the_call() -> None:
    """In the words of fsspec, which knows what a protocol needs."""
    fsspec.register_implementation("far", "no_such_package.System", errtxt="Install no_such_package", clobber=True)
    said = message(lambda: read_documents("far://a.txt"))
    assert said.startswith("far://a.txt needs a package that is not installed (Install no_such_package)")


def test_an_unknown_protocol_is_refused() -> None:
    """In one line."""
    assert "Protocol not known: nosuch" in refusal("nosuch://a.txt")
