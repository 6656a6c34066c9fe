"""Tables of tanh, sigmoid and exp that are the same everywhere: rounded from whole numbers, not by a library.

The last bit of a library's tanh differs between versions and processors. Here everything comes from one series of
whole numbers, the powers of e^(-1/4096) in fixed point of 96 bits, so each entry is the nearest there is.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[np.float64]

VERSION = 1
"""Of the arithmetic: another number says that the same weights give other probabilities."""

OUTPUT_BITS = 20  # embeddings, gates, cells and outputs are multiples of 2^-20
UNIT = 2.0**OUTPUT_BITS
INDEX_BITS = 12  # tables have 4096 entries a unit
REACH = 8  # tanh(8) is 1 to 20 bits
EXP_REACH = 17  # the coder gives nothing less than 2^-24, which is more than e^-17
EXP_BITS = 30
FIXED_BITS = 96


@dataclass(frozen=True, slots=True)
class Tables:
    """The functions of the network, by index.

    Attributes:
        tanh: tanh(x) · 2^20 for x = -8, ..., 8 in steps of 1/4096.
        sigmoid: sigmoid(2x) for the same x: the half is folded into the weights of the gates.
        exp: exp(-x) · 2^30 for x = 0, ..., 17 in the same steps.
    """

    tanh: Exact
    sigmoid: Exact
    exp: Exact


@cache
def tables() -> Tables:
    """Return the tables, each entry the nearest whole number of units."""
    one = 1 << FIXED_BITS
    powers = list(_powers_of_e())
    doubled = powers[: 2 * (REACH << INDEX_BITS) + 1 : 2]  # e^-2x
    tanh = np.array([_nearest((one - power) << OUTPUT_BITS, one + power) for power in doubled], dtype=np.float64)
    sigmoid = np.array([_nearest(one << OUTPUT_BITS, one + power) for power in doubled], dtype=np.float64)
    return Tables(
        tanh=np.concatenate([-tanh[:0:-1], tanh]),
        sigmoid=np.concatenate([UNIT - sigmoid[:0:-1], sigmoid]) / UNIT,
        exp=np.array([_nearest(power << EXP_BITS, one) for power in powers], dtype=np.float64),
    )


def _powers_of_e() -> Iterator[int]:
    """Yield e^(-k/4096) for k = 0, 1, ... in fixed point; the first factor is its series."""
    one = 1 << FIXED_BITS
    factor = sum((-1) ** n * (one >> INDEX_BITS * n) // math.factorial(n) for n in range(FIXED_BITS // INDEX_BITS))
    power = one
    for _ in range((EXP_REACH << INDEX_BITS) + 1):
        yield power
        power = power * factor >> FIXED_BITS


def _nearest(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


@cache
def arithmetic_hash() -> str:
    """Return a SHA-256 of the tables and the version of the arithmetic: with the weights, all that decides."""
    digest = hashlib.sha256(f"exact {VERSION}".encode())
    for table in (tables().tanh, tables().sigmoid * UNIT, tables().exp):
        digest.update(table.astype("<i8").tobytes())
    return digest.hexdigest()
