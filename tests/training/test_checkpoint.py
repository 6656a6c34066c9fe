"""A run that is stopped, however rudely, goes on as if it had not been."""

import math
import multiprocessing
import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

import granular_lm as glm
from granular_lm.errors import FolderInUseError, OptionError, OutputExistsError, TrainingError
from granular_lm.training import Checkpoint, Progress, Trainer, TrainingOptions
from granular_lm.training.checkpoint import CHECKPOINT_FILE
from granular_lm.training.options import Callback
from granular_lm.weights import save_weights

KILLS = 50
SHAPE: dict[str, Any] = {"hidden_size": 24, "embedding_dim": 12, "dropout": 0.2}
OPTIONS: dict[str, Any] = {"precision": "fp32", "batch_bytes": 512, "window_bytes": 32}
WITHOUT_CLOCK = ("step", "progress", "bytes_seen", "train_bpb", "learning_rate", "grad_norm", "valid_bpb", "is_best")


class StoppedError(Exception):
    """What a callback raises to end a run between two updates."""


def train(
    bios: list[str], folder: Path | None, *, stop_at: int | None = None, also: Callback | None = None, **changes: Any
) -> tuple[glm.LanguageModel, list[dict[str, Any]]]:
    curve: list[dict[str, Any]] = []

    def note(trainer: Trainer, told: Progress) -> None:
        curve[:] = trainer.metrics.points
        if also is not None:
            also(trainer, told)
        if told.step == stop_at:
            raise StoppedError

    options = {**OPTIONS, **changes.pop("options", {})}
    settings: dict[str, Any] = {
        "max_bytes": 30_000,
        "network": SHAPE,
        "preset": "small",
        "checkpoint_seconds": 0.0,
        "checkpoint_folder": folder,
        **changes,
    }
    model = glm.train(bios, options=TrainingOptions(**options), on_step=note, **settings)
    return model, curve


def assert_same_run(one: tuple[glm.LanguageModel, list[Any]], two: tuple[glm.LanguageModel, list[Any]]) -> None:
    """Weights, metrics and samples, to the bit."""
    for name, array in one[0].weights.items():
        assert array.tobytes() == two[0].weights[name].tobytes(), name
    curves = [[{key: point.get(key) for key in WITHOUT_CLOCK} for point in curve] for _, curve in (one, two)]
    assert curves[0] == curves[1]
    samples = [glm.Generator(model).sample_batch(3, seed=1) for model, _ in (one, two)]
    assert [sample.data for sample in samples[0]] == [sample.data for sample in samples[1]]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("codec", ["byte", "char"])
def test_resuming_is_exact(bios: list[str], tmp_path: Path, optimizer: str, codec: str) -> None:
    """Stopped in the middle and resumed, a run gives the weights, metrics and samples of one that was not."""
    options = {"optimizer": optimizer}
    whole = train(bios, None, options=options, codec=codec)
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=25, options=options, codec=codec)
    assert_same_run(whole, train(bios, tmp_path / "run", resume=True, options=options, codec=codec))


def test_resuming_is_exact_in_bfloat16(bios: list[str], tmp_path: Path) -> None:
    """Also in the precision that the machine is fastest in."""
    options = {"precision": "auto"}
    whole = train(bios, None, options=options)
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=25, options=options)
    assert_same_run(whole, train(bios, tmp_path / "run", resume=True, options=options))


@pytest.mark.slow
def test_resuming_in_the_second_epoch_is_exact(bios: list[str], tmp_path: Path) -> None:
    """The position counts passes, too."""
    whole = train(bios[:60], None)
    with pytest.raises(StoppedError):
        train(bios[:60], tmp_path / "run", stop_at=60)
    checkpoint = Checkpoint.load(tmp_path / "run" / CHECKPOINT_FILE)
    assert checkpoint is not None
    assert checkpoint.state["run"]["epoch"] >= 1
    assert_same_run(whole, train(bios[:60], tmp_path / "run", resume=True))


def test_resuming_without_a_checkpoint_starts(bios: list[str], tmp_path: Path) -> None:
    """A run that was killed before its first checkpoint is resumed by starting anew."""
    assert_same_run(train(bios, None), train(bios, tmp_path / "run", resume=True))


@pytest.mark.slow
def test_a_longer_budget_stretches_what_is_left(bios: list[str], tmp_path: Path) -> None:
    """Evaluations and points of the curve go on at the new pace."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=50)
    model, curve = train(bios, tmp_path / "run", resume=True, max_bytes=120_000)
    assert model.training["bytes_seen"] >= 120_000
    shares = [point["progress"] for point in curve]
    assert shares == sorted(shares)
    looked = [point["progress"] for point in curve if "valid_bpb" in point and point["step"] > 50]
    assert len(looked) >= 7
    assert max(late - early for early, late in pairwise(looked)) < 0.15


def test_learning_rates_may_be_lowered(bios: list[str], tmp_path: Path) -> None:
    """That is the advice to a run that diverges; with rates of next to nothing the weights stay."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=20)
    checkpoint = Checkpoint.load(tmp_path / "run" / CHECKPOINT_FILE)
    assert checkpoint is not None
    rates = {"learning_rate": 1e-9, "matrix_learning_rate": 1e-9}
    at_the_end: list[Trainer] = []
    model, _ = train(
        bios, tmp_path / "run", resume=True, options=rates, also=lambda trainer, _: at_the_end.append(trainer)
    )
    assert model.training["options"]["learning_rate"] == 1e-9
    for name, parameter in at_the_end[-1].network.named_parameters():
        torch.testing.assert_close(parameter.detach(), checkpoint.named("network")[name], rtol=0, atol=1e-5)


def test_a_budget_that_is_used_already_ends_the_run(bios: list[str], tmp_path: Path) -> None:
    """Nothing more is read, and what was read is judged."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=30)
    checkpoint = Checkpoint.load(tmp_path / "run" / CHECKPOINT_FILE)
    assert checkpoint is not None
    model, _ = train(bios, tmp_path / "run", resume=True, max_bytes=1000)
    assert model.training["updates"] == checkpoint.state["run"]["step"]
    assert model.training["ended"] == "budget"


def test_one_run_at_a_time(bios: list[str], tmp_path: Path) -> None:
    """A second one in the same folder is refused, and the first goes on."""
    told: list[str] = []

    def try_another(trainer: Trainer, progress: glm.training.Progress) -> None:
        if progress.step == 5:
            with pytest.raises(FolderInUseError, match="another process is at work in .*run") as error:
                train(bios, tmp_path / "run", resume=True)
            told.append(str(error.value))

    train(bios, tmp_path / "run", also=try_another)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [({"resume": True}, "resume=True needs the checkpoint_folder"), ({"checkpoint_seconds": math.nan}, "=nan is not")],
)
def test_checkpoints_want_sensible_options(bios: list[str], options: dict[str, Any], message: str) -> None:
    """Nothing that was asked for is ignored."""
    with pytest.raises(OptionError, match=message):
        glm.train(bios, **options)


@pytest.mark.slow
def test_what_auto_chose_is_kept(bios: list[str], tmp_path: Path) -> None:
    """A run that chose its network by the budget is resumed with it, whatever the machine's speed is now."""
    auto: dict[str, Any] = {"preset": "auto", "network": {"embedding_dim": 8}}
    whole = train(bios, None, **auto)
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=25, **auto)
    resumed = train(bios, tmp_path / "run", resume=True, **auto)
    assert_same_run(whole, resumed)
    assert resumed[0].config == whole[0].config


def test_the_base_model_is_part_of_a_run(bios: list[str], tmp_path: Path) -> None:
    """Another one of the same shape is refused."""
    base: dict[str, Any] = {"network": None, "preset": "auto", "max_bytes": 12_000}
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=8, base="bios-byte", **base)
    other = glm.LanguageModel.from_pretrained("bios-byte")
    other.weights["head.bias"] = other.weights["head.bias"] + 1
    with pytest.raises(TrainingError, match="base was "):
        train(bios, tmp_path / "run", resume=True, base=other, **base)


def test_an_unfinished_run_is_not_overwritten(bios: list[str], tmp_path: Path) -> None:
    """Without resume it is refused, and stays."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=5)
    before = (tmp_path / "run" / CHECKPOINT_FILE).read_bytes()
    with pytest.raises(OutputExistsError, match="holds the checkpoint of a run; go on from it"):
        train(bios, tmp_path / "run")
    assert (tmp_path / "run" / CHECKPOINT_FILE).read_bytes() == before


def test_what_else_is_in_the_folder_stays(bios: list[str], tmp_path: Path) -> None:
    """Of the run only the checkpoint is left, and its folder is nobody's current one."""
    for name in ("notes.md", "process-0/part1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    train(bios, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [CHECKPOINT_FILE, "notes.md", "process-0"]
    assert (tmp_path / "process-0" / "part1.txt").read_text() == "mine"


@pytest.mark.parametrize("patience", [None, 1])
def test_a_run_that_is_done_can_be_had_again(bios: list[str], tmp_path: Path, patience: int | None) -> None:
    """Its checkpoint holds the outcome, also of one that ended early: nothing is trained, nor looked at once more."""
    options = {"patience": patience, "learning_rate": 3.0 if patience else None}
    whole = train(bios, tmp_path / "run", options=options)
    assert whole[0].training["ended"].startswith("early" if patience else "budget")
    kept = Checkpoint.load(tmp_path / "run" / CHECKPOINT_FILE)
    steps: list[int] = []
    again = train(bios, tmp_path / "run", resume=True, options=options, also=lambda _, told: steps.append(told.step))
    assert (steps, again[0].training["ended"]) == ([], whole[0].training["ended"])
    assert again[0].training["valid_bpb"] == whole[0].training["valid_bpb"]
    assert kept is not None
    assert [point["step"] for point in kept.points] == [point["step"] for point in whole[1]]
    assert_same_run((again[0], []), (whole[0], []))


@pytest.mark.parametrize("is_stopped_then", [False, True])
def test_a_checkpoint_has_weights_that_can_be_gone_on_with(
    bios: list[str], tmp_path: Path, is_stopped_then: bool
) -> None:
    """A rate that ruins them is found out by the next gradient, or at the end; what is on the disk is from before."""

    def ruin(trainer: Trainer, told: Progress) -> None:
        if told.step == 30:
            with torch.no_grad():
                next(trainer.network.parameters()).fill_(math.inf)
            if is_stopped_then:
                signal.raise_signal(signal.SIGTERM)

    model, _ = train(bios, tmp_path / "run", also=ruin)
    assert model.training["ended"].startswith("interrupted" if is_stopped_then else "diverged")
    checkpoint = Checkpoint.load(tmp_path / "run" / CHECKPOINT_FILE)
    assert checkpoint is not None
    assert all(torch.isfinite(tensor).all() for tensor in checkpoint.tensors.values())
    assert 25 <= checkpoint.state["run"]["step"] < 30
    assert train(bios, tmp_path / "run", resume=True)[0].training["ended"] == "budget"


@pytest.mark.parametrize(
    "how", [{"preset": "tiny", "network": {}}, {"preset": "auto", "base": "bios-byte", "network": None}]
)
def test_rates_that_are_not_given_anew_are_those_of_the_run(
    bios: list[str], tmp_path: Path, how: dict[str, Any]
) -> None:
    """With a shape by name, and from a model."""
    rates = {"learning_rate": 0.002, "matrix_learning_rate": 0.005, "weight_decay": 0.02}
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=8, options=rates, **how)
    model, _ = train(bios, tmp_path / "run", resume=True, **how)
    assert {name: model.training["options"][name] for name in rates} == rates


def test_nothing_is_left_of_a_run_that_failed_at_the_start(bios: list[str], tmp_path: Path) -> None:
    """A wrong option leaves no folder behind."""
    with pytest.raises(glm.errors.CodecNotFoundError):
        train(bios, tmp_path / "run", codec="bite")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"codec": "char"}, "codec.name was 'byte', now 'char'"),
        ({"network": {**SHAPE, "hidden_size": 32}}, "network.hidden_size was 24, now 32"),
        ({"options": {"batch_bytes": 700}}, "options.batch_bytes was 512, now 700"),
        ({"documents": ["another", "corpus", "altogether"] * 9}, "data.train was "),
    ],
)
def test_resuming_something_else_is_refused(
    bios: list[str], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    """The message names what differs; the checkpoint stays."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=5)
    documents = changes.pop("documents", bios)
    with pytest.raises(TrainingError, match=message):
        train(documents, tmp_path / "run", resume=True, **changes)
    assert (tmp_path / "run" / CHECKPOINT_FILE).exists()


@pytest.mark.parametrize("damage", ["cut", "foreign", "empty"])
def test_a_damaged_checkpoint_is_told(bios: list[str], tmp_path: Path, damage: str) -> None:
    """One line that names the file."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=5)
    path = tmp_path / "run" / CHECKPOINT_FILE
    whole = path.read_bytes()
    model = Path(glm.__file__).parent / "pretrained" / "bios-byte" / "model.safetensors"
    path.write_bytes({"cut": whole[: len(whole) // 2], "foreign": model.read_bytes(), "empty": b""}[damage])
    with pytest.raises(TrainingError, match=CHECKPOINT_FILE):
        train(bios, tmp_path / "run", resume=True)


def test_saving_is_whole_or_not_at_all(
    bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If writing fails in the middle, the one before it is still there and loads; training goes on, and warns."""
    with pytest.raises(StoppedError):
        train(bios, tmp_path / "run", stop_at=5)
    path = tmp_path / "run" / CHECKPOINT_FILE
    before = path.read_bytes()

    def fail(temporary: Path, content: bytes) -> int:
        with temporary.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert train(bios, tmp_path / "run", resume=True)[0].training["ended"] == "budget"
    warning = f"no checkpoint could be written to {path} (No space left on device); training goes on without; "
    assert [each.partition("make room")[0] for each in caplog.messages] == [warning]
    assert path.read_bytes() == before
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [CHECKPOINT_FILE]


def _train_in_child(bios: list[str], folder: Path, *, dies_writing: bool = False) -> None:
    """Train with a checkpoint after every batch, and save the model; or die in the middle of the first checkpoint."""
    import torch

    def write_half(temporary: Path, content: bytes) -> int:
        with temporary.open("wb") as file:
            file.write(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    if dies_writing:
        Path.write_bytes = write_half  # type: ignore[method-assign,assignment]
    torch.set_num_threads(1)
    model, _ = train(bios, folder / "run", resume=True, max_bytes=12_000)
    save_weights(model.weights, folder / "model.torn")
    (folder / "model.torn").rename(folder / "model.safetensors")


@pytest.mark.slow
def test_killing_it_fifty_times_changes_nothing(bios: list[str], tmp_path: Path) -> None:
    """SIGKILL at random moments, and one in five while a checkpoint is being written.

    After each kill the checkpoint loads, and neither its step nor its best development loss has gone back; the
    model at the end is, to the bit, that of a run in peace.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["granular_lm.training", __name__])
    rng = random.Random(0)
    peace = tmp_path / "peace"
    peace.mkdir()
    run_to_its_end(context, bios, peace)
    kills, torn, rounds, children = 0, 0, 0, 0
    while kills < KILLS:
        folder = tmp_path / f"round-{rounds}"
        folder.mkdir()
        step, best = 0, float("inf")
        while not (folder / "model.safetensors").exists():
            children += 1
            dies_writing = children % 5 == 0
            child = context.Process(target=_train_in_child, args=(bios, folder), kwargs={"dies_writing": dies_writing})
            child.start()
            wait_for_a_checkpoint(child, folder / "run" / CHECKPOINT_FILE)
            child.join(None if dies_writing else rng.uniform(0.0, 0.1))
            if child.is_alive():
                os.kill(child.pid or 0, signal.SIGKILL)
            child.join()
            kills += child.exitcode == -signal.SIGKILL
            torn += any((folder / "run").glob(f".{CHECKPOINT_FILE}.*"))
            checkpoint = Checkpoint.load(folder / "run" / CHECKPOINT_FILE)
            if checkpoint is not None:
                assert checkpoint.state["run"]["step"] >= step
                assert checkpoint.state["run"]["best_valid_bpb"] <= best
                step, best = checkpoint.state["run"]["step"], checkpoint.state["run"]["best_valid_bpb"]
        assert (folder / "model.safetensors").read_bytes() == (peace / "model.safetensors").read_bytes()
        rounds += 1
    assert torn  # of the kills in the middle of a checkpoint something is left


def wait_for_a_checkpoint(child: Any, path: Path) -> None:
    """Wait until a run has written a checkpoint, or has ended: before that a kill proves little."""

    def written() -> int:
        return path.stat().st_mtime_ns if path.exists() else 0

    before = written()
    while child.is_alive() and written() == before:
        time.sleep(0.002)


def run_to_its_end(context: Any, bios: list[str], folder: Path) -> None:
    child = context.Process(target=_train_in_child, args=(bios, folder))
    child.start()
    child.join()
    assert child.exitcode == 0
