"""``granular-lm data stats``: the first look at a corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from granular_lm.cli import options
from granular_lm.cli.output import note, print_facts, print_json
from granular_lm.cli.reading import how_to_read

if TYPE_CHECKING:
    from granular_lm.codecs.spec import CodecSpec
    from granular_lm.codecs.statistics import CodecStatistics
    from granular_lm.corpus.statistics import CorpusStatistics, Lengths

SCRIPTS_SHOWN = 8


def stats(
    data: options.OptionalData = None,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    codecs: Annotated[
        str | None, typer.Option(metavar="LIST", help="Say what these codecs make of the text: byte,char,spm.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures that needs no network.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Count what one wants to know first: documents, lengths, characters, scripts, emoji, duplicates.

    Codecs are trained on two million characters from all over the documents, and their numbers are for those.
    """
    from granular_lm.codecs.spec import CodecSpec
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.corpus.readers import read_documents
    from granular_lm.corpus.statistics import corpus_statistics
    from granular_lm.files import refuse_existing_file

    specs = CodecSpec.parse_list(codecs) if codecs is not None else []
    if html is not None:
        refuse_existing_file(html)
    how = how_to_read(data or [], field=field, column=column, file_format=file_format, whole_file=whole_file)
    counted = corpus_statistics(read_documents(data, **how) if data else generate_bios())
    measured = _measured(specs, counted.sample)
    if html is not None:
        _write_page(counted, measured, _title(data), html)
    if json:
        print_json({**counted.to_dict(), "codecs": [each.to_dict() for each in measured]})
    else:
        print_facts(_facts(counted) | _codec_facts(measured))


def _measured(specs: "Sequence[CodecSpec]", sample: Sequence[str]) -> "list[CodecStatistics]":
    from granular_lm.codecs.statistics import codec_statistics

    return [codec_statistics(str(spec), spec.train(sample), sample) for spec in specs]


def _title(data: list[str] | None) -> str:
    return ", ".join(data) if data else "embedded bios"


def _write_page(counted: "CorpusStatistics", measured: "Sequence[CodecStatistics]", title: str, html: Path) -> None:
    from granular_lm.corpus.statistics.page import write_page

    write_page(counted, [each.to_dict() for each in measured], html, title=title)
    note(f"page written to {html}")


def _facts(counted: "CorpusStatistics") -> dict[str, str]:
    return {
        "documents": f"{counted.documents:,}  ({counted.empty_documents:,} empty)",
        "bytes": f"{counted.bytes:,}",
        "characters": f"{counted.characters:,}",
        "bytes per document": _lengths(counted.bytes_per_document),
        "characters per document": _lengths(counted.characters_per_document),
        "distinct bytes": f"{counted.distinct_bytes}",
        "distinct characters": f"{counted.distinct_characters:,}",
        "most frequent bytes": "  ".join(f"{byte:02x} {count:,}" for byte, count in counted.most_frequent_bytes),
        "most frequent characters": "  ".join(
            f"{character!r} {count:,}" for character, count in counted.most_frequent_characters
        ),
        "scripts": _scripts(counted),
        "non-ASCII": _shares(counted.non_ascii_document_share, counted.non_ascii_character_share),
        "emoji": _shares(counted.emoji_document_share, counted.emoji_character_share),
        **_emoji(counted),
        "exact duplicates": f"{counted.exact_duplicates:,}",
        "same letters": f"{counted.near_duplicates:,}  (exact duplicates included)",
        "invalid UTF-8": f"{counted.invalid_utf8_documents:,} documents",
        **_line_ends(counted),
        **_compressed(counted),
    }


def _lengths(lengths: "Lengths") -> str:
    from granular_lm.corpus.statistics import readable_length

    return (
        f"mean {lengths.mean:,.1f}, median {readable_length(lengths.median)}, max {lengths.max:,}"
        f"  (10 % up to {lengths.p10:,}, 90 % up to {lengths.p90:,}, 99 % up to {lengths.p99:,})"
    )


def _shares(of_documents: float, of_characters: float) -> str:
    return f"{of_documents:.1%} of documents, {of_characters:.2%} of characters"


def _scripts(counted: "CorpusStatistics") -> str:
    letters = max(sum(script.letters for script in counted.scripts), 1)
    shown = [f"{script.name} {script.letters / letters:.1%}" for script in counted.scripts[:SCRIPTS_SHOWN]]
    more = len(counted.scripts) - len(shown)
    return "  ".join([*shown, *([f"and {more} more"] if more > 0 else []), "of letters"]) if shown else "no letters"


def _emoji(counted: "CorpusStatistics") -> dict[str, str]:
    """Return the most frequent ones, if there are any."""
    if not counted.emoji:
        return {}
    frequent = "  ".join(f"{emoji} {count:,}" for emoji, count in counted.most_frequent_emoji)
    advice = "" if counted.emoji_unit == "grapheme" else "; by character, install granular-lm[text] to count whole ones"
    return {
        "most frequent emoji": f"{frequent}  ({counted.emoji:,} in all, {counted.distinct_emoji:,} different{advice})"
    }


def _line_ends(counted: "CorpusStatistics") -> dict[str, str]:
    """Return a line only where there is something to see to."""
    if not counted.cr_documents:
        return {}
    return {"lines end in CR LF": f"{counted.cr_documents:,} documents keep the CR as a character of theirs"}


def _compressed(counted: "CorpusStatistics") -> dict[str, str]:
    """Return a line unless there is nothing to compress."""
    if not counted.compressed_shares:
        return {}
    shares = ", ".join(f"{name} {share:.1%}" for name, share in counted.compressed_shares.items())
    return {"compressed": f"{shares}  of {counted.sample_bytes + counted.sample_documents:,} bytes, line ends included"}


def _codec_facts(measured: "Sequence[CodecStatistics]") -> dict[str, str]:
    return {f"codec {each.codec}": _codec(each) for each in measured}


def _codec(told: "CodecStatistics") -> str:
    parts = [
        f"{told.vocab_size:,} ids, {told.used_id_share:.1%} of them used",
        f"{told.tokens_per_byte:.3f} tokens per byte",
    ]
    if told.lossy_documents:
        parts.append(f"LOSSY: {told.lossy_documents:,} documents do not come back, so the numbers mean little")
    if told.learnt_token_share is not None and told.byte_fallback_share is not None:
        parts.append(f"{told.learnt_token_share:.1%} of tokens learnt")
        parts.append(f"{told.byte_fallback_share:.2%} of bytes by byte fallback")
    return ", ".join(parts)
