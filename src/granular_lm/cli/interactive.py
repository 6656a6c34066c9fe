"""``granular-lm sample --interactive``: a string written by a person and a model in turn."""

import sys
from itertools import count

import typer

from granular_lm.codecs.utf8 import begun_character
from granular_lm.generation import Continuation, Generator, SamplingOptions
from granular_lm.generation.sample import decoded
from granular_lm.text import to_bytes

CHOICES = 9
ROOM = 64
BACK, LITERAL = "-", "\\"
HELP = (
    "a number takes a continuation, Enter draws one, - takes the last step back, Ctrl-D ends;\n"
    "other text is taken as it is, after a backslash even a number or -"
)


def write_together(generator: Generator, prompt: str, options: SamplingOptions) -> None:
    """Offer continuations until the string ends, then print it.

    What is offered goes to stderr, so that stdout has the string alone.

    Args:
        generator: What offers and draws.
        prompt: What the string begins with.
        options: Of drawing.
    """
    data, before, draws = to_bytes(prompt), list[bytes](), count()  # no two draws are alike, with a seed either
    typer.echo(HELP, err=True)
    while True:
        offered = generator.continuations(data, CHOICES)
        _show(data, offered)
        typer.echo("> ", err=True, nl=False)
        line = sys.stdin.readline()
        if not line:
            break
        answer = line.rstrip("\n")
        if answer == BACK:
            data = before.pop() if before else data
            continue
        added = _chosen(answer, offered)
        if added is None:
            added = _drawn(generator, data, options, index=next(draws))
        if not added:
            break
        before.append(data)
        data += added
    typer.echo(err=True)
    typer.echo(decoded(data, "replace"))


def _show(data: bytes, offered: list[Continuation]) -> None:
    typer.echo(f"\n{decoded(data, 'replace')}", err=True)
    for number, each in enumerate(offered, start=1):
        typer.echo(f"  {number}  {each.probability:6.1%}  {repr(each.text) if each.text else 'the end'}", err=True)


def _chosen(answer: str, offered: list[Continuation]) -> bytes | None:
    """Return what an answer adds, nothing if it ends the string; None if it asks for a draw."""
    if answer.isdecimal() and 1 <= int(answer) <= len(offered):
        return offered[int(answer) - 1].data
    return to_bytes(answer.removeprefix(LITERAL)) or None


def _drawn(generator: Generator, data: bytes, options: SamplingOptions, *, index: int) -> bytes:
    """Return the next characters that the model draws; nothing if it ends the string."""
    here: SamplingOptions = {**options, "max_bytes": len(data) + ROOM}
    written = b""
    for piece in generator.stream_bytes(data, index=index, **here):
        written += piece
        if len(written) > len(data) and not begun_character(written):
            break
    return written[len(data) :]
