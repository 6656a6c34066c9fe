"""From exceptions to a line and an exit code."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from granular_lm.errors import GranularLMError, OptionError, SamplingError, TrainingError

EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (OptionError, 2),
    (GranularLMError, 1),
    (OSError, 1),  # a full disk, a folder without permission
    (MemoryError, 1),
)


OF_OPTIONS = (OptionError, SamplingError, TrainingError)
"""What is about options, and not about files, whose names may look like them."""


def exit_code(error: Exception) -> int | None:
    """Return the exit code of an error that the user can mend; None for a bug, whose traceback is wanted."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), None)


def message(error: Exception, options: Mapping[str, str]) -> str:
    """Return an error in one line.

    Args:
        error: What was raised.
        options: The options of the command line, by the names that they have in Python.
    """
    if isinstance(error, OSError) and not isinstance(error, GranularLMError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; {_advice(error)}."
    if isinstance(error, MemoryError):
        return "not enough memory; give less data at once."
    line = " ".join(str(error).split("\n"))
    return as_typed(line, options) if isinstance(error, OF_OPTIONS) else line


def as_typed(line: str, options: Mapping[str, str]) -> str:
    """Return a message of the library with the options as the command line has them.

    Examples:
        >>> as_typed("max_bytes=0 is not accepted.", {"max_bytes": "--max-bytes"})
        '--max-bytes 0 is not accepted.'
    """

    def typed(match: re.Match[str]) -> str:
        before, name, value = match.groups()
        if not value and "_" not in name:  # a word like another
            return match[0]
        if value == "=False" and f"{name}=False" in options:
            return before + options[f"{name}=False"]
        return before + options[name] + {"=True": "", "": ""}.get(value, f" {value[1:]}")

    names = "|".join(sorted(options, key=len, reverse=True))
    return re.sub(rf"(^|[\s(])({names})(=True\b|=False\b|=|(?![\w/'-]|\.\w))", typed, line)


def option_names(command: Any) -> dict[str, str]:
    """Return the options of a command of typer and of those below it, by the names that they have in Python.

    What switches one off is there as ``name=False``.
    """
    return dict(_option_names(command))


def _option_names(command: Any) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != "_":
            longest = max(parameter.opts, key=len)
            names = (parameter.name, longest.lstrip("-").replace("-", "_"))
            yield from ((name, longest) for name in names)
            yield from ((f"{name}=False", off) for name in names for off in parameter.secondary_opts)
    for below in getattr(command, "commands", {}).values():
        yield from _option_names(below)


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "give yourself the right to it, or give another place"
    return "give another place, or make room"
