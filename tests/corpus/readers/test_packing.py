"""Packed files: of several members, padded, damaged."""

import io
import struct
from pathlib import Path

import pytest
import zstandard

from granular_lm.corpus.readers import read_documents
from reading import PACK, message, refusal, written

CONTENT = {"txt": b"a\nb\n", "jsonl": b'{"text": "a"}\n{"text": "b"}\n', "csv": b'text\n"a"\nb\n'}
SUFFIXES = list(PACK)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", CONTENT)
def test_a_packed_file_is_read_as_what_it_holds(tmp_path: Path, suffix: str, kind: str) -> None:
    """Every format may be packed in every way."""
    assert list(read_documents(written(tmp_path, f"a.{kind}{suffix}", CONTENT[kind]))) == ["a", "b"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_members_follow_one_another(tmp_path: Path, suffix: str) -> None:
    """Members that were packed one by one are one file, whatever lines they cut and whatever zeros pad them."""
    path = tmp_path / f"a.txt{suffix}"
    pack = PACK[suffix]
    path.write_bytes(pack(b"a\nb") + pack(b"") + bytes(8) + pack(b"c\nd\n") + bytes(4))
    assert list(read_documents(path)) == ["a", "bc", "d"]


def test_frames_that_hold_no_text_are_passed_over(tmp_path: Path) -> None:
    """Zstandard's skippable frames are no documents, and a frame without its length is read to its end."""
    stream = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as writer:
        writer.write(b"a\n")
    skipped = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    (tmp_path / "a.txt.zst").write_bytes(skipped + stream.getvalue() + skipped)
    assert list(read_documents(tmp_path / "a.txt.zst")) == ["a"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", CONTENT)
def test_damaged_data_is_named(tmp_path: Path, suffix: str, kind: str) -> None:
    """A packed file that is cut short, changed or not packed at all is never taken for a shorter one."""
    good = PACK[suffix](CONTENT[kind])
    changed = good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]
    for number, data in enumerate([good[:-9], good[:-1], changed, b"not packed", good + b"more"]):
        path = tmp_path / f"{number}.{kind}{suffix}"
        path.write_bytes(data)
        assert f"{path}:" in refusal(path)
        assert f"the {suffix} data is damaged or cut short" in refusal(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_documents_before_the_damage_come_first(tmp_path: Path, suffix: str) -> None:
    """What a whole member holds is read, and the error names the line after it."""
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(PACK[suffix](b"a\nb\n") + PACK[suffix](b"c\n" * 50)[:-3])
    documents = read_documents(path)
    assert [next(documents), next(documents)] == ["a", "b"]
    line = int(message(lambda: list(documents)).removeprefix(f"{path}:").partition(":")[0])
    assert 3 <= line <= 53
