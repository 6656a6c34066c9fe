"""The same loop in two processes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from granular_lm.corpus.bios import generate_bios
from granular_lm.model import LanguageModel

PROGRAM = """
import json, sys
import numpy as np
import granular_lm as glm
from granular_lm.training import TrainingOptions
documents = list(glm.generate_bios(120))
options = TrainingOptions(precision="fp32", batch_bytes=512)
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
        "--nproc-per-node",
        "2",
        "--master-port",
        str(free_port()),
    ]
    command += ["-m", "granular_lm", "train", "data.txt", "-o", "model", "--max-time", "3s", "--hidden-size", "16"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    assert LanguageModel.from_pretrained(tmp_path / "model").training["updates"] > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.txt", "model"]


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(tmp_path: Path) -> None:
    """Under torchrun on CPU, two processes share each batch and end with one process's weights, to rounding."""
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    alone = [sys.executable, "program.py", "alone"]
    shared = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    for command in (alone, [*shared, "program.py", "shared"]):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=300)
    one, first, second = (np.load(tmp_path / f"{name}.npz") for name in ("alone-0", "shared-0", "shared-1"))
    for name in one.files:
        np.testing.assert_allclose(first[name], one[name], atol=2e-5)
        assert np.array_equal(first[name], second[name])
    told = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("alone-0", "shared-0")]
    assert [each["processes"] for each in told] == [1, 2]
    assert told[0]["valid_bpb"] == pytest.approx(told[1]["valid_bpb"], abs=1e-4)
    assert told[0]["bytes_seen"] == told[1]["bytes_seen"]
