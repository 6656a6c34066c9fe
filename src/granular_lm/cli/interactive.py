"""``granular-lm sample --interactive``: a string written by a person and a model in turn."""

import sys
from collections.abc import Sequence
from itertools import count

import typer

from granular_lm.codecs.utf8 import begun_character
from granular_lm.generation import Continuation, Generator, SamplingOptions
from granular_lm.generation.constraints import Constraint
from granular_lm.generation.options import checked
from granular_lm.generation.sample import decoded
from granular_lm.text import to_bytes

CHOICES, MANY_CHOICES = 9, 100
LONGEST_CHARACTER = 4  # bytes
BACK, LITERAL = "-", "\\"
HELP = (
    "a number takes a continuation, Enter draws one, - takes the last step back, Ctrl-D ends;\n"
    "other text is taken as it is, after a backslash even a number or -"
)


def write_together(generator: Generator, prompt: str, options: SamplingOptions) -> None:
    """Offer continuations until the string ends, then print it; after Ctrl-C, too, so that nothing is lost.

    What is offered goes to stderr, so that stdout has the string alone.

    Args:
        generator: What offers and draws.
        prompt: What the string begins with.
        options: Of drawing.
    """
    errors = checked(options).errors  # before anything is asked
    typer.echo(HELP, err=True)
    steps = [to_bytes(prompt)]
    try:
        _write_on(generator, steps, options)
    finally:
        typer.echo(err=True)
        typer.echo(decoded(steps[-1], errors))


def _write_on(generator: Generator, steps: list[bytes], options: SamplingOptions) -> None:
    """Ask for one step after another; the last of ``steps`` is the string so far."""
    draws = count()  # no two are alike, with a seed either
    while True:
        data = steps[-1]
        offered = _offered(generator, data, options)
        _show(data, offered, options["errors"])
        typer.echo("> ", err=True, nl=False)
        line = sys.stdin.readline()
        if not line:
            break
        answer = line.rstrip("\r\n")
        if answer == BACK:
            steps[1:] = steps[1:-1]
            continue
        added = _chosen(answer, offered)
        if added is None:
            added = _drawn(generator, data, options, index=next(draws))
        if not added:
            break
        steps.append(data + added)


def _offered(generator: Generator, data: bytes, options: SamplingOptions) -> list[Continuation]:
    """Return the likeliest continuations under the model, but for those that the bans leave out."""
    if not options["ban"]:
        return generator.continuations(data, CHOICES)
    codec = generator.model.codec
    constraint = Constraint.of(codec, data, valid_utf8=False, ban=checked(options).ban_bytes)
    offered = generator.continuations(data, min(MANY_CHOICES, codec.vocab_size))
    return [each for each in offered if constraint.allows(each.data)][:CHOICES]


def _show(data: bytes, offered: list[Continuation], errors: str) -> None:
    typer.echo(f"\n{decoded(data, errors)}", err=True)
    for number, each in enumerate(offered, start=1):
        typer.echo(f"  {number}  {each.probability:6.1%}  {repr(each.text) if each.text else 'the end'}", err=True)


def _chosen(answer: str, offered: list[Continuation]) -> bytes | None:
    """Return what an answer adds, nothing if it ends the string; None if it asks for a draw."""
    if answer.isdecimal() and 1 <= int(answer) <= len(offered):
        return offered[int(answer) - 1].data
    return to_bytes(answer.removeprefix(LITERAL)) or None


def _drawn(generator: Generator, data: bytes, options: SamplingOptions, *, index: int) -> bytes:
    """Return the next characters that the model draws; nothing if it ends the string."""
    longest = int(generator.model.codec.token_lengths.max()), *map(len, checked(options).stop_bytes)
    here: SamplingOptions = {
        **options,
        "max_bytes": len(data) + max(longest) + LONGEST_CHARACTER,
        "temperature": _turned(options["temperature"], index),
    }
    written = b""
    for piece in generator.stream_bytes(data, index=index, **here):
        written += piece
        if len(written) > len(data) and not begun_character(written):
            break
    return written[len(data) :]


def _turned(temperature: float | Sequence[float], steps: int) -> float | Sequence[float]:
    """Return a list of temperatures from the one on whose turn a draw is."""
    if isinstance(temperature, float | int):
        return temperature
    first = steps % len(temperature)
    return [*temperature[first:], *temperature[:first]]
