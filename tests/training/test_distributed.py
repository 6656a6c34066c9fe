"""The same loop in two processes."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from granular_lm.corpus.bios import generate_bios
from granular_lm.model import LanguageModel
from granular_lm.training.checkpoint import CHECKPOINT_FILE

PROGRAM = """
import json, sys
import numpy as np
import granular_lm as glm
from granular_lm.training import TrainingOptions
documents = list(glm.generate_bios(120))
accumulate = int(sys.argv[2])
# AdamW: Muon rounds to bfloat16, which would hide a difference that is more than rounding.
exact = {"precision": "fp32", "optimizer": "adamw", "learning_rate": 2e-3}
options = TrainingOptions(batch_bytes=512, accumulate=accumulate, **exact)
network = {"hidden_size": 16, "embedding_dim": 8}
model = glm.train(documents, max_bytes=6000, network=network, options=options)
import torch.distributed as dist
rank = dist.get_rank() if dist.is_initialized() else 0
np.savez(f"{sys.argv[1]}-{rank}.npz", **model.weights)
with open(f"{sys.argv[1]}-{rank}.json", "w") as out:
    json.dump({**model.training, "processes": dist.get_world_size() if dist.is_initialized() else 1}, out)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_the_command_line_works_under_torchrun(tmp_path: Path) -> None:
    """Two processes with a time budget stop together, and one of them writes the model."""
    (tmp_path / "data.txt").write_text("".join(f"{text}\n" for text in generate_bios(300)), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    command += ["-m", "granular_lm", "train", "data.txt", "-o", "model", "--max-time", "3s", "--hidden-size", "16"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    assert LanguageModel.from_pretrained(tmp_path / "model").training["updates"] > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.txt", "model"]


@pytest.mark.slow
def test_two_processes_that_are_stopped_are_resumed(tmp_path: Path) -> None:
    """As a scheduler stops them, after a checkpoint; what they end with is what they would have ended with."""
    (tmp_path / "data.txt").write_text("".join(f"{text}\n" for text in generate_bios(300)), encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "granular_lm", "train", "data.txt", "--max-bytes", "90k", "--hidden-size", "16"]
    command += ["--precision", "fp32", "--checkpoint-every", "0s", "-o"]
    where: dict[str, Any] = {"cwd": tmp_path, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    subprocess.run([*command, "whole"], **where, check=True, capture_output=True, timeout=300)
    with subprocess.Popen([*command, "torn"], **where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as both:
        while not (tmp_path / "torn.training" / CHECKPOINT_FILE).exists():
            assert both.poll() is None
            time.sleep(0.01)
        both.terminate()
    assert LanguageModel.from_pretrained(tmp_path / "torn").training["ended"] == "interrupted"
    subprocess.run([*command, "torn", "--resume"], **where, check=True, capture_output=True, timeout=300)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "torn")]
    assert files[0] == files[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.txt", "torn", "whole"]


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(tmp_path: Path) -> None:
    """Under torchrun on CPU, two processes share each batch and end with one process's weights, to rounding.

    So does one process that reads each batch in two parts, and so do two processes that do.
    """
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    alone = [sys.executable]
    shared = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    runs = {"alone": (alone, "1"), "parts": (alone, "2"), "shared": (shared, "1"), "both": (shared, "2")}
    for name, (launcher, accumulate) in runs.items():
        command = [*launcher, "program.py", name, accumulate]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    told = {name: json.loads((tmp_path / f"{name}-0.json").read_text()) for name in runs}
    assert [each["processes"] for each in told.values()] == [1, 1, 2, 2]
    one = np.load(tmp_path / "alone-0.npz")
    for name in ("parts", "shared", "both"):
        other = np.load(tmp_path / f"{name}-0.npz")
        for key in one.files:
            np.testing.assert_allclose(other[key], one[key], atol=2e-5)
        assert told[name]["valid_bpb"] == pytest.approx(told["alone"]["valid_bpb"], abs=1e-4)
        assert told[name]["valid_bytes"] == told["alone"]["valid_bytes"]
        assert told[name]["bytes_seen"] == told["alone"]["bytes_seen"]
    for name in ("shared", "both"):
        first, second = (np.load(tmp_path / f"{name}-{rank}.npz") for rank in (0, 1))
        assert all(np.array_equal(first[key], second[key]) for key in one.files)
