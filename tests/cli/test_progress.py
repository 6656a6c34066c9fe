"""What is drawn while a model trains."""

import io
import math

import pytest
import torch
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import TextColumn

import granular_lm as glm
from granular_lm.cli.progress import TrainingDisplay
from granular_lm.training import Progress, Trainer, TrainingOptions


def test_a_run_that_diverges_is_not_ended_by_its_display(bios: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no sample to show from weights that are no numbers; until then there are some."""
    monkeypatch.setattr("granular_lm.cli.progress.SECONDS_BETWEEN_SAMPLES", 0.0)
    screen = io.StringIO()
    bar = Bar(TextColumn("{task.fields[numbers]}"), console=Console(file=screen, force_terminal=True))
    display = TrainingDisplay(bar)
    shown = []

    def watch(trainer: Trainer, told: Progress) -> None:
        if told.step == 8:
            with torch.no_grad():
                trainer.network.head.bias.fill_(math.nan)
        display(trainer, told)
        shown.append(len(screen.getvalue()))

    options = TrainingOptions(precision="fp32", batch_bytes=512, eval_every=1000)
    model = glm.train(bios, max_bytes=20_000, network={"hidden_size": 16}, options=options, on_step=watch)
    assert model.training["ended"].startswith("diverged")
    assert 0 < shown[6] == shown[-1]
