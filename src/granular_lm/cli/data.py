"""``granular-lm data``: the embedded bios, and the first look at a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from granular_lm.cli import options
from granular_lm.cli.output import json_line, note, print_facts, print_json

if TYPE_CHECKING:
    from granular_lm.corpus.statistics import CorpusStatistics

app = typer.Typer(help="Make, look at and split corpora.", no_args_is_help=True)


@app.command()
def bios(
    n: Annotated[int, typer.Option("-n", "--number", min=0, help="How many documents.")] = 130_000,
    seed: options.Seed = 0,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write.")] = None,
    json: options.Json = False,
) -> None:
    """Write the embedded corpus of synthetic bios, one a line; with --json one object a line, as in a .jsonl file."""
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.errors import OutputExistsError
    from granular_lm.files import replaced_file

    lines = (json_line({"text": text}) if json else text for text in generate_bios(n, seed=seed))
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    if output.exists():
        raise OutputExistsError(f"{output} exists already; give another name, or remove it first.")
    with replaced_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{line}\n" for line in lines)
    note(f"{n:,} documents written to {output}")


@app.command()
def stats(
    data: options.OptionalData = None,
    field: options.Field = "text",
    column: options.Column = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Count what one wants to know first: documents, lengths, characters, emoji, duplicates."""
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.corpus.readers import read_documents
    from granular_lm.corpus.statistics import corpus_statistics

    documents = read_documents(data, field=field, column=column, whole_file=whole_file) if data else generate_bios()
    counted = corpus_statistics(documents)
    if json:
        print_json(counted.to_dict())
    else:
        print_facts(_facts(counted))


@app.command()
def split(
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")],
    valid: Annotated[float, typer.Option(metavar="SHARE", help="Share of documents for development.")] = 0.05,
    test: Annotated[float, typer.Option(metavar="SHARE", help="Share of documents for the test.")] = 0.05,
    seed: options.Seed = 0,
    keep_duplicates: Annotated[bool, typer.Option("--keep-duplicates", help="Keep exact duplicates.")] = False,
    field: options.Field = "text",
    column: options.Column = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Split documents into train, valid and test, near-duplicates on one side, with a lock file of hashes."""
    from granular_lm.corpus.readers import read_documents
    from granular_lm.corpus.split import drop_exact_duplicates, split_documents, write_split
    from granular_lm.files import refuse_existing

    refuse_existing(output)
    documents = list(read_documents(data, field=field, column=column, whole_file=whole_file))
    kept = documents if keep_duplicates else drop_exact_duplicates(documents)
    parts = split_documents(kept, valid=valid, test=test, seed=seed)
    write_split(parts, output, seed=seed, source=[path.name for path in data])
    counts = {"train": len(parts.train), "valid": len(parts.valid), "test": len(parts.test)}
    dropped = len(documents) - len(kept)
    if json:
        print_json({"output": str(output), **counts, "exact_duplicates_dropped": dropped})
    else:
        print_facts(
            {
                **{name: f"{count:,} documents" for name, count in counts.items()},
                "dropped": f"{dropped:,} exact duplicates",
            }
        )


def _facts(counted: "CorpusStatistics") -> dict[str, str]:
    in_bytes, in_characters = counted.bytes_per_document, counted.characters_per_document
    return {
        "documents": f"{counted.documents:,}  ({counted.empty_documents:,} empty)",
        "bytes": f"{counted.bytes:,}",
        "characters": f"{counted.characters:,}",
        "bytes per document": f"mean {in_bytes.mean:.1f}, median {in_bytes.median:g}, max {in_bytes.max:,}",
        "characters per document": (
            f"mean {in_characters.mean:.1f}, median {in_characters.median:g}, max {in_characters.max:,}"
        ),
        "distinct bytes": f"{counted.distinct_bytes}",
        "distinct characters": f"{counted.distinct_characters:,}",
        "most frequent bytes": "  ".join(f"{byte:02x} {count:,}" for byte, count in counted.most_frequent_bytes),
        "most frequent characters": "  ".join(
            f"{character!r} {count:,}" for character, count in counted.most_frequent_characters
        ),
        "non-ASCII": _shares(counted.non_ascii_document_share, counted.non_ascii_character_share),
        "emoji": _shares(counted.emoji_document_share, counted.emoji_character_share),
        "exact duplicates": f"{counted.exact_duplicates:,}",
        "near-duplicates": f"{counted.near_duplicates:,}  (exact ones included)",
        "invalid UTF-8": f"{counted.invalid_utf8_documents:,} documents",
    }


def _shares(of_documents: float, of_characters: float) -> str:
    return f"{of_documents:.1%} of documents, {of_characters:.2%} of characters"
