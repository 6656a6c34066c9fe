"""``granular-lm data split``: train, valid and test parts with a lock file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.data_clean import names
from granular_lm.cli.output import print_facts, print_json
from granular_lm.cli.reading import how_to_read


def split(
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")],
    valid: Annotated[float, options.number(metavar="SHARE", help="Share of documents for development.")] = 0.05,
    test: Annotated[float, options.number(metavar="SHARE", help="Share of documents for the test.")] = 0.05,
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
    from granular_lm.corpus.split_folder import split_to_folder

    how = how_to_read(data, field=field, column=column, file_format=file_format, whole_file=whole_file)
    documents = read_documents(data, **how)
    group_by = group_by or group_field(data)
    done = split_to_folder(
        documents,
        output,
        valid=valid,
        test=test,
        seed=seed,
        group_by=group_by,
        groups=read_field(data, group_by, format=file_format) if group_by else (),
        stratify=stratify or (),
        keep_duplicates=keep_duplicates,
        source=[Path(name).name for name in data],
    )
    counts = {name: done[name] for name in ("train", "valid", "test")}
    if json:
        print_json({"output": str(output), **counts, "exact_duplicates_dropped": done["dropped"], "group_by": group_by})
        return
    print_facts(
        {
            **{name: f"{count:,} documents" for name, count in counts.items()},
            "dropped": f"{done['dropped']:,} exact duplicates",
            **({"groups": f"{done['groups']:,}, by {group_by!r}"} if group_by else {}),
        }
    )
