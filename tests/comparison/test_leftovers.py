"""Temporary folders of jobs: those that were left go, those that somebody works in stay."""

import subprocess
import sys
from pathlib import Path

import pytest

from granular_lm.comparison.leftovers import held, remove_leftovers
from granular_lm.files import new_folder

KILLED = """
import os, sys
from pathlib import Path
from granular_lm.comparison.leftovers import held
from granular_lm.files import new_folder

with new_folder(Path(sys.argv[1])) as work, held(work.parent):
    (work / "half.txt").write_text("half")
    os._exit(1)
"""


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a killed process has left of the folder ``job``."""
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "job"], check=False)
    [folder] = tmp_path.iterdir()
    assert list(folder.glob("*/half.txt"))
    return folder


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path, left: Path) -> None:
    """Of this job alone; what else there is stays."""
    others = [tmp_path / name for name in ("job", "other", ".other.abc")]
    for folder in others:
        folder.mkdir()
    remove_leftovers(tmp_path / "other")
    assert left.is_dir()
    remove_leftovers(tmp_path / "job")
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_where_somebody_works_nothing_is_removed(tmp_path: Path) -> None:
    """Not even by a thread of the same process, and whatever stage the work is at."""
    with new_folder(tmp_path / "job") as work:
        remove_leftovers(tmp_path / "job")
        with held(work.parent):
            remove_leftovers(tmp_path / "job")
            (work / "whole.txt").write_text("whole")
    assert (tmp_path / "job" / "whole.txt").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_what_another_machine_made_stays(tmp_path: Path, left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be at work there: a lock need not be known here."""
    monkeypatch.setattr("platform.node", lambda: "another")
    remove_leftovers(tmp_path / "job")
    assert left.is_dir()
