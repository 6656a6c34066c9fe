"""``granular-lm data split``: train, valid and test parts with a lock file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.data_clean import names
from granular_lm.cli.output import print_facts, print_json


def split(
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")],
    valid: Annotated[float, typer.Option(metavar="SHARE", help="Share of documents for development.")] = 0.05,
    test: Annotated[float, typer.Option(metavar="SHARE", help="Share of documents for the test.")] = 0.05,
    seed: options.Seed = 0,
    group_by: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="Keep documents together that have the same in a field or column, such as author."
        ),
    ] = None,
    stratify: Annotated[
        Any, typer.Option(parser=names, metavar="NAME,...", help="Spread length, script evenly over the parts.")
    ] = None,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Keep exact duplicates.")] = False,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Split documents into train, valid and test, near-duplicates on one side, with a lock file of hashes.

    Where data clean has named groups of near-duplicates, they stay together unless --group-by names another field.
    """
    from granular_lm.corpus.cleaning import group_field
    from granular_lm.corpus.fields import read_field
    from granular_lm.corpus.readers import read_documents
    from granular_lm.corpus.split import split_documents, write_split
    from granular_lm.files import refuse_existing

    refuse_existing(output)
    documents = list(read_documents(data, field=field, column=column, format=file_format, whole_file=whole_file))
    group_by = group_by or group_field(data)
    groups = _groups(documents, group_by, read_field(data, group_by, format=file_format)) if group_by else None
    num_read = len(documents)
    if not keep_duplicates:
        documents, groups = _without_duplicates(documents, groups)
    parts = split_documents(documents, valid=valid, test=test, seed=seed, groups=groups, stratify=stratify or [])
    write_split(
        parts,
        output,
        seed=seed,
        source=[Path(name).name for name in data],
        shares={"valid": valid, "test": test},
        group_by=group_by,
        stratify=stratify or [],
    )
    counts = {"train": len(parts.train), "valid": len(parts.valid), "test": len(parts.test)}
    dropped = num_read - len(documents)
    if json:
        print_json({"output": str(output), **counts, "exact_duplicates_dropped": dropped, "group_by": group_by})
        return
    print_facts(
        {
            **{name: f"{count:,} documents" for name, count in counts.items()},
            "dropped": f"{dropped:,} exact duplicates",
            **({"groups": f"{len(set(groups)):,}, by {group_by!r}"} if groups is not None else {}),
        }
    )


def _groups(documents: Sequence[str], name: str, values: Iterable[str]) -> list[str]:
    """Return the value of a field for each document."""
    from granular_lm.corpus.fields import paired

    return [value for _, value in paired(documents, name, values)]


def _without_duplicates(documents: Sequence[str], groups: Sequence[str] | None) -> tuple[list[str], list[str] | None]:
    """Return each document once, where it first stands, with its group."""
    from granular_lm.corpus.split import drop_exact_duplicates

    if groups is None:
        return drop_exact_duplicates(documents), None
    first: dict[str, str] = {}
    for text, group in zip(documents, groups, strict=True):
        first.setdefault(text, group)
    return list(first), list(first.values())
