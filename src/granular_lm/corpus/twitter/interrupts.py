"""Ctrl-C that waits for the page in flight, which is paid for."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def holding_interrupt(on_held: Callable[[], None]) -> Iterator[None]:
    """Hold the first Ctrl-C back until the block ends, however it ends; a second one acts at once.

    Nothing is held back where Ctrl-C is ignored or ends the process without Python, nor outside of the main thread,
    in which alone Python tells of it.

    Args:
        on_held: Is called when Ctrl-C is held back.
    """
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual) or current_thread() is not main_thread():
        yield
        return
    is_held = False

    def hold(*_: object) -> None:
        nonlocal is_held
        is_held = True
        signal.signal(signal.SIGINT, usual)
        on_held()

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if is_held:
            signal.raise_signal(signal.SIGINT)
