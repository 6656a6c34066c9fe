"""Checks that options of all kinds share, each with one wording of what is accepted."""

import math

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
