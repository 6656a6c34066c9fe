"""``granular-lm compress``: a file as small as a model can make it."""

import sys
from typing import Annotated

import typer

from granular_lm.cli import options, transfer
from granular_lm.cli.output import print_json
from granular_lm.cli.transfer import PIPE, SUFFIX, Transfer


def compress(
    model: options.Model,
    file: transfer.File = PIPE,
    output: transfer.Output = None,
    keep: transfer.Keep = False,
    force: transfer.Force = False,
    whole_file: Annotated[
        bool, typer.Option("--whole-file", help="Take the file as one document, not as one a line; slower.")
    ] = False,
    message: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Compress this text and print it as base64.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Compress any file with a model, which is needed to decompress it.

    FILE becomes FILE.glm and is removed when that has been decompressed once and compared.
    """
    if message is not None:
        transfer.check_message_is_alone(file, output, keep=keep, force=force, whole_file=whole_file)
        _compress_message(model, message, json=json)
        return
    task = Transfer.of(file, output, beside=lambda path: path.with_name(path.name + SUFFIX), keep=keep, force=force)
    transfer.check_stdout_is_free(task, json=json)
    if task.target == PIPE and sys.stdout.isatty() and not force:
        from granular_lm.errors import OptionError

        raise OptionError("compressed data is no text for a terminal; give -o FILE, a pipe, or -f.")
    from granular_lm.compression import compress as compressed
    from granular_lm.model import LanguageModel
    from granular_lm.text import to_text

    language_model = LanguageModel.from_pretrained(model)
    data = task.read()
    documents = [to_text(document) for document in ([data] if whole_file else data.split(b"\n"))]
    with transfer.progress_bar(task.source.name) as show:
        result = compressed(language_model, documents, on_progress=show)
    task.write(result)
    task.tell(
        {"documents": transfer.num_documents(documents), "bytes": len(data), "compressed_bytes": len(result)},
        as_json=json,
    )


def _compress_message(model: str, text: str, *, json: bool) -> None:
    from base64 import b64encode

    from granular_lm.compression import compress_message
    from granular_lm.model import LanguageModel
    from granular_lm.text import to_bytes

    data = compress_message(LanguageModel.from_pretrained(model), text)
    shown = b64encode(data).decode()
    if json:
        print_json({"message": shown, "bytes": len(to_bytes(text)), "compressed_bytes": len(data)})
    else:
        typer.echo(shown)
