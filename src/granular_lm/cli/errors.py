"""The one table from exceptions to exit codes."""

import os
import sys

from granular_lm.errors import GranularLMError, OptionError

EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (OptionError, 2),
    (GranularLMError, 1),
    (OSError, 1),  # a full disk, a folder without permission
    (MemoryError, 1),
)


def exit_code(error: Exception) -> int | None:
    """Return the exit code of an error that the user can mend; None for a bug, whose traceback is wanted."""
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), None)


def message(error: Exception) -> str:
    """Return an error in one line."""
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return "the reader of the output went away."
    if isinstance(error, OSError) and not isinstance(error, GranularLMError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; give another place, or make room."
    if isinstance(error, MemoryError):
        return "not enough memory; give less data at once."
    return " ".join(str(error).split("\n"))


def _silence_stdout() -> None:
    """Keep Python from complaining once more when it flushes a closed pipe at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
