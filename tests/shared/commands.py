"""What tests of commands share."""

from collections.abc import Callable

TINY = [
    "--preset",
    "tiny",
    "--hidden-size",
    "16",
    "--embedding-dim",
    "8",
    "--precision",
    "fp32",
    "--batch-bytes",
    "512",
]

Run = Callable[..., tuple[int, str, str]]
