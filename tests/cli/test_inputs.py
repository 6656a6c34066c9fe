"""What a command may be given to read."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from commands import Run


def test_standard_input_is_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name - is the text that is piped in."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nbc\n")))
    code, out, err = run("data", "stats", "-", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["documents"] == 2


def test_a_folder_a_pattern_and_an_address_are_read(run: Run, tmp_path: Path) -> None:
    """As one corpus, with an address kept as it was written."""
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.csv").write_text("bio\nb\n")
    code, out, err = run("data", "stats", tmp_path, f"{tmp_path}/*.csv", f"file://{tmp_path}/a.txt", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["documents"] == 4


def test_the_file_that_an_address_lacks_is_one_line(run: Run, tmp_path: Path) -> None:
    """The exit code is 1, as for a file that is missing."""
    code, out, err = run("data", "stats", f"file://{tmp_path}/typo.txt")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"file://{tmp_path}/typo.txt" in err


def test_line_ends_of_another_system_are_warned_of(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The command succeeds, and the warning goes to the log, which is stderr where nobody has set it up."""
    (tmp_path / "a.txt").write_bytes(b"a\r\nb\r\n")
    with caplog.at_level(logging.WARNING):
        assert run("data", "stats", tmp_path / "a.txt", "--json")[0] == 0
    assert "CR LF" in caplog.text
