"""Outputs on a disk that is full, and on one that nobody may write to."""

import subprocess
import sys
from pathlib import Path

import pytest

from reading import PACK, written

ON_A_DISK = 'mount -t tmpfs -o "$1" none "$2" && cd "$2" && shift 2 && "$@"; code=$?; ls -A >&2; exit $code'
"""Runs a command in a file system of its own and lists, on stderr, what it left there."""


def on_a_disk(options: str, place: Path, *command: object) -> subprocess.CompletedProcess[str]:
    arguments = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        ON_A_DISK,
        "sh",
        options,
        place,
        *command,
    ]
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to mount a disk on, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        tried = on_a_disk("size=64k", folder, "true")
    except FileNotFoundError:
        pytest.skip("there is no unshare to make a disk with")
    if tried.returncode:
        pytest.skip("this machine lets nobody make a disk of their own")
    return folder


@pytest.mark.parametrize(
    ("options", "said"), [("size=64k", "No space left on device"), ("ro", "Read-only file system")]
)
@pytest.mark.parametrize(
    "command", [["data", "bios", "-n", 3000, "-o", "out"], ["codec", "train", "byte", "IN", "-o", "out"]]
)
def test_an_output_that_cannot_be_written_is_one_line(
    place: Path, tmp_path: Path, options: str, said: str, command: list[object]
) -> None:
    """The error is said in one line, and nothing is left on the disk."""
    source = written(tmp_path, "a.txt", "a\n")
    is_small = options != "ro" and command[0] == "codec"
    arguments = [source if each == "IN" else each for each in command]
    done = on_a_disk(
        "size=64k,nr_inodes=2" if is_small else options, place, sys.executable, "-m", "granular_lm", *arguments
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr


def test_a_model_that_cannot_be_written_is_refused_at_once(place: Path, tmp_path: Path) -> None:
    """Not after hours of training."""
    source = written(tmp_path, "a.txt", "a\n")
    done = on_a_disk("ro", place, sys.executable, "-m", "granular_lm", "train", source, "-o", "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "out: nothing can be written there; give yourself the right to it, or give another place." in done.stderr


def test_a_disk_of_its_own_is_a_place_like_any_other(place: Path, tmp_path: Path) -> None:
    """Nothing can be renamed into it from beside it."""
    source = written(tmp_path, "a.txt", "a\n")
    done = on_a_disk("size=1m", place, sys.executable, "-m", "granular_lm", "codec", "train", "byte", source, "-o", ".")
    assert (done.returncode, done.stderr) == (0, "codec.json\n")


def test_a_full_disk_for_what_has_to_be_unpacked_is_one_line(place: Path, tmp_path: Path) -> None:
    """A packed Parquet file is unpacked in the folder for temporary files, which the error is about."""
    source = tmp_path / "a.parquet.gz"
    source.write_bytes(PACK[".gz"](bytes(1_000_000)))
    done = on_a_disk(
        "size=64k", place, "env", f"TMPDIR={place}", sys.executable, "-m", "granular_lm", "data", "stats", source
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left on device; give another place, or make room." in done.stderr
