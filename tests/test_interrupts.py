"""Ctrl-C and SIGTERM that wait."""

import os
import signal
from collections.abc import Iterator

import pytest

from granular_lm.interrupts import noted_interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def as_in_a_new_process() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("which", SIGNALS)
def test_the_first_is_noted(which: signal.Signals) -> None:
    """Nothing is raised, and the next one takes effect as ever; afterwards all is as it was."""
    before = [signal.getsignal(each) for each in SIGNALS]
    with noted_interrupts() as noted:
        assert not noted.is_set()
        os.kill(os.getpid(), which)
        assert noted.is_set()
        assert [signal.getsignal(each) for each in SIGNALS] == before
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_the_second_ctrl_c_is_raised() -> None:
    """Who does not want to wait presses again."""
    with pytest.raises(KeyboardInterrupt), noted_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_what_is_ignored_stays_ignored() -> None:
    """A job in the background does not take the Ctrl-C that is meant for another."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with noted_interrupts() as noted:
        os.kill(os.getpid(), signal.SIGINT)
        assert not noted.is_set()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
