"""Ctrl-C that waits for a good moment."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Interrupts:
    """Whether Ctrl-C has been pressed."""

    has_come: bool = False


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Have the first Ctrl-C noted instead of raised; the second is raised where it comes.

    Outside the main thread, where Python delivers no signals, nothing is changed.
    """
    noted = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(_: int, __: FrameType | None) -> None:
        noted.has_come = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
