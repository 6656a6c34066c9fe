"""The number of threads follows what is faster, and changes nothing but the time."""

from pathlib import Path

import numpy as np
import pytest
import torch

import granular_lm as glm
from granular_lm.training import TrainingOptions
from granular_lm.training.threads import LONGEST_INTERVAL, TRIED_UPDATES, ThreadChooser


class Clock:
    """Time that passes as an update with so many threads takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float]) -> None:
        self.now, self.threads, self.seconds = 0.0, 0, seconds
        self.used: list[int] = []
        monkeypatch.setattr("granular_lm.training.threads.time.perf_counter", lambda: self.now)
        monkeypatch.setattr("granular_lm.training.threads.torch.set_num_threads", self.set_threads)

    def set_threads(self, threads: int) -> None:
        self.threads = threads

    def run(self, chooser: ThreadChooser, updates: int) -> None:
        for _ in range(updates):
            with chooser.update():
                self.now += self.seconds[self.threads]
                self.used.append(self.threads)


def test_all_threads_on_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are few and become rarer."""
    clock = Clock(monkeypatch, {1: 0.02, 4: 0.01})
    chooser = ThreadChooser(4)
    clock.run(chooser, 100_000)
    assert chooser.threads == 4
    assert clock.used.count(1) < (5 + clock.now / LONGEST_INTERVAL) * TRIED_UPDATES


def test_one_thread_on_a_loaded_machine_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a load comes the choice follows within seconds, and within a minute when it has gone."""
    clock = Clock(monkeypatch, {1: 0.02, 4: 0.1})
    chooser = ThreadChooser(4)
    clock.run(chooser, 200)
    assert chooser.threads == 1
    clock.seconds = {1: 0.02, 4: 0.01}
    clock.run(chooser, int(LONGEST_INTERVAL / 0.02) + 2 * TRIED_UPDATES)
    assert chooser.threads == 4


def test_a_single_thread_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to choose."""
    clock = Clock(monkeypatch, {0: 0.01})
    clock.run(ThreadChooser(1), 1000)
    assert set(clock.used) == {0}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_the_weights_do_not_depend_on_the_threads(bios: list[str], tmp_path: Path, precision: str) -> None:
    """One thread and two train the same model, to the bit."""
    weights = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            options = TrainingOptions(precision=precision)
            network = {"hidden_size": 128, "num_layers": 2, "dropout": 0.1}
            weights.append(glm.train(bios, max_bytes=10_000, preset="small", network=network, options=options).weights)
    finally:
        torch.set_num_threads(before)
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
