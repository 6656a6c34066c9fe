"""Fair timing: programs take turns, so that a slow moment of the machine hits all of them."""

import time
from collections.abc import Callable


def seconds_of_each(programs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the wall time of each program in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            started = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - started)
    return seconds
