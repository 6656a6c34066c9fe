"""Checks that options of all kinds share, each with one wording of what is accepted."""

import math
from collections.abc import Callable

from granular_lm.errors import OptionError


def check_integer(name: str, value: object, *, least: int, most: float = math.inf) -> None:
    """Raise `OptionError` unless ``value`` is an int from ``least`` to ``most``, a bool not being one.

    Examples:
        >>> check_integer("seed", 3, least=0)
        >>> check_integer("seed", -1, least=0)
        Traceback (most recent call last):
            ...
        granular_lm.errors.OptionError: seed=-1 is not accepted; give a whole number of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        accepted = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
        raise OptionError(f"{name}={value!r} is not accepted; give a whole number {accepted}.")


def check_number(name: str, value: object, accepted: str, *, within: Callable[[float], bool]) -> None:
    """Raise `OptionError` unless ``value`` is a finite number within bounds, a bool not being one.

    Args:
        name: What the value is called.
        value: What was given.
        accepted: Which numbers are, for the message.
        within: Whether a finite number is one of them.

    Examples:
        >>> check_number("rate", 0.1, "a number above 0", within=lambda rate: rate > 0)
        >>> check_number("rate", "0.1", "a number above 0", within=lambda rate: rate > 0)
        Traceback (most recent call last):
            ...
        granular_lm.errors.OptionError: rate='0.1' is not accepted; give a number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and within(value)):
        raise OptionError(f"{name}={value!r} is not accepted; give {accepted}.")
