"""``train --resume`` as a user meets it: another process, a kill, the same command again."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from granular_lm.corpus.bios import generate_bios

SHAPE = ["--hidden-size", "32", "--dropout", "0.1", "--max-bytes", "150k", "--precision", "fp32"]


def command(folder: Path, output: str, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "granular_lm", "train", str(folder / "bios.txt"), "-o", str(folder / output)),
        *(*SHAPE, "--checkpoint-every", "0s", *more),
    ]


def run(arguments: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
    return subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=300, check=False)


def interrupted(arguments: list[str], checkpoint: Path, how: signal.Signals) -> subprocess.Popen[bytes]:
    """Start a command and send it a signal a little after its first checkpoint."""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not checkpoint.exists():
        assert child.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    child.send_signal(how)
    child.wait()
    return child


@pytest.mark.slow
def test_killed_and_resumed_it_writes_the_same_model_file(tmp_path: Path) -> None:
    """SHA-256 of model.safetensors and the metrics, the clock left out; the run's folder is gone at the end."""
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in generate_bios(500)), encoding="utf-8")
    assert run(command(tmp_path, "whole")).returncode == 0
    arguments = command(tmp_path, "torn")
    checkpoint = tmp_path / "torn.training" / "checkpoint.safetensors"
    assert interrupted(arguments, checkpoint, signal.SIGKILL).returncode == -signal.SIGKILL
    refused = run(arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    assert "holds an unfinished run; resume it" in refused.stderr
    other = run(command(tmp_path, "torn", "--resume", "--codec", "char"))
    assert other.returncode == 1
    assert "codec.name was 'byte', now 'char'" in other.stderr
    assert run([*arguments, "--resume"]).returncode == 0
    hashes, curves = [], []
    for name in ("whole", "torn"):
        hashes.append(hashlib.sha256((tmp_path / name / "model.safetensors").read_bytes()).hexdigest())
        points = map(json.loads, (tmp_path / name / "metrics.jsonl").read_text().splitlines())
        curves.append([{**point, "seconds": 0, "bytes_per_second": 0} for point in points])
        assert (tmp_path / name / "learning-curve.svg").read_text().startswith("<svg")
    assert hashes[0] == hashes[1]
    assert curves[0] == curves[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bios.txt", "torn", "whole"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_writes_a_model_and_resume_replaces_it(tmp_path: Path, how: signal.Signals) -> None:
    """The best so far is a whole model folder; the run goes on from the checkpoint as if it had not been stopped."""
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in generate_bios(500)), encoding="utf-8")
    checkpoint = tmp_path / "m.training" / "checkpoint.safetensors"
    assert run(command(tmp_path, "whole")).returncode == 0
    assert interrupted(command(tmp_path, "m"), checkpoint, how).returncode == 0
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    assert config["training"]["ended"] == "interrupted"
    refused = run(command(tmp_path, "m"))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "is the model of an unfinished run; go on with --resume" in refused.stderr
    done = run(command(tmp_path, "m", "--resume", "--json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["ended"] == "budget"
    assert json.loads((tmp_path / "m" / "config.json").read_text())["training"]["ended"] == "budget"
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bios.txt", "m", "whole"]
