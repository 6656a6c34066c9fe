"""The learning curve in a tracker."""

from pathlib import Path
from typing import Any

import pytest
from accelerate.tracking import LOGGER_TYPE_TO_CLASS

import granular_lm as glm
from granular_lm.errors import OptionError
from granular_lm.training import Progress, Trainer, TrainingOptions
from granular_lm.training.tracking import tracker

OPTIONS = TrainingOptions(precision="fp32", batch_bytes=512)


class Recorded:
    """A tracker that keeps what it is sent."""

    requires_logging_directory = False

    def __init__(self, run_name: str) -> None:
        self.run_name = run_name
        self.sent: list[tuple[int, dict[str, float]]] = []
        self.is_finished = False

    def start(self) -> None:
        if self.run_name == "absent":
            raise RuntimeError("no login")

    def log(self, values: dict[str, float], step: int) -> None:
        self.sent.append((step, values))

    def finish(self) -> None:
        self.is_finished = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Recorded]:
    """Return the trackers that are opened from now on instead of wandb's."""
    opened: list[Recorded] = []

    class Opened(Recorded):
        def __init__(self, run_name: str) -> None:
            super().__init__(run_name)
            opened.append(self)

    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "wandb", Opened)
    monkeypatch.setattr("granular_lm.training.tracking.find_spec", lambda name: name)
    return opened


def test_every_point_is_sent_once(bios: list[str], opened: list[Recorded]) -> None:
    """By bytes read, with the gradient's norm; the tracker is closed at the end."""
    points: list[dict[str, Any]] = []
    with tracker("wandb", "bios") as send:

        def note(trainer: Trainer, told: Progress) -> None:
            points[:] = trainer.metrics.points
            send(trainer, told)

        glm.train(bios, max_bytes=10_000, network={"hidden_size": 16}, options=OPTIONS, on_step=note)
    assert [step for step, _ in opened[0].sent] == [point["bytes_seen"] for point in points]
    assert opened[0].sent[0][1]["grad_norm"] == points[0]["grad_norm"]
    assert "valid_bpb" in opened[0].sent[-1][1]
    assert opened[0].is_finished


def test_tensorboard_writes_events(bios: list[str], tmp_path: Path) -> None:
    """A real tracker, with its files in the folder of runs."""
    with tracker("tensorboard", "bios", folder=tmp_path / "runs") as send:
        glm.train(bios, max_bytes=5000, network={"hidden_size": 16}, options=OPTIONS, on_step=send)
    [events] = (tmp_path / "runs" / "bios").glob("events.*")
    assert b"valid_bpb" in events.read_bytes()


def test_an_unknown_tracker_is_refused() -> None:
    """The message names those there are."""
    with pytest.raises(OptionError, match=r"track='tensorbored' is not accepted; give one of: aim, .*tensorboard"):
        tracker("tensorbored", "bios").__enter__()


def test_a_tracker_whose_package_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is trained."""
    monkeypatch.setattr("granular_lm.training.tracking.find_spec", lambda _: None)
    with pytest.raises(OptionError, match="track='wandb' needs a package that is not installed: pip install wandb"):
        tracker("wandb", "bios").__enter__()


def test_a_tracker_that_does_not_start_is_told(bios: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises, in one line."""
    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "wandb", Recorded)
    monkeypatch.setattr("granular_lm.training.tracking.find_spec", lambda name: name)
    with tracker("wandb", "absent") as send, pytest.raises(OptionError, match="the tracker did not start"):
        glm.train(bios, max_bytes=2000, network={"hidden_size": 16}, options=OPTIONS, on_step=send)


@pytest.mark.parametrize("method", ["log", "finish"])
def test_a_tracker_that_fails_does_not_end_the_run(
    bios: list[str],
    opened: list[Recorded],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    """Whatever it raises: that is told once, and training goes on without it."""

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("network is down")

    monkeypatch.setattr(Recorded, method, fail)
    with tracker("wandb", "bios") as send:
        model = glm.train(bios, max_bytes=5000, network={"hidden_size": 16}, options=OPTIONS, on_step=send)
    assert model.training["ended"] == "budget"
    assert [text.split()[0] for text in caplog.messages if "network is down" in text] == ["wandb"]


def test_a_resumed_run_sends_what_is_new(bios: list[str], tmp_path: Path, opened: list[Recorded]) -> None:
    """The points before the checkpoint were sent by the run that was interrupted."""
    for is_resumed in (False, True):
        with tracker("wandb", "bios") as send:

            def note(trainer: Trainer, told: Progress, send: Any = send, is_resumed: bool = is_resumed) -> None:
                send(trainer, told)
                if told.step == 10 and not is_resumed:
                    raise KeyboardInterrupt

            glm.train(
                bios,
                max_bytes=10_000,
                network={"hidden_size": 16},
                options=OPTIONS,
                checkpoint_folder=tmp_path / "run",
                checkpoint_seconds=0.0,
                resume=is_resumed,
                on_step=note,
            )
    before, after = ([step for step, _ in tracked.sent] for tracked in opened)
    assert after[0] == before[-1]  # the update that was interrupted is made again
    assert after == sorted(after)
