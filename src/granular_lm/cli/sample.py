"""``granular-lm sample``: strings from a model."""

import re
import secrets
import sys
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from granular_lm.checks import check_integer
from granular_lm.cli import options
from granular_lm.cli.output import json_line, print_json, print_table

if TYPE_CHECKING:
    from granular_lm.generation import Generator, Sample, SamplingOptions
    from granular_lm.generation.report import Sampled


FOR_MOST_LIKELY = {
    *("model", "n", "prompt", "min_bytes", "max_bytes", "valid_utf8"),
    *("most_likely", "json", "explain", "report"),
}
DRAWING = {
    *("model", "prompt", "temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty"),
    *("ban", "stop", "valid_utf8", "errors", "seed"),
}
FOR_INTERACTIVE = {*DRAWING, "interactive"}
FOR_STREAM = {*DRAWING, "n", "min_bytes", "max_bytes", "stream"}


def temperatures(text: str) -> float | list[float]:
    """Return a temperature, or several written as ``1,0.5,0.2``."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no temperature; write for example 0.8, or 1,0.5,0.2.") from error
    return values[0] if len(values) == 1 else values


def pattern(text: str) -> "re.Pattern[str]":
    """Return a regular expression."""
    try:
        return re.compile(text)
    except re.error as error:
        raise typer.BadParameter(f"{text!r} is no regular expression ({error}).") from error


def sample(
    context: typer.Context,
    model: options.Model,
    n: Annotated[int, options.whole_number("-n", "--number", help="How many strings.")] = 10,
    prompt: Annotated[str, typer.Option(help="What each string begins with.")] = "",
    temperature: Annotated[
        Any,
        typer.Option(
            parser=temperatures,
            metavar="T[,T...]",
            help="1 as the model is, lower is safer, 0 takes the likeliest token; several take turns.",
        ),
    ] = "1.0",
    top_k: Annotated[int | None, options.whole_number(help="Draw from this many of the likeliest tokens.")] = None,
    top_p: Annotated[float | None, options.number(help="Draw from the fewest tokens with this probability.")] = None,
    min_p: Annotated[float | None, options.number(help="Draw from tokens this likely beside the likeliest.")] = None,
    typical_p: Annotated[float | None, options.number(help="Draw from tokens of typical surprise.")] = None,
    repetition_penalty: Annotated[float, options.number(help="Above 1, tokens a string has become rarer.")] = 1.0,
    max_bytes: Annotated[
        int | None,
        options.whole_number(help="Cut a string at this many bytes: 200, or 100 more than the prompt or --min-bytes."),
    ] = None,
    min_bytes: Annotated[int, options.whole_number(help="Do not end a string before this many bytes.")] = 0,
    ban: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A string that must not occur; may be repeated.")
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="A string to end before; may be repeated.")
    ] = None,
    accept: Annotated[
        Any, typer.Option(parser=pattern, metavar="REGEX", help="Keep strings in which this is found.")
    ] = None,
    max_draws: Annotated[int, options.whole_number(help="How often to draw for a string that is accepted.")] = 100,
    novel: Annotated[bool, typer.Option("--novel", help="Keep strings that are no training document.")] = False,
    valid_utf8: Annotated[bool, typer.Option(help="Draw valid UTF-8 alone.")] = True,
    errors: Annotated[str, typer.Option(help="What invalid bytes look like: replace or space.")] = "replace",
    most_likely: Annotated[bool, typer.Option("--most-likely", help="The likeliest strings, by beam search.")] = False,
    seed: Annotated[int | None, options.whole_number(help="The same seed gives the same strings.")] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print each character as soon as it is certain.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Colour each character by its bits.")] = False,
    interactive: Annotated[bool, typer.Option("--interactive", help="Write together: choose, type, or draw.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Describe the strings instead of printing them.")] = False,
    json: options.Json = False,
) -> None:
    """Draw strings from a model, one a line; with --json one object a line."""
    ways = {"--stream": stream, "--explain": explain, "--interactive": interactive, "--json": json, "--report": report}
    _refuse_two_of(ways)
    if stream:
        _refuse_beside("--stream", FOR_STREAM, context)
    if most_likely:
        _refuse_beside("--most-likely", FOR_MOST_LIKELY, context)
    if interactive:
        _refuse_beside("--interactive", FOR_INTERACTIVE, context)
    check_integer("n", n, least=1, most=sys.maxsize)
    from granular_lm.generation import Generator

    generator = Generator.from_pretrained(model)
    asked: SamplingOptions = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "typical_p": typical_p,
        "repetition_penalty": repetition_penalty,
        "max_bytes": max_bytes,
        "min_bytes": min_bytes,
        "ban": ban or [],
        "stop": stop or [],
        "accept": None if accept is None else lambda text: accept.search(text) is not None,
        "novel": novel,
        "max_draws": max_draws,
        "valid_utf8": valid_utf8,
        "errors": errors,
        "seed": seed,
    }
    if interactive:
        from granular_lm.cli.interactive import write_together

        write_together(generator, prompt, asked)
    elif stream:
        _stream(generator, n, prompt, asked)
    else:
        if most_likely:
            found = generator.most_likely(n, prompt, min_bytes=min_bytes, max_bytes=max_bytes, valid_utf8=valid_utf8)
            drawn = iter(found)
        else:
            drawn = generator.iter_samples(n, prompt, **asked)
        if report:
            _report(generator, drawn, as_json=json)
        elif explain:
            from granular_lm.cli.explain import explain_samples

            explain_samples(drawn, errors)
        else:
            for each in drawn:
                typer.echo(json_line(each.to_dict()) if json else each.text)


def _refuse_two_of(ways: Mapping[str, bool]) -> None:
    """Refuse two ways to show strings; only a report has a JSON form of its own."""
    given = [name for name, is_given in ways.items() if is_given]
    if len(given) > 1 and set(given) != {"--json", "--report"}:
        raise typer.BadParameter(f"{' and '.join(given)} do not go together; give one of them.")


def _refuse_beside(way: str, useful: Container[str], context: typer.Context) -> None:
    """Refuse options that have no meaning beside one, rather than leave them out in silence."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    if useless := [name for name in given if name not in useful]:
        written = {each.name: each.opts[-1] for each in context.command.params}
        names = " and ".join(written[name] for name in useless)
        raise typer.BadParameter(f"{names} and {way} do not go together; leave out one of them.")


def _stream(generator: "Generator", n: int, prompt: str, asked: "SamplingOptions") -> None:
    """Print one string after another, character by character."""
    if asked["seed"] is None:
        asked["seed"] = secrets.randbits(64)  # one for all strings
    for index in range(n):
        try:
            for piece in generator.stream(prompt, index=index, **asked):
                typer.echo(piece, nl=False)
        except KeyboardInterrupt:
            typer.echo()  # what is said of it begins a line
            raise
        typer.echo()


def _report(generator: "Generator", samples: Iterator["Sample"], *, as_json: bool) -> None:
    """Print what the samples are like, beside the training documents."""
    from granular_lm.generation.report import Sampled

    drawn = Sampled.of(samples)
    data = Sampled.of_training(getattr(generator.model, "training", {}))
    if as_json:
        print_json({"samples": drawn.to_dict(), "data": None if data is None else data.to_dict()})
        return
    from rich.table import Table

    table = Table("", "samples", *([] if data is None else ["training data"]), box=None)
    shown = [_report_rows(each) for each in (drawn, data) if each is not None]
    for name in shown[0]:
        table.add_row(name, *(rows[name] for rows in shown))
    print_table(table)


def _report_rows(sampled: "Sampled") -> dict[str, str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.1%}"

    lengths = {name: f"{value:.0f}" for name, value in sampled.num_bytes.items()}
    return {
        "strings": f"{sampled.strings:,}",
        "exact copies of training documents": share(sampled.copies),
        "distinct": share(sampled.distinct),
        "valid UTF-8": share(sampled.valid_utf8),
        "ended by themselves": share(sampled.finished),
        "bytes: mean": lengths.get("mean", "-"),
        "bytes: 10 %, 50 %, 90 %": ", ".join(lengths.get(name, "-") for name in ("p10", "p50", "p90")),
    }
