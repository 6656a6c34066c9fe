"""Checks that options of all kinds share, each with one wording of what is accepted."""

import math
from collections.abc import Callable
from dataclasses import fields
from numbers import Integral, Real
from typing import TYPE_CHECKING

from granular_lm.errors import OptionError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def check_integer(name: str, value: object, *, least: int, most: float = math.inf) -> None:
    """Raise `OptionError` unless ``value`` is a whole number from ``least`` to ``most``, a bool not being one.

    Examples:
        >>> check_integer("seed", 3, least=0)
        >>> check_integer("seed", -1, least=0)
        Traceback (most recent call last):
            ...
        granular_lm.errors.OptionError: seed=-1 is not accepted; give a whole number of at least 0.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
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
    if isinstance(value, bool) or not isinstance(value, Real) or not _is_within(value, within):
        finite = ", not an endless one" if isinstance(value, Real) and value in (math.inf, -math.inf) else ""
        raise OptionError(f"{name}={value!r} is not accepted; give {accepted}{finite}.")


def _is_within(value: Real, within: Callable[[float], bool]) -> bool:
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False
    return math.isfinite(number) and within(number)


def take_plain_numbers(settings: "DataclassInstance") -> None:
    """Turn numbers of numpy and the like among the fields of a dataclass into int and float, which JSON has.

    Examples:
        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> @dataclass(frozen=True)
        ... class Settings:
        ...     seed: int
        ...     def __post_init__(self):
        ...         take_plain_numbers(self)
        >>> Settings(seed=np.int64(3))
        Settings(seed=3)
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, Integral):
            plain: int | float = value if isinstance(value, int) else int(value)
        elif isinstance(value, Real) and _is_within(value, lambda _: True):
            plain = float(value)
        else:
            continue
        object.__setattr__(settings, field.name, plain)
