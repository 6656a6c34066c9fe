"""``granular-lm sample --interactive``: a string written by a person and a model in turn."""

import sys

import typer

from granular_lm.generation import Continuation, Generator, SamplingOptions
from granular_lm.text import to_bytes

CHOICES = 9
ROOM = 64
HELP = "a number takes a continuation, Enter draws one, other text is taken as it is, Ctrl-D ends"


def write_together(generator: Generator, prompt: str, options: SamplingOptions) -> None:
    """Offer continuations until the string ends, then print it.

    What is offered goes to stderr, so that stdout has the string alone.

    Args:
        generator: What offers and draws.
        prompt: What the string begins with.
        options: Of drawing; the number of bytes is not limited here.
    """
    text = prompt
    typer.echo(HELP, err=True)
    while True:
        offered = generator.continuations(text, CHOICES)
        _show(text, offered)
        typer.echo("> ", err=True, nl=False)
        line = sys.stdin.readline()
        if not line:
            break
        added = _added(generator, text, line.rstrip("\n"), offered, options)
        if not added:
            break
        text += added
    typer.echo(err=True)
    typer.echo(text)


def _show(text: str, offered: list[Continuation]) -> None:
    typer.echo(f"\n{text}", err=True)
    for number, each in enumerate(offered, start=1):
        typer.echo(f"  {number}  {each.probability:6.1%}  {repr(each.text) if each.text else 'the end'}", err=True)


def _added(generator: Generator, text: str, answer: str, offered: list[Continuation], options: SamplingOptions) -> str:
    """Return what an answer adds to the text; nothing if it ends it."""
    if answer.isdigit() and 1 <= int(answer) <= len(offered):
        return offered[int(answer) - 1].text
    return answer or _drawn(generator, text, options)


def _drawn(generator: Generator, text: str, options: SamplingOptions) -> str:
    """Return the next characters that the model draws; nothing if it ends the string."""
    num_bytes = len(to_bytes(text))
    here: SamplingOptions = {**options, "max_bytes": num_bytes + ROOM, "min_bytes": 0, "accept": None, "novel": False}
    written = ""
    for piece in generator.stream(text, index=num_bytes, **here):  # the place is the index: no two draws are alike
        written += piece
        if len(written) > len(text):
            break
    return written[len(text) :]
