"""How far a fixed time of training on a CPU gets, ours beside nanoGPT's recipe for a CPU.

    python benchmarks/time_to_bpb.py tinyshakespeare.txt [--seconds 150] [--ours KEY=VALUE ...] [-o FILE]

The first nine tenths of the file are for training, the rest is for validation: on tinyshakespeare the usual split,
1 003 854 and 111 540 bytes. Each job runs in a process of its own, and its seconds are all of its wall clock from the
start of the process to the finished model: Python and torch are loaded, data are read and encoded within them. What
is left out is scoring.

Ours is `granular_lm.train` with its defaults; ``--ours`` changes any of them: an argument of `train`
(``preset=small``), a value of the network (``hidden_size=512``) or of the training options
(``optimizer=adamw``). The development text, which chooses the weights that are kept and how sure they may be, is the
beginning of the training part, and is not trained on; the peer trains on all of it. The validation part is never seen
in training, and is read by the model once and whole, from the zero state. The peer has no stop, so the bits of the one
stop at the end are left out of the comparison: content bits over bytes. Both numbers are in the results.

The peer is described in `reference_gpt.py`. It is given its 2000 updates, however long they take, and then, where
ours had longer, as many updates as fill the same seconds, its learning rate stretched over them. Its validation part
is scored in windows of 64 bytes: side by side, as nanoGPT does, and, kinder, overlapping by half, so that all but the
first bytes are predicted from 32 to 64 bytes. The kinder number is the one compared.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from granular_lm.model import LanguageModel
from granular_lm.scoring import Totals
from granular_lm.text import to_text
from granular_lm.weights import ModelConfig
from processes import in_new_process
from results import benchmark_parser, write_results

TRAIN_SHARE = 0.9
STRIDE = 32
Settings = Mapping[str, Any]


def train_ours(
    data: bytes, settings: Settings, folder: Path, *, started: float, seconds: float, dev_bytes: int
) -> float:
    """Train in what is left of ``seconds`` since ``started``, save the model, and return the seconds used."""
    import granular_lm as glm

    given = _sorted_settings(settings)  # imports torch: from here on nothing large is left to load
    validation, documents = to_text(data[:dev_bytes]), to_text(data[dev_bytes:])
    left = seconds - (time.time() - started)
    model = glm.train([documents], validation=[validation], max_time=left, **given)
    model.save_pretrained(folder)
    return time.time() - started


def _sorted_settings(settings: Settings) -> dict[str, Any]:
    """Return settings as arguments of `granular_lm.train`."""
    from granular_lm.training import TrainingOptions

    networks, options = ({field.name for field in fields(kind)} for kind in (ModelConfig, TrainingOptions))
    return {
        **{name: value for name, value in settings.items() if name not in networks | options},
        "network": {name: value for name, value in settings.items() if name in networks} or None,
        "options": TrainingOptions(**{name: value for name, value in settings.items() if name in options}),
    }


def run_ours(train: bytes, valid: bytes, arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train ours in a new process and score it."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "model"
        seconds = in_new_process(
            train_ours,
            train,
            {"seed": seed, **dict(arguments.ours)},
            folder,
            started=time.time(),
            seconds=arguments.seconds - arguments.reserve,
            dev_bytes=arguments.dev_bytes,
        )
        model = LanguageModel.from_pretrained(folder)
    totals = Totals.of(model.score(valid)).to_dict()
    return {
        "seconds": seconds,
        "bpb_content": totals["bpb_content"],
        "bpb_with_stop": totals["bpb"],
        "network": model.config.to_dict(),
        "parameters": model.num_parameters,
        "training": model.training,
    }


def train_peer(train: bytes, valid: bytes, settings: Settings, *, started: float) -> dict[str, Any]:
    """Train the peer and score it; the seconds end before scoring."""
    from reference_gpt import Recipe, bits_per_byte, train_gpt

    recipe = Recipe(**settings)
    loop_started = time.time()
    network = train_gpt(train, recipe)
    ended = time.time()
    return {
        "seconds": ended - started,
        "loop_seconds": ended - loop_started,
        "bpb_strided": bits_per_byte(network, valid, context=recipe.context, stride=STRIDE),
        "bpb_side_by_side": bits_per_byte(network, valid, context=recipe.context, stride=recipe.context),
        "parameters": sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad),
        "recipe": asdict(recipe),
    }


def run_peer(train: bytes, valid: bytes, settings: Settings) -> dict[str, Any]:
    """Train and score the peer in a new process."""
    return in_new_process(train_peer, train, valid, settings, started=time.time())


def iterations_within(seconds: float, peer: Mapping[str, Any]) -> int:
    """Return how many updates the peer can make in ``seconds``, its start included, at the speed it had."""
    start = peer["seconds"] - peer["loop_seconds"]
    return int((seconds - start) * peer["recipe"]["iterations"] / peer["loop_seconds"])


def run_once(train: bytes, valid: bytes, arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Run ours, the peer as published, and the peer with our time where that is longer."""
    ours = run_ours(train, valid, arguments, seed)
    if not arguments.peer_iterations:
        return {"seed": seed, "ours": ours, "peer": None, "peer_same_seconds": None}
    settings = {"iterations": arguments.peer_iterations, "seed": seed}
    peer = run_peer(train, valid, settings)
    longer = None
    if (iterations := iterations_within(ours["seconds"], peer)) > arguments.peer_iterations:
        longer = run_peer(train, valid, {**settings, "iterations": iterations})
    return {"seed": seed, "ours": ours, "peer": peer, "peer_same_seconds": longer}


def summary(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means over the runs and the ratios ours / theirs."""
    ours = statistics.fmean(run["ours"]["bpb_content"] for run in runs)
    told: dict[str, Any] = {"ours": {"bpb": ours, "seconds": statistics.fmean(r["ours"]["seconds"] for r in runs)}}
    for name in ("peer", "peer_same_seconds"):
        rows = [run[name] for run in runs if run[name] is not None]
        if rows:
            bpb = statistics.fmean(row["bpb_strided"] for row in rows)
            seconds = statistics.fmean(row["seconds"] for row in rows)
            told[name] = {"bpb": bpb, "seconds": seconds, "ratio": ours / bpb}
    return told


def setting(text: str) -> tuple[str, Any]:
    """Return a ``KEY=VALUE`` of the command line; the value is JSON where it can be."""
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=150.0, help="of ours, from process start to finished model")
    parser.add_argument("--reserve", type=float, default=3.0, help="seconds of those not given to the training loop")
    parser.add_argument("--train-bytes", type=int, help="where the validation part begins; default: nine tenths")
    parser.add_argument("--valid-bytes", type=int, help="validate on the first of the rest alone")
    parser.add_argument(
        "--dev-bytes", type=int, default=10_000, help="beginning of the training part that is held out of it"
    )
    parser.add_argument("--ours", type=setting, nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--peer-iterations", type=int, default=2000, help="its updates; 0 leaves the peer out")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    return parser.parse_args()


def show(told: Mapping[str, Any]) -> None:
    """Print the short version."""
    ours = told["summary"]["ours"]
    if ours["seconds"] > told["seconds"]:
        print(f"ours took longer than its {told['seconds']:g} s; give more --reserve")
    with_stop = statistics.fmean(run["ours"]["bpb_with_stop"] for run in told["runs"])
    print(f"ours: {ours['bpb']:.4f} bits/byte ({with_stop:.4f} with the stop) in {ours['seconds']:.1f} s")
    for name, label in (("peer", "nanoGPT's recipe"), ("peer_same_seconds", "for as long as ours")):
        if row := told["summary"].get(name):
            print(f"{label}: {row['bpb']:.4f} bits/byte in {row['seconds']:.1f} s; ours / theirs {row['ratio']:.3f}")


def main() -> None:
    """Run both sides and write the results."""
    arguments = parse_arguments()
    data = arguments.file.read_bytes()
    cut = arguments.train_bytes or int(TRAIN_SHARE * len(data))
    train, valid = data[:cut], data[cut:][: arguments.valid_bytes]
    runs = [run_once(train, valid, arguments, seed) for seed in arguments.seeds]
    told = {
        "source": arguments.file.name,
        "train_bytes": len(train),
        "valid_bytes": len(valid),
        "seconds": arguments.seconds,
        "ours": dict(arguments.ours),
        "transformers": version("transformers"),
        "summary": summary(runs),
        "runs": runs,
    }
    show(told)
    write_results(arguments.output, told)


if __name__ == "__main__":
    main()
