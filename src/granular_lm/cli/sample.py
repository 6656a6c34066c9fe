"""``granular-lm sample``: strings from a model."""

from typing import Annotated

import typer

from granular_lm.cli import options
from granular_lm.cli.output import json_line


def sample(
    model: options.Model,
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="How many strings.")] = 10,
    prompt: Annotated[str, typer.Option(help="What each string begins with.")] = "",
    temperature: Annotated[float, typer.Option(help="1 as the model is, lower is safer, 0 is the likeliest.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from this many of the likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the fewest tokens with this probability.")] = None,
    min_p: Annotated[float | None, typer.Option(help="Draw from tokens this likely beside the likeliest.")] = None,
    max_bytes: Annotated[int, typer.Option(help="Cut a string at this many bytes.")] = 200,
    valid_utf8: Annotated[bool, typer.Option(help="Draw valid UTF-8 alone.")] = True,
    seed: Annotated[int | None, typer.Option(min=0, help="The same seed gives the same strings.")] = None,
    json: options.Json = False,
) -> None:
    """Draw strings from a model, one a line; with --json one object a line."""
    from granular_lm.generation import Generator

    generator = Generator.from_pretrained(model)
    samples = generator.iter_samples(
        n,
        prompt,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        max_bytes=max_bytes,
        valid_utf8=valid_utf8,
        seed=seed,
    )
    for drawn in samples:
        typer.echo(json_line(drawn.to_dict()) if json else drawn.text)
