"""``granular-lm codec``: list, train, inspect and check codecs."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from granular_lm.cli import options
from granular_lm.cli.output import print_facts, print_json
from granular_lm.cli.reading import how_to_read

if TYPE_CHECKING:
    from granular_lm.codecs import Codec

CHECK_DOCUMENTS = 2000
LONGEST_SHOWN = 10

app = typer.Typer(help="List, train, inspect and check codecs.", no_args_is_help=True)

CodecArgument = Annotated[
    str, typer.Argument(metavar="CODEC", help="A codec folder, a model folder, a bundled model, or a name.")
]


@app.command("list")
def list_codecs(json: options.Json = False) -> None:
    """List the installed codecs, without importing any."""
    from granular_lm.codecs.registry import available_codecs, find_entry_point, provider

    found = {name: provider(find_entry_point(name)) for name in available_codecs()}
    if json:
        print_json([{"name": name, "provider": package} for name, package in found.items()])
    else:
        print_facts(found)


@app.command()
def train(
    codec: Annotated[str, typer.Argument(help="A codec, with options if wanted: spm:vocab_size=512,model=bpe.")],
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The codec folder to write.")],
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Train a codec on documents."""
    from granular_lm.codecs import save_codec
    from granular_lm.codecs.spec import CodecSpec
    from granular_lm.corpus.readers import read_documents
    from granular_lm.files import new_folder

    how = how_to_read(data, field=field, column=column, file_format=file_format, whole_file=whole_file)
    with new_folder(output) as work:
        documents = read_documents(data, **how)
        trained = CodecSpec.parse(codec).train(documents)
        save_codec(trained, work)
    if json:
        print_json(_described(trained))
    else:
        typer.echo(f"{trained!r} written to {output}")


@app.command()
def inspect(
    codec: CodecArgument,
    text: Annotated[str | None, typer.Option(help="Show how this text is encoded.")] = None,
    json: options.Json = False,
) -> None:
    """Show a codec's vocabulary, and how it encodes a text."""
    from granular_lm.codecs import load_codec

    loaded = load_codec(_folder_of(codec))
    about = _described(loaded)
    if text is not None:
        ids = loaded.encode_batch([text])[0].tolist()
        about["tokens"] = [
            {
                "id": token_id,
                "bytes": loaded.token_bytes(token_id).hex(),
                "text": _shown(loaded.token_bytes(token_id)),
            }
            for token_id in ids
        ]
    if json:
        print_json(about)
        return
    tokens = about.pop("tokens", None)
    about["longest"] = "  ".join(map(repr, about["longest"]))
    print_facts(about)
    for token in tokens or []:
        typer.echo(f"{token['id']:>6}  {token['bytes']:<12}  {token['text']!r}")


@app.command()
def check(
    codec: CodecArgument,
    data: options.OptionalData = None,
    field: options.Field = "text",
    column: options.Column = None,
    file_format: options.Format = None,
    whole_file: options.WholeFile = False,
    json: options.Json = False,
) -> None:
    """Check that a codec keeps the contract; a name that needs training is trained on the documents first.

    Of DATA the first 2000 documents are read.
    """
    from granular_lm.corpus.bios import generate_bios
    from granular_lm.corpus.readers import read_documents
    from granular_lm.testing import check_properties

    how = how_to_read(data or [], field=field, column=column, file_format=file_format, whole_file=whole_file)
    source: Iterable[str] = read_documents(data, **how) if data else generate_bios(CHECK_DOCUMENTS)
    documents = list(islice(source, CHECK_DOCUMENTS))
    checks = check_properties(_loaded_or_trained(codec, documents), documents)
    is_kept = all(each.failure is None for each in checks)
    if json:
        properties = [{"name": each.name, "failure": each.failure} for each in checks]
        print_json({"codec": codec, "keeps_contract": is_kept, "properties": properties})
    else:
        print_facts({each.name: "ok" if each.failure is None else f"BROKEN: {each.failure}" for each in checks})
    if not is_kept:
        raise typer.Exit(1)


def _loaded_or_trained(codec: str, documents: list[str]) -> "Codec":
    from granular_lm.codecs import load_codec
    from granular_lm.codecs.spec import CodecSpec

    place = _folder_of(codec)
    return load_codec(place) if Path(place).is_dir() else CodecSpec.parse(codec).train(documents)


def _folder_of(codec: str) -> str:
    """Return the folder of a bundled model for its name, and anything else as it is."""
    from granular_lm.model import BUNDLED, bundled_models

    return str(BUNDLED / codec) if codec in bundled_models() and not Path(codec).is_dir() else codec


def _described(codec: "Codec") -> dict[str, Any]:
    tokens = [codec.token_bytes(token_id) for token_id in range(codec.vocab_size)]
    longest = sorted(tokens, key=lambda token: (-len(token), token))[:LONGEST_SHOWN]
    return {
        "name": codec.name,
        "vocab_size": codec.vocab_size,
        "stop_id": codec.stop_id,
        "longer_than_a_byte": sum(len(token) > 1 for token in tokens),
        "longest": [_shown(token) for token in longest if len(token) > 1],
        "fingerprint": codec.fingerprint(),
    }


def _shown(token: bytes) -> str:
    return token.decode("utf-8", "backslashreplace")
