"""What a command may be given to read."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from commands import TINY, Run


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


@pytest.mark.parametrize(
    ("command", "names", "how", "problem"),
    [
        (["data", "stats"], ["a.jsonl", "a.txt"], "--column", "--column 'bio' is not accepted: there is no table"),
        (["score", "bios-byte"], ["a.jsonl"], "--column", "--column 'bio' is not accepted: there is no table"),
        (["score", "bios-byte"], ["a.csv", "a.txt"], "--field", "--field 'bio' is not accepted: there is no .jsonl"),
    ],
)
def test_a_name_that_belongs_to_no_file_is_refused(
    run: Run, tmp_path: Path, command: list[str], names: list[str], how: str, problem: str
) -> None:
    """Else another text than the one that is meant would be read without a word; one of several files is enough."""
    contents = {"a.jsonl": '{"text": "a", "bio": "b"}\n', "a.csv": "text,bio\na,b\n", "a.txt": "c\n"}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    code, out, err = run(*command, *(tmp_path / name for name in names), how, "bio")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert problem in err
    assert run(*command, *(tmp_path / name for name in contents), how, "bio", "--json")[0] == 0


def test_held_out_documents_may_be_of_another_format(run: Run, tmp_path: Path) -> None:
    """A field of the training documents is none of theirs."""
    (tmp_path / "a.jsonl").write_text("".join(f'{{"bio": "{number}"}}\n' for number in range(40)))
    (tmp_path / "v.txt").write_text("a\n")
    code, _, err = run(
        "train", tmp_path / "a.jsonl", "--field", "bio", "--valid", tmp_path / "v.txt", "-o", tmp_path / "m", *TINY,
        "--epochs", 1,
    )  # fmt: skip
    told = "granular-lm: the model is worse than a guess on the 1 bytes of held-out text that it was judged by; "
    assert (code, err) == (0, f"{told}give more text, or a longer budget.\n")
    assert (tmp_path / "m" / "config.json").exists()
