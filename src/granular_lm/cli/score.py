"""``granular-lm score``: bits per byte of documents under a model."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.output import print_facts, print_json
from granular_lm.cli.reading import how_to_read

if TYPE_CHECKING:
    from granular_lm.scoring import Score, Totals


def score(
    model: options.Model,
    data: options.Data,
    per_document: Annotated[bool, typer.Option("--per-document", help="Print the bits of each document, too.")] = False,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Score documents: bits per byte, of the content and of the stop that ends each document."""
    from granular_lm.corpus.lock import read_locked
    from granular_lm.model import LanguageModel
    from granular_lm.scoring import Totals, score_documents

    how = how_to_read(data, field=field, column=column, file_format=file_format, whole_file=whole_file)
    documents = read_locked(data, **how)
    rows: list[dict[str, Any]] = []
    scores = _noting(score_documents(LanguageModel.from_pretrained(model), documents), rows if per_document else None)
    totals = Totals.of(scores)
    if json:
        print_json({**totals.to_dict(), **({"per_document": rows} if per_document else {})})
        return
    if rows:
        typer.echo("document\tbytes\ttokens\tbits\tbits_stop")
    for number, row in enumerate(rows):
        typer.echo(f"{number}\t{row['bytes']}\t{row['tokens']}\t{row['bits']:.3f}\t{row['bits_stop']:.3f}")
    print_facts(_facts(totals))


def _noting(scores: Iterable["Score"], rows: list[dict[str, Any]] | None) -> Iterator["Score"]:
    """Pass scores on, and note one row for each where rows are wanted."""
    for each in scores:
        if rows is not None:
            rows.append(
                {
                    "bytes": each.num_bytes,
                    "tokens": each.num_tokens,
                    "bits": each.bits,
                    "bits_content": each.bits_content,
                    "bits_stop": each.bits_stop,
                }
            )
        yield each


def _facts(totals: "Totals") -> dict[str, str]:
    told = totals.to_dict()
    return {
        "bits per byte": f"{told['bpb']:.4f}  (content {told['bpb_content']:.4f} + stop {told['bpb_stop']:.4f})",
        "bits per string": f"{told['bits_per_string']:.2f}",
        "documents": f"{told['documents']:,}",
        "bytes": f"{told['bytes']:,}",
        "tokens": f"{told['tokens']:,}",
    }
