"""``train --resume`` as a user meets it: another process, a kill, the same command again."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import granular_lm as glm
from granular_lm.cli import main
from granular_lm.cli import train as train_command
from granular_lm.cli.train_summary import print_summary, warn_about
from granular_lm.corpus.bios import generate_bios
from granular_lm.files import locked_folder

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
    assert "holds the checkpoint of a run; go on from it (--resume, resume=True), or remove" in refused.stderr
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


def test_what_goes_on_without_getting_better_is_told(tmp_path: Path) -> None:
    """The model it began with is kept, and lower rates are proposed; so is a machine that is too busy."""
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in generate_bios(200)), encoding="utf-8")
    rates = ["--learning-rate", "0.5", "--matrix-learning-rate", "0.5"]
    data = [sys.executable, "-m", "granular_lm", "train", str(tmp_path / "bios.txt"), "-o", str(tmp_path / "m")]
    done = run([*data, "--from", "bios-byte", "--max-bytes", "10k", *rates])
    assert done.returncode == 0
    assert "which is kept; try --learning-rate 0.05 --matrix-learning-rate 0.05" in done.stderr


@pytest.mark.parametrize(("seconds", "is_told"), [(100.0, False), (200.0, True)])
def test_a_run_that_took_too_long_says_why(
    seconds: float, is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other programs are the likely reason."""
    model = glm.LanguageModel.from_pretrained("bios-byte")
    model.training |= {"ended": "budget", "seconds": seconds, "valid_bpb": 1.5}
    warn_about(model, 100.0, can_go_on=False)
    assert ("training took 200 s instead of 100 s" in capsys.readouterr().err) == is_told


def test_a_run_that_diverged_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    """Options as the command line has them, and not the same command again, which would diverge again."""
    model = glm.LanguageModel.from_pretrained("bios-byte")
    advice = "diverged: 10 gradients in a row were no finite numbers; lower learning_rate (now 0.028)."
    model.training |= {"ended": advice, "options": {"learning_rate": 0.028}}
    warn_about(model, None, can_go_on=True)
    told = capsys.readouterr().err
    assert "lower --learning-rate (now 0.028); the best weights are kept." in told
    assert "give the same command with --resume and lower rates." in told


@pytest.mark.parametrize(
    ("name", "typed"), [("a b", "'a b'"), ("-y", "./-y"), ("caf\udce9's", "$'caf\\xe9\\'s'"), ("plain", "plain")]
)
def test_the_next_command_can_be_pasted(name: str, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the model is called, a shell takes it for that name."""
    model = glm.LanguageModel.from_pretrained("bios-byte")
    print_summary(model, Path(name), json=False)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("next"))
    assert line.endswith(f"granular-lm sample {typed}")
    echoed = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, check=True)
    assert Path(os.fsdecode(echoed.stdout)) == Path(name)


def test_another_run_in_the_folder_is_no_run_to_go_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its checkpoint is as new as can be, and not of the command that is refused."""
    (tmp_path / "bios.txt").write_text("Ada\n" * 50, encoding="utf-8")
    work = tmp_path / "m.training"
    work.mkdir()
    (work / "checkpoint.safetensors").touch()
    os.utime(work / "checkpoint.safetensors", (2**33, 2**33))
    with locked_folder(work), pytest.raises(SystemExit):
        main(["train", str(tmp_path / "bios.txt"), "-o", str(tmp_path / "m"), "--resume"])
    told = capsys.readouterr().err
    assert "another process is at work" in told
    assert "the last checkpoint is kept" not in told


@pytest.mark.parametrize("obstacle", ["full", "interrupted"])
def test_what_was_trained_outlasts_a_failure_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], obstacle: str
) -> None:
    """The same command with --resume writes the model that would have been written, and nothing else is left."""
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in generate_bios(200)), encoding="utf-8")
    arguments = ["train", str(tmp_path / "bios.txt"), *SHAPE[:4], "--max-bytes", "20k", "--precision", "fp32", "-o"]

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device") if obstacle == "full" else KeyboardInterrupt

    def ended(name: str, *more: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as end:
            main([*arguments, str(tmp_path / name), *more])
        return end.value.code, capsys.readouterr().err

    assert ended("whole") == (0, "")
    with monkeypatch.context() as patched:
        patched.setattr("granular_lm.model.save_weights", fail)
        code, said = ended("m")
    assert code == (1 if obstacle == "full" else 130)
    assert "the last checkpoint is kept: the same command with --resume goes on from there." in said
    assert obstacle != "full" or f"{tmp_path / 'm'}: No space left on device" in said
    assert ended("m", "--resume") == (0, "")
    assert (tmp_path / "m/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    curves = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("m", "whole")]
    assert [json.loads(line)["step"] for line in curves[0]] == [json.loads(line)["step"] for line in curves[1]] != []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bios.txt", "m", "whole"]


def test_ctrl_c_while_the_model_is_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a moment, and the model is whole."""
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in generate_bios(200)), encoding="utf-8")
    save = glm.LanguageModel.write_into

    def interrupted_saving(model: glm.LanguageModel, folder: Path, *, title: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        save(model, folder, title=title)

    monkeypatch.setattr(glm.LanguageModel, "write_into", interrupted_saving)
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path / "bios.txt"), *SHAPE[:2], "--max-bytes", "2k", "-o", str(tmp_path / "m")])
    assert ended.value.code == 0
    assert glm.LanguageModel.from_pretrained(tmp_path / "m").training["ended"] == "budget"


def test_what_else_is_in_the_folder_of_a_run_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Be it what is trained on; and where it stays, nothing is said of going on."""
    (tmp_path / "m.training").mkdir()
    corpus = tmp_path / "m.training" / "part1.txt"
    corpus.write_text("".join(f"{text}\n" for text in generate_bios(50)), encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["train", str(corpus), "-o", str(tmp_path / "m"), *SHAPE[:2], "--max-bytes", "2k"])
    assert ended.value.code == 0
    assert "--resume" not in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "m.training").iterdir()] == ["part1.txt"]


def test_a_name_that_is_no_utf8_is_written(tmp_path: Path) -> None:
    """With U+FFFD in the card and above the picture, and control characters likewise."""
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in generate_bios(300)), encoding="utf-8")
    output = tmp_path / "caf\udce9\x01"
    done = run([*command(tmp_path, "m")[:5], "-o", str(output), *SHAPE[:2], "--max-bytes", "20k"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "# caf\ufffd\ufffd\n" in (output / "README.md").read_text(encoding="utf-8")
    ET.parse(output / "learning-curve.svg")


def test_test_documents_that_the_base_knows_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The new text has none of them, but the model that training went on from was trained on them."""
    lines = list(dict.fromkeys(generate_bios(200)))
    for name, some in (("old", lines[:100]), ("new", lines[100:])):
        (tmp_path / f"{name}.txt").write_text("".join(f"{text}\n" for text in some), encoding="utf-8")
    old, new, base = str(tmp_path / "old.txt"), str(tmp_path / "new.txt"), str(tmp_path / "base")
    for arguments in ([old, "-o", base, *SHAPE[:2]], [new, "-o", str(tmp_path / "m"), "--from", base, "--test", old]):
        with pytest.raises(SystemExit) as ended:
            main(["train", *arguments, "--max-bytes", "2k"])
        assert ended.value.code == 0
    told = glm.LanguageModel.from_pretrained(tmp_path / "m").training["test_documents_trained_on"]
    assert told >= 90
    assert f"{told} distinct test documents were trained on by the model that --from names" in capsys.readouterr().err


def test_a_useless_model_is_told(tmp_path: Path) -> None:
    """Of ten names nothing can be learnt that holds for others."""
    names = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Alan", "Niklaus", "Frances", "Zoë", "Łukasz"]
    (tmp_path / "names.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    data = [sys.executable, "-m", "granular_lm", "train", str(tmp_path / "names.txt"), "-o", str(tmp_path / "m")]
    done = run([*data, "--max-bytes", "30", "--preset", "tiny", "--precision", "fp32"])
    assert done.returncode == 0
    assert json.loads((tmp_path / "m" / "config.json").read_text())["training"]["valid_bpb"] > 8
    assert "the model is worse than a guess on the" in done.stderr


def test_ctrl_c_at_the_test_documents_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model was trained before them, and is written."""
    lines = list(generate_bios(250))
    (tmp_path / "bios.txt").write_text("".join(f"{text}\n" for text in lines[:200]), encoding="utf-8")
    (tmp_path / "test.txt").write_text("".join(f"{text}\n" for text in set(lines[200:]) - set(lines[:200])), "utf-8")

    def interrupted_scoring(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("granular_lm.scoring.score_documents", interrupted_scoring)
    files = [str(tmp_path / "bios.txt"), "--test", str(tmp_path / "test.txt"), "-o", str(tmp_path / "m")]
    with pytest.raises(SystemExit) as ended:
        main(["train", *files, *SHAPE[:2], "--max-bytes", "3k"])
    assert ended.value.code == 0
    assert "the model is kept" in capsys.readouterr().err
    assert "test_bpb" not in glm.LanguageModel.from_pretrained(tmp_path / "m").training


def test_ctrl_c_while_torch_is_loaded_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits until all is loaded, then ends the command before anything is read or written."""
    (tmp_path / "bios.txt").write_text("a\nb\n", encoding="utf-8")

    @contextmanager
    def interrupted_meanwhile() -> Iterator[threading.Event]:
        noted = threading.Event()
        yield noted
        noted.set()

    monkeypatch.setattr(train_command, "noted_interrupts", interrupted_meanwhile)
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path / "bios.txt"), "-o", str(tmp_path / "m")])
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "granular-lm: interrupted."
    assert [path.name for path in tmp_path.iterdir()] == ["bios.txt"]
