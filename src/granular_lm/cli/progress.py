"""What a person sees while a model trains: a bar, the numbers that matter, and now and then a sample."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from granular_lm.errors import GranularLMError

if TYPE_CHECKING:
    from granular_lm.training import Progress as Told
    from granular_lm.training import Trainer

REFRESH_SECONDS = 0.25
SECONDS_BETWEEN_SAMPLES = 15.0
SMOOTHING = 0.98


@dataclass(slots=True)
class _Shown:
    """What is on the screen, for smoothing and for not drawing too often."""

    train_bpb: float = 0.0
    valid_bpb: float | None = None
    speed: float = 0.0
    seconds: float = 0.0
    bytes_seen: int = 0
    sampled_at: float = field(default_factory=time.monotonic)


class TrainingDisplay:
    """A training callback that draws a progress bar on stderr.

    Args:
        bar: Where to draw.
    """

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("starting", total=1.0, numbers="")
        self._shown = _Shown()

    def stage(self, text: str) -> None:
        """Say what is being done now."""
        self._shown = _Shown()
        self._bar.update(self._task, description=text, completed=0, numbers="")

    def __call__(self, trainer: "Trainer", told: "Told") -> None:
        """Show one update."""
        shown = self._shown
        if not shown.bytes_seen:
            shape = trainer.network.config
            self._bar.update(self._task, description=f"{trainer.codec.name} {shape.num_layers} x {shape.hidden_size}")
        bpb = told.train_bits / max(told.num_bytes, 1)
        if math.isfinite(bpb):  # an update that was skipped says nothing
            shown.train_bpb = SMOOTHING * shown.train_bpb + (1 - SMOOTHING) * bpb if shown.train_bpb else bpb
        if told.valid_bpb is not None:
            shown.valid_bpb = told.valid_bpb
            with suppress(GranularLMError):  # a network that has diverged has nothing to show
                self._show_sample(trainer)
        if told.seconds - shown.seconds < REFRESH_SECONDS and told.progress < 1:
            return
        speed = (told.bytes_seen - shown.bytes_seen) / max(told.seconds - shown.seconds, 1e-9)
        shown.speed = 0.8 * shown.speed + 0.2 * speed if shown.speed else speed
        shown.seconds, shown.bytes_seen = told.seconds, told.bytes_seen
        self._bar.update(self._task, completed=told.progress, numbers=_numbers(shown, told))

    def _show_sample(self, trainer: "Trainer") -> None:
        """Print one string of the model as it is, not too often."""
        if self._bar.disable or time.monotonic() - self._shown.sampled_at < SECONDS_BETWEEN_SAMPLES:
            return
        from granular_lm.generation import Generator
        from granular_lm.model import LanguageModel
        from granular_lm.text import printable

        model = LanguageModel(trainer.codec, trainer.network.config, trainer.network.to_weights())
        text = printable(Generator(model).sample(temperature=0.8, max_bytes=160).text)  # none moves the cursor
        self._bar.console.print(f"[dim]{escape(text)}[/dim]", highlight=False)
        self._shown.sampled_at = time.monotonic()


@contextmanager
def training_display() -> Iterator[TrainingDisplay]:
    """Give a display that vanishes when done; nothing is drawn if stderr is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        yield TrainingDisplay(bar)


def _numbers(shown: _Shown, told: "Told") -> str:
    left = told.seconds * (1 - told.progress) / max(told.progress, 1e-9)
    valid = "" if shown.valid_bpb is None else f"  dev {shown.valid_bpb:.3f}"
    return (
        f"{shown.speed / 1000:.0f} kB/s  train {shown.train_bpb:.3f}{valid} bpb  "
        f"|g| {told.grad_norm:.2f}  {_clock(left)} left"
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
