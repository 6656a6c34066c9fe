"""What is held equal between codecs: the shapes that follow from it, and the check that it was.

| match  | equal between codecs                                                        |
|--------|-----------------------------------------------------------------------------|
| data   | documents, their order, how many share an update, bytes read, width, depth  |
| params | bytes read, and all parameters within 1 %: the width is solved              |
| flops  | bytes read, and FLOPs of training for each byte within 1 %: as well         |
| time   | seconds of training on this machine, width, depth                           |

Under ``params`` and ``flops`` the first codec of the list keeps the shape that was asked for, and the others follow.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from granular_lm.errors import OptionError
from granular_lm.weights import ModelConfig, flops_per_token, num_parameters

MATCHES = ("data", "params", "flops", "time")
TOLERANCE = 0.01
TIME_TOLERANCE = 0.05
"""Training ends with the update in which the time runs out, and one more look at the development documents."""

NAMES = {
    "documents": "test documents",
    "bytes": "bytes of test documents",
    "train_documents": "training documents",
    "train_bytes": "bytes of training documents",
    "num_layers": "layers",
}
"""What is always equal, by its name in the results."""

MOST_HIDDEN = 2**15
NEAR_WIDTHS, NEAR_EMBEDDINGS = 3, 0.5

Cost = Callable[[ModelConfig], float]


@dataclass(frozen=True, slots=True)
class Check:
    """One quantity that was to be equal.

    Attributes:
        name: What it is.
        group: Which results it was compared over: a seed, a width, or all.
        low: The lowest value met.
        high: The highest.
        tolerance: By what share the highest may exceed the lowest.
    """

    name: str
    group: str
    low: float
    high: float
    tolerance: float

    @property
    def is_held(self) -> bool:
        """Whether it was equal."""
        return self.high - self.low <= self.tolerance * self.low

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON values."""
        return {**asdict(self), "is_held": self.is_held}


def check_match(match: str) -> None:
    """Raise `OptionError` unless that is something to hold equal."""
    if match not in MATCHES:
        raise OptionError(f"match={match!r} is not accepted; give one of: {', '.join(MATCHES)}.")


def cost_of(match: str, tokens_per_byte: float) -> Cost | None:
    """Return what the width is solved for; None if all have the same width.

    Args:
        match: What is held equal.
        tokens_per_byte: Of the codec whose width it is, stops included.
    """
    if match == "params":
        return lambda config: sum(num_parameters(config).values())
    if match == "flops":
        return lambda config: flops_per_token(config) * tokens_per_byte
    return None


def solve_shape(shape: Mapping[str, Any], vocab_size: int, cost: Cost, goal: float) -> dict[str, Any]:
    """Return a shape with the cost nearest to a goal: another width, and an embedding in nearly the same proportion.

    Args:
        shape: Settings of `ModelConfig`, the vocabulary left out.
        vocab_size: Of the codec.
        cost: Grows with the width.
        goal: The cost wanted.

    Raises:
        OptionError: No width comes within 1 % of the goal.
    """
    widest = _first_above(shape, vocab_size, cost, goal)
    near = range(max(1, widest - NEAR_WIDTHS), widest + NEAR_WIDTHS)
    tried = [_resized(shape, width, embedding) for width in near for embedding in _embeddings(shape, width)]
    misses = [abs(cost(ModelConfig.from_dict({**each, "vocab_size": vocab_size})) / goal - 1) for each in tried]
    best = min(range(len(tried)), key=misses.__getitem__)
    if misses[best] > TOLERANCE:
        raise OptionError(
            f"no width makes a model of {vocab_size:,} ids as large as the first codec's within {TOLERANCE:.0%}: the "
            f"nearest misses by {misses[best]:.0%}. Give a larger --hidden-size, or a smaller vocabulary."
        )
    return tried[best]


def held_equal(match: str, rows: Sequence[Mapping[str, Any]], seconds: float | None) -> list[Check]:
    """Return the checks of a comparison's results.

    Args:
        match: What was to be held equal.
        rows: The results, each with its ``size``, the width that was asked for.
        seconds: The time each had, under ``match="time"``.
    """
    checks = [Check(NAMES[name], "all", *_range(rows, name), 0.0) for name in NAMES]
    if match == "time":
        assert seconds is not None
        times = [row["seconds"] for row in rows]
        checks.append(Check("seconds", "all", min(seconds, *times), max(seconds, *times), TIME_TOLERANCE))
        machines = {(row["environment"]["cpu"], row["environment"]["cores"]) for row in rows}
        checks.append(Check("machines", "all", 1, len(machines), 0.0))
    else:
        for seed in sorted({row["seed"] for row in rows}):
            same = [row for row in rows if row["seed"] == seed]
            checks += [Check(name, f"seed {seed}", *_range(same, name), 0.0) for name in ("bytes_seen", "updates")]
    name = {"params": "num_parameters", "flops": "flops_per_byte"}.get(match, "hidden_size")
    for size in sorted({row["size"] for row in rows}):
        same = [row for row in rows if row["size"] == size]
        # each is within the tolerance of the first codec's, so two others may lie twice that apart
        tolerance = 2 * TOLERANCE / (1 - TOLERANCE) if match in ("params", "flops") else 0.0
        checks.append(Check(name, f"width {size}", *_range(same, name), tolerance))
    return checks


def _first_above(shape: Mapping[str, Any], vocab_size: int, cost: Cost, goal: float) -> int:
    """Return the smallest width that costs the goal or more."""
    low, high = 1, MOST_HIDDEN
    while low < high:
        middle = (low + high) // 2
        config = ModelConfig.from_dict({**_resized(shape, middle), "vocab_size": vocab_size})
        low, high = (middle + 1, high) if cost(config) < goal else (low, middle)
    return low


def _resized(shape: Mapping[str, Any], width: int, embedding: int | None = None) -> dict[str, Any]:
    same = max(1, round(shape["embedding_dim"] * width / shape["hidden_size"]))
    return {**shape, "hidden_size": width, "embedding_dim": embedding or same}


def _embeddings(shape: Mapping[str, Any], width: int) -> Iterable[int]:
    """Return the widths of the embedding to try, the one in proportion first."""
    same = _resized(shape, width)["embedding_dim"]
    if shape.get("tie_embeddings"):
        return [width]
    spread = max(1, round(NEAR_EMBEDDINGS * same))
    return sorted(range(max(1, same - spread), same + spread + 1), key=lambda each: abs(each - same))


def _range(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[float, float]:
    values = [row["parameters"]["total"] if name == "num_parameters" else row[name] for row in rows]
    return min(values), max(values)
