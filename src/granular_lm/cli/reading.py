"""How commands read documents."""

from collections.abc import Sequence
from typing import Any


def how_to_read(
    names: Sequence[str], *, field: str, column: str | None, file_format: str | None, whole_file: bool
) -> dict[str, Any]:
    """Return the options of a command as `read_documents` takes them.

    Args:
        names: All that the command will read.
        field: The field of ``.jsonl`` objects.
        column: The column of tables.
        file_format: What all files are, whatever their names end in.
        whole_file: Whether each file is one document.

    Raises:
        OptionError: A field or column is given, and nothing of all that has such: the other one may be meant.
    """
    if not whole_file:
        _refuse_unused(names, field, column, file_format)
    return {"field": field, "column": column, "format": file_format, "whole_file": whole_file}


def _refuse_unused(names: Sequence[str], field: str, column: str | None, file_format: str | None) -> None:
    from granular_lm.corpus.readers.documents import FIELD, formats_in
    from granular_lm.errors import OptionError

    if (column is None) == (field == FIELD):  # neither is given, or both
        return
    found = {file_format} if file_format else formats_in(names)
    if column is not None and found <= {"txt", "jsonl"}:
        raise OptionError(f"column={column!r} is not accepted: there is no table to read; for .jsonl give a field.")
    if column is None and "jsonl" not in found:
        raise OptionError(f"field={field!r} is not accepted: there is no .jsonl to read; for a table give a column.")
