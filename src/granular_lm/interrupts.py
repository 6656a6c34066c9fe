"""Ctrl-C, and a request to end, that wait for a good moment."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""What is done about these signals where nobody has decided otherwise."""


@contextmanager
def noted_interrupts() -> Iterator[threading.Event]:
    """Have the first Ctrl-C, or SIGTERM, noted in an event instead of ending all; the second takes effect as ever.

    SIGTERM is what a scheduler sends some seconds before it kills a job. Nothing is changed outside the main thread,
    where Python delivers no signals, nor where somebody else has a say: a job in the background ignores the Ctrl-C
    that is meant for the one in front.
    """
    noted = threading.Event()
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {each: now for each in USUAL if (now := signal.getsignal(each)) is USUAL[each]}

    def note(*_: object) -> None:
        noted.set()
        restore()

    def restore() -> None:
        for each, handler in before.items():
            signal.signal(each, handler)

    for each in before:
        signal.signal(each, note)
    try:
        yield noted
    finally:
        restore()
