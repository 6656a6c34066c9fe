"""``granular-lm decompress``: the file that was compressed."""

from pathlib import Path
from typing import Annotated

import typer

from granular_lm.cli import options, transfer
from granular_lm.cli.output import print_json
from granular_lm.cli.transfer import PIPE, SUFFIX, Transfer


def decompress(
    model: options.Model,
    file: transfer.File = PIPE,
    output: transfer.Output = None,
    keep: transfer.Keep = False,
    force: transfer.Force = False,
    message: Annotated[
        str | None, typer.Option(metavar="BASE64", help="Print the text of a compressed message.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Decompress a file with the model that compressed it.

    FILE.glm becomes FILE and is removed.
    What is damaged, or of another model, is an error; wrong text is never written.
    """
    if message is not None:
        transfer.check_message_is_alone(file, output, keep=keep, force=force)
        _decompress_message(model, message, json=json)
        return
    task = Transfer.of(file, output, beside=_without_suffix, keep=keep, force=force)
    transfer.check_stdout_is_free(task, json=json)
    from granular_lm.compression import decompress as decompressed
    from granular_lm.model import LanguageModel
    from granular_lm.text import to_bytes

    language_model = LanguageModel.from_pretrained(model)
    data = task.read()
    with transfer.progress_bar(task.source.name) as show:
        documents = decompressed(language_model, data, on_progress=show)
    result = b"\n".join(map(to_bytes, documents))
    task.write(result)
    task.tell(
        {"documents": transfer.num_documents(documents), "bytes": len(result), "compressed_bytes": len(data)},
        as_json=json,
    )


def _without_suffix(path: Path) -> Path:
    from granular_lm.errors import OptionError

    if path.suffix != SUFFIX:
        raise OptionError(f"{path} does not end in {SUFFIX}; give the file to write with -o.")
    return path.with_suffix("")


def _decompress_message(model: str, message: str, *, json: bool) -> None:
    from granular_lm.compression import decompress_message
    from granular_lm.model import LanguageModel
    from granular_lm.text import to_bytes

    text = decompress_message(LanguageModel.from_pretrained(model), _decoded(message))
    if json:
        print_json({"text": text})
    else:
        transfer.write_to_stdout(to_bytes(text) + b"\n")


def _decoded(message: str) -> bytes:
    from base64 import b64decode

    from granular_lm.errors import CompressionError

    try:
        return b64decode(message, validate=True)
    except ValueError as error:
        raise CompressionError(
            f"{message[:40]!r} is no base64; give what `granular-lm compress --message` printed."
        ) from error
