"""The one table from exceptions to exit codes."""

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
    if isinstance(error, OSError) and not isinstance(error, GranularLMError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; {_advice(error)}."
    if isinstance(error, MemoryError):
        return "not enough memory; give less data at once."
    return " ".join(str(error).split("\n"))


def _advice(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "give yourself the right to it, or give another place"
    return "give another place, or make room"
