"""``granular-lm data clean``: duplicates out, and on request filters, scrubbing and mended text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.output import print_facts, print_json, warn
from granular_lm.cli.reading import how_to_read


def names(text: str) -> tuple[str, ...]:
    """Return the names of a list such as ``urls,emails``."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def clean(
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")],
    ftfy: Annotated[bool, typer.Option("--ftfy", help="Mend text that was decoded wrongly.")] = False,
    nfc: Annotated[bool, typer.Option("--nfc", help="Bring text into Unicode's form NFC.")] = False,
    strip: Annotated[
        bool, typer.Option("--strip", help="Take white space and byte order marks off both ends.")
    ] = False,
    scrub: Annotated[
        Any,
        typer.Option(parser=names, metavar="KIND,...", help="Put placeholders for urls, emails, handles, phones."),
    ] = None,
    min_bytes: Annotated[int, options.whole_number(metavar="N", help="Drop documents of fewer bytes.")] = 0,
    max_bytes: Annotated[int | None, options.whole_number(metavar="N", help="Drop documents of more bytes.")] = None,
    scripts: Annotated[
        Any,
        typer.Option(parser=names, metavar="NAME,...", help="Keep documents whose letters are mostly Latin, Han, ..."),
    ] = None,
    languages: Annotated[
        Any,
        typer.Option(
            parser=names,
            metavar="CODE,...",
            help="Keep documents that py3langid takes for en, de, ...; on short strings it is often wrong.",
        ),
    ] = None,
    min_confidence: Annotated[
        float, options.number(metavar="P", help="Least confidence in the language, from 0 to 1.")
    ] = 0.0,
    near: Annotated[
        str, typer.Option(help="Near-duplicates: drop all but the first, keep them with the field group, or off.")
    ] = "drop",
    threshold: Annotated[float, options.number(metavar="J", help="Jaccard similarity of near-duplicates.")] = 0.8,
    carry: Annotated[
        list[str] | None, typer.Option(metavar="FIELD", help="Take a field along, such as author; may be repeated.")
    ] = None,
    origin: Annotated[str | None, typer.Option(metavar="TEXT", help="Where it comes from, for the card.")] = None,
    licence: Annotated[str | None, typer.Option(metavar="TEXT", help="How it may be used, for the card.")] = None,
    jobs: Annotated[int, options.whole_number(metavar="N", help="Processes that work at once.")] = 1,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Drop duplicates, and what the filters leave out; write documents.jsonl, its lock file and a card.

    Steps are taken in this order: ftfy, nfc, strip, scrub, length, scripts, languages, exact duplicates,
    near-duplicates. Text is changed by the first four alone, and then the card says so.
    """
    from granular_lm.corpus.cleaning import CleaningOptions, changing_steps
    from granular_lm.corpus.cleaning import clean as clean_corpus
    from granular_lm.corpus.fields import read_field
    from granular_lm.corpus.readers import read_documents

    how = how_to_read(data, field=field, column=column, file_format=file_format, whole_file=whole_file)
    card = clean_corpus(
        read_documents(data, **how),
        output,
        CleaningOptions(
            ftfy=ftfy,
            nfc=nfc,
            strip=strip,
            scrub=scrub or (),
            min_bytes=min_bytes,
            max_bytes=max_bytes,
            scripts=scripts or (),
            languages=languages or (),
            min_confidence=min_confidence,
            near=near,
            threshold=threshold,
        ),
        carried={name: read_field(data, name, format=file_format) for name in carry or []},
        sources=data,
        origin=origin,
        licence=licence,
        jobs=jobs,
    )
    if changing := changing_steps(card):
        warn(f"TEXT WAS CHANGED by {', '.join(changing)}; {output / 'README.md'} says so.")
    if json:
        print_json({"output": str(output), **card})
    else:
        print_facts(_facts(card))


def _facts(card: Mapping[str, Any]) -> dict[str, str]:
    return {
        "read": f"{card['read']['documents']:,} documents, {card['read']['bytes']:,} bytes",
        **{step["step"]: _step(step) for step in card["steps"]},
        "kept": f"{card['documents']['documents']:,} documents, {card['documents']['bytes']:,} bytes",
    }


def _step(step: Mapping[str, Any]) -> str:
    first = "found" if "found" in step else "changed"  # what is found is dropped or kept, and never changed
    return f"{step[first]:,} {first}, {step['dropped']:,} dropped"
