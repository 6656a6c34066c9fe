"""From exceptions to a line and an exit code."""

import subprocess
import sys

import pytest
import typer

from granular_lm.cli.app import command_line
from granular_lm.cli.errors import as_typed, exit_code, message, option_names
from granular_lm.errors import CorpusError, OptionError, OutputExistsError


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OptionError("no."), 2, "no."),
        (CorpusError("a\nb"), 1, "a b"),
        (
            OSError(28, "No space left", "a"),
            1,
            "a: No space left; give another place, or make room.",
        ),
        (
            PermissionError(13, "Permission denied", "a"),
            1,
            "a: Permission denied; give yourself the right to it, or give another place.",
        ),
        (MemoryError(), 1, "not enough memory; give less data at once."),
    ],
)
def test_what_the_user_can_mend_is_one_line(error: Exception, code: int, line: str) -> None:
    """With advice that fits: nobody has to make room where a right is missing."""
    assert (exit_code(error), message(error, {"batch_bytes": "--batch-bytes"})) == (code, line)


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("max_bytes=0 is not accepted; give 1 or more.", "--max-bytes 0 is not accepted; give 1 or more."),
        ("give max_bytes, or epochs=...", "give --max-bytes, or --epochs ..."),
        ("novel=True is not accepted; leave novel out.", "--novel is not accepted; leave novel out."),
        ("format='x', validation=2.0", "--format 'x', --valid 2.0"),
        ("base=... brings it along", "--from ... brings it along"),
        ("n=0", "--number 0"),
        ("/a/max_bytes/b, 'max_bytes' and my_max_bytes=3 are", "/a/max_bytes/b, 'max_bytes' and my_max_bytes=3 are"),
        ("epochs pass, vocab_size=3", "epochs pass, vocab_size=3"),
        ("give valid_utf8=False (novel=True)", "give --no-valid-utf8 (--novel)"),
        (
            "no file followers_of.txt, spm:seed=3, _, http://a/b?n=10",
            "no file followers_of.txt, spm:seed=3, _, http://a/b?n=10",
        ),
    ],
)
def test_options_are_said_as_they_are_typed(line: str, typed: str) -> None:
    """Whatever they are called in Python; words, paths and options of codecs stay."""
    assert as_typed(line, option_names(typer.main.get_command(command_line()))) == typed


def test_files_may_be_called_like_options() -> None:
    """What is said of them is left as it is."""
    assert (
        message(OutputExistsError("seed=1 already holds files."), {"seed": "--seed"}) == "seed=1 already holds files."
    )


def test_a_bug_has_no_exit_code() -> None:
    """Its traceback is wanted."""
    assert exit_code(KeyError("a")) is None


@pytest.mark.parametrize("arguments", [["data", "bios", "-n", "5000"], ["sample", "bios-byte", "-n", "2000"]])
def test_a_reader_that_goes_away_ends_a_command_in_silence(arguments: list[str]) -> None:
    """As with `head -1`: nothing is said on stderr, and the exit code is not 0."""
    command = [sys.executable, "-m", "granular_lm", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1
