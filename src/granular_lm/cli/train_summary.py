"""What ``granular-lm train`` says at its end."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granular_lm.cli.errors import as_typed
from granular_lm.cli.output import peak_memory_bytes, print_facts, print_json, warn
from granular_lm.text import is_utf8, printable

if TYPE_CHECKING:
    from granular_lm.model import LanguageModel
    from granular_lm.weights import ModelConfig

LATE = 1.5
"""So many times the budget of time is more than the last update may take."""

BITS_OF_A_BYTE = 8


def warn_about(model: "LanguageModel", max_time: float | None, *, can_go_on: bool) -> None:
    """Say what did not go as planned, on stderr.

    Args:
        model: What was trained.
        max_time: The budget, if it was a time in seconds, all of it for this sitting.
        can_go_on: Whether there is a checkpoint of a run that did not come to its end.
    """
    about = model.training
    options = {name: f"--{name.replace('_', '-')}" for name in about["options"]}
    if about["ended"] != "budget":
        how = "was interrupted" if about["ended"] == "interrupted" else f"ended {about['ended'].rstrip('.')}"
        warn(as_typed(f"training {how}; the best weights are kept.", options))
    if "base" in about and not about["best_update"]:
        rates = {name: rate for name, rate in about["options"].items() if name.endswith("learning_rate") and rate}
        lower = " ".join(f"{options[name]} {rate / 10:g}" for name, rate in rates.items())
        warn(f"no update made the model better than the one it began with, which is kept; try {lower}")
    if shared := about["valid_documents_trained_on"]:
        warn(
            f"{shared:,} distinct development documents were trained on, too: the model looks better than it is. "
            "granular-lm data split makes parts that have none in common."
        )
    if shared := about.get("test_documents_trained_on"):
        warn(
            f"{shared:,} distinct test documents were trained on by the model that --from names: its bits per byte say "
            "nothing of new text."
        )
    if about["valid_bpb"] > BITS_OF_A_BYTE:
        held_out = f"the {about['valid_bytes']:,} bytes of held-out text that it was judged by"
        warn(f"the model is worse than a guess on {held_out}; give more text, or a longer budget.")
    if max_time is not None and about["seconds"] > LATE * max_time:
        late = f"training took {about['seconds']:.0f} s instead of {max_time:g} s: other programs keep the cores busy"
        warn(f"{late}, and its threads wait for each other; set OMP_NUM_THREADS to fewer than there are cores.")
    if can_go_on:
        lower = " and lower rates" if about["ended"].startswith("diverged") else ""
        warn(f"to go on, give the same command with --resume{lower}.")


def print_summary(model: "LanguageModel", output: Path, *, json: bool) -> None:
    """Print what came of a training, and the next command to type.

    Args:
        model: What was trained.
        output: Its folder.
        json: As one JSON value instead of lines.
    """
    about = model.training
    peak_memory = peak_memory_bytes()
    if json:
        more = {"output": str(output), "parameters": model.num_parameters, "peak_memory_bytes": peak_memory}
        print_json({**more, **about})
        return
    shape = model.config
    print_facts(
        {
            "development bits per byte": f"{about['valid_bpb']:.4f} on {_size(about['valid_bytes'])}",
            **({"test bits per byte": f"{about['test_bpb']:.4f}"} if "test_bpb" in about else {}),
            "codec": f"{model.codec.name}, {model.codec.vocab_size} ids",
            "network": f"{shape.num_layers} x {shape.hidden_size}, {model.num_parameters:,} parameters",
            "dropout": _dropout(shape),
            "learning rates": _rates(about["options"]),
            "weight decay": f"{about['options']['weight_decay']:g}",
            **_calibration(about["sharpness"]),
            "read": f"{_size(about['bytes_seen'])} in {about['updates']:,} updates, {about['seconds']:.0f} s",
            **({"speed": _speed(about["bytes_seen"] / about["seconds"])} if about["seconds"] else {}),
            **({"peak memory": f"{peak_memory / 1e6:,.0f} MB"} if peak_memory else {}),
            "model": printable(str(output)),
            "next": f"granular-lm sample {_as_typed_in_a_shell(output)}",
        }
    )


def _as_typed_in_a_shell(path: Path) -> str:
    """Return a path as an argument, one that is no UTF-8 too."""
    name = f"./{path}" if str(path).startswith("-") else str(path)  # else it would be an option
    raw = os.fsencode(name)
    if is_utf8(raw):
        return shlex.quote(name)
    escaped = raw.replace(b"\\", rb"\\").replace(b"'", rb"\'").decode("ascii", "backslashreplace")
    return f"$'{escaped}'"


def _size(num_bytes: int) -> str:
    if num_bytes < 10_000:
        return f"{num_bytes:,} bytes"
    return f"{num_bytes / 1000:,.0f} kB" if num_bytes < 1_000_000 else f"{num_bytes / 1e6:,.2f} MB"


def _speed(bytes_per_second: float) -> str:
    return f"{bytes_per_second:,.0f} bytes/s" if bytes_per_second < 10_000 else f"{bytes_per_second / 1000:,.1f} kB/s"


def _rates(used: dict[str, Any]) -> str:
    """Return the peak learning rates as text."""
    of_matrices = used["matrix_learning_rate"]
    return f"{used['learning_rate']:g}" + (f", {of_matrices:g} for the LSTM" if of_matrices else "")


def _dropout(shape: "ModelConfig") -> str:
    of_weights = f", {shape.weight_dropout:g} of the recurrent weights" if shape.weight_dropout else ""
    return f"{shape.dropout:g}{of_weights}"


def _calibration(factor: float) -> dict[str, str]:
    is_told = f"{factor:.2f}" != "1.00"  # less is next to nothing
    return {"calibration": f"logits times {factor:.2f}, which suits the development text"} if is_told else {}
