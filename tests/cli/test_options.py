"""How option values are read."""

import re

import pytest
import typer

from commands import Run
from granular_lm.cli.options import byte_count, duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5m", 90), ("2d", 172_800)]
)
def test_durations(text: str, seconds: float) -> None:
    """Numbers with units, added up."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("5000", 5000), ("500k", 500_000), ("5M", 5_000_000), ("1.5GB", 1_500_000_000)]
)
def test_byte_counts(text: str, count: int) -> None:
    """Decimal multiples, in either case, with or without a B."""
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "soon", "10x", "m", "-5", "1 0"])
def test_nonsense_is_refused(text: str) -> None:
    """What is neither is a usage error."""
    with pytest.raises(typer.BadParameter):
        duration(text)
    with pytest.raises(typer.BadParameter):
        byte_count(text)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *(("train", each) for each in ("--patience", "--hidden-size", "--epochs", "--dropout", "--learning-rate")),
        *(("sample", each) for each in ("--number", "--top-k", "--top-p", "--repetition-penalty", "--seed")),
        *(("compare", each) for each in ("--seeds", "--jobs")),
    ],
)
def test_what_is_no_number_is_told_with_what_is(run: Run, command: str, option: str) -> None:
    """Rather than in the words of a library that reads it."""
    code, _, err = run(command, "anything", *(["-o", "there"] if command == "train" else []), option, "x1")
    assert code == 2
    assert re.search(rf"{option}': 'x1' is no (whole )?number; write for example ", re.sub(r"[\s│]+", " ", err))
