"""The packages that only cleaning needs, and what is said where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from granular_lm.errors import OptionError


@contextmanager
def needed_for(step: str) -> Iterator[None]:
    """Turn the failed import of a package into an `OptionError` that says which step needs it."""
    try:
        yield
    except ImportError as error:
        raise OptionError(
            f"{step} needs the package {error.name}, which is not installed; pip install granular-lm[clean]."
        ) from error
