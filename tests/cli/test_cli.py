"""The command line: results, exit codes, and one line for whatever the user can mend."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commands import TINY, Run
from granular_lm.corpus.bios import generate_bios
from granular_lm.model import LanguageModel


def test_train_writes_a_model_and_its_metrics(model: Path) -> None:
    """The folder loads, metrics.jsonl is in it, and nothing else is left beside it."""
    assert LanguageModel.from_pretrained(model).config.hidden_size == 16
    points = [json.loads(line) for line in (model / "metrics.jsonl").read_text().splitlines()]
    assert points[-1]["progress"] == 1.0
    assert [path.name for path in model.parent.iterdir()] == ["bios-model"]


def test_train_into_the_current_folder_and_into_new_ones(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty current folder is a folder like any other, and missing parents are made."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run("train", corpus, "-o", ".", "--max-bytes", "2k", *TINY)[0] == 0
    assert run("sample", ".", "-n", "1")[0] == 0
    assert run("train", corpus, "-o", "new/deeper/model", "--max-bytes", "2k", *TINY)[0] == 0
    assert run("codec", "inspect", "new/deeper/model")[0] == 0


def test_interrupted_training_writes_the_model(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even before the first update; the note goes to stderr, and the exit code is 0."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("granular_lm.training.trainer.Trainer._train", interrupt)
    code, out, err = run("train", corpus, "-o", tmp_path / "m", "--max-time", "1m", *TINY)
    assert code == 0
    assert "interrupted" in err
    assert "granular-lm sample" in out
    assert LanguageModel.from_pretrained(tmp_path / "m").training["ended"] == "interrupted"


def test_train_with_files_for_validation_and_test(run: Run, corpus: Path, tmp_path: Path) -> None:
    """The test file is scored once at the end, its bits are in the JSON and the card; a shared part is told."""
    others = set(generate_bios(100, seed=9)) - set(corpus.read_text(encoding="utf-8").splitlines())
    test = write(tmp_path / "test.txt", "".join(f"{bio}\n" for bio in sorted(others)))
    code, out, err = run(
        "train", corpus, "-o", tmp_path / "m", "--codec", "char:min_count=3", "--valid", corpus, "--test", test,
        "--epochs", "0.1", "--json", *TINY,
    )  # fmt: skip
    shared = "granular-lm: 600 distinct development documents were trained on, too: the model looks better than it is."
    assert (code, err) == (0, f"{shared} granular-lm data split makes parts that have none in common.\n")
    told = json.loads(out)
    assert told["test_bpb"] == pytest.approx(told["valid_bpb"], rel=0.2)
    assert f"{told['test_bpb']:.4f}".rstrip("0") in (tmp_path / "m" / "README.md").read_text()


def test_sample_prints_strings(run: Run, model: Path) -> None:
    """As many as asked for, the same for the same seed."""
    code, out, err = run("sample", model, "-n", "4", "--seed", "1", "--max-bytes", "20", "--prompt", "I am")
    assert (code, err) == (0, "")
    assert out.count("I am") >= 4
    assert run("sample", model, "-n", "4", "--seed", "1", "--max-bytes", "20", "--prompt", "I am")[1] == out


def test_sample_json_is_a_line_a_sample(run: Run, model: Path) -> None:
    """Each line has the text, the log-probabilities, the entropies and whether it finished."""
    code, out, _ = run("sample", model, "-n", "3", "--seed", "1", "--json", "--temperature", "0.8", "--top-k", "20")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(rows) == 3
    assert {"text", "log_probs", "entropies", "finished"} <= set(rows[0])


def test_score_prints_the_numbers_of_the_library(run: Run, model: Path, corpus: Path, bios: list[str]) -> None:
    """Score --json has the documented keys, and the bits of model.score."""
    code, out, err = run("score", model, corpus, "--json", "--per-document")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert set(told) >= {"bpb", "bpb_content", "bpb_stop", "bits_per_string", "documents", "bytes", "tokens"}
    scores = LanguageModel.from_pretrained(model).score(bios)
    assert told["bpb"] == pytest.approx(sum(s.bits for s in scores) / sum(s.num_bytes for s in scores))
    assert [row["bits"] for row in told["per_document"]] == pytest.approx([s.bits for s in scores])
    assert f"{told['bpb']:.4f}" in run("score", model, corpus)[1]


def test_compare_prints_tables_and_where_the_report_is(run: Run, corpus: Path, tmp_path: Path) -> None:
    """Once as tables, then, from the finished jobs, as JSON."""
    arguments = [
        "compare",
        corpus,
        "--codecs",
        "byte,char:min_count=2",
        "--max-bytes",
        "3k",
        "-o",
        tmp_path / "c",
        *TINY,
    ]
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "needs the fewest bits per byte here" in out
    assert str(tmp_path / "c" / "report.html") in out
    assert (tmp_path / "c" / "report.html").exists()
    told = json.loads(run(*arguments, "--json")[1])
    assert {"schema", "environment", "data", "results", "pairs", "baselines"} <= set(told)


def test_compare_says_that_the_machine_was_busy(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was timed to read so little that every job is done in less than half of its time."""
    monkeypatch.setattr("granular_lm.comparison.run.affordable_bytes", lambda *_, **__: 3_000)
    arguments = ["compare", corpus, "--codecs", "byte", "-o", tmp_path / "c", *TINY]
    code, _, err = run(*arguments, "--max-time", "1m")
    told = (
        "of its 60 seconds: something else was at work, perhaps, when the machine was timed. For more than 3,000 bytes"
    )
    assert (code, err.count("\n"), told in err) == (0, 1, True)
    assert run(*arguments, "--max-bytes", "3k")[2] == ""


def test_codec_commands(run: Run, corpus: Path, tmp_path: Path) -> None:
    """list, train, inspect and check, as text and as JSON."""
    assert [row["name"] for row in json.loads(run("codec", "list", "--json")[1])] == ["byte", "char", "spm"]
    assert run("codec", "train", "spm:vocab_size=400", corpus, "-o", tmp_path / "spm")[0] == 0
    told = json.loads(run("codec", "inspect", tmp_path / "spm", "--text", "the café", "--json")[1])
    assert bytes.fromhex("".join(token["bytes"] for token in told["tokens"])) == "the café".encode()
    assert told["vocab_size"] == 400
    assert "fingerprint" in run("codec", "inspect", "byte")[1]
    for codec in (tmp_path / "spm", "byte", "char"):
        code, out, _ = run("codec", "check", codec, corpus, "--json")
        assert code == 0
        assert json.loads(out)["keeps_contract"] is True


def test_data_commands(run: Run, tmp_path: Path) -> None:
    """bios, stats and split, as text and as JSON."""
    assert len(run("data", "bios", "-n", 5)[1].splitlines()) == 5
    assert run("data", "bios", "-n", 200, "-o", tmp_path / "bios.txt")[0] == 0
    told = json.loads(run("data", "stats", tmp_path / "bios.txt", "--json")[1])
    assert told["documents"] == 200
    for wanted in ("documents", "bytes per document", "distinct characters", "emoji", "exact duplicates"):
        assert wanted in run("data", "stats", tmp_path / "bios.txt")[1]
    code, out, _ = run("data", "split", tmp_path / "bios.txt", "-o", tmp_path / "parts", "--json")
    counts = json.loads(out)
    assert code == 0
    assert counts["train"] + counts["valid"] + counts["test"] == 200
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {
        "train.jsonl",
        "valid.jsonl",
        "test.jsonl",
        "data.lock.json",
    }


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def abc(folder: Path) -> Path:
    return write(folder / "abc.txt", "a\nb\nc\n")


@pytest.mark.parametrize(
    ("make_arguments", "expected_code", "problem"),
    [
        (lambda t, m: ["score", m, t / "gone.txt"], 1, "gone.txt"),
        (lambda t, m: ["train", write(t / "e.txt", ""), "-o", t / "o"], 1, "document"),
        (lambda t, m: ["train", write(t / "e.txt", "one\n"), "-o", t / "o"], 1, "1 distinct document"),
        (lambda t, m: ["compare", write(t / "e.txt", "one\n"), "-o", t / "o"], 1, "1 distinct document"),
        (lambda t, m: ["score", m, write(t / "e.txt", "")], 1, "0 documents"),
        (lambda t, m: ["score", m, write(t / "b.jsonl", '{"text": "a"}\n{oops\n')], 1, "b.jsonl:2"),
        (lambda t, m: ["score", m, write(t / "c.csv", "name,age\na,3\n"), "--column", "bio"], 1, "'name', 'age'"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--codec", "sentencpiece"], 1, "byte, char, spm"),
        (lambda t, m: ["codec", "inspect", "sentencpiece"], 1, "byte, char, spm"),
        (lambda t, m: ["sample", t / "gone"], 1, "bundled: bios-byte"),
        (lambda t, m: ["sample", t], 1, "config.json is missing"),
        (lambda t, m: ["sample", m, "--temperature", "-1"], 2, "--temperature -1.0"),
        (lambda t, m: ["sample", m, "--top-k", "0"], 2, "--top-k 0"),
        (lambda t, m: ["train", abc(t), "-o", m], 1, "already holds a model"),
        (lambda t, m: ["compare", abc(t), "-o", m], 1, "no comparison"),
        (lambda t, m: ["codec", "train", "byte", write(t / "d.txt", "a\n"), "-o", m], 1, "already holds a model"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--epochs", "1", "--max-bytes", "5"], 2, "budget"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--preset", "giant"], 2, "giant"),
        (lambda t, m: ["compare", abc(t), "-o", t / "o", "--codecs", "byte,byte"], 2, "byte,byte"),
        (lambda t, m: ["data", "split", abc(t), "-o", t / "o", "--valid", "2"], 2, "2"),
        (lambda t, m: ["data", "bios", "-n", "1", "-o", write(t / "d.txt", "a\n")], 1, "exists already"),
        (lambda t, m: ["data", "stats", t], 1, "folder"),
        (lambda t, m: ["sample", ""], 1, "bundled"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--epochs", "inf"], 2, "--epochs inf"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--seed", 2**64], 2, "--seed "),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--test", write(t / "n.txt", "\n")], 1, "no text to score"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--test", t / "gone.txt"], 1, "gone.txt"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--test", abc(t)], 1, "3 of 3 test documents"),
        (lambda t, m: ["train", abc(t), "-o", t / "o", "--hidden-size", 10**14], 2, "--hidden-size "),
        (lambda t, m: ["codec", "train", "spm:vocab_size=2147483648", abc(t), "-o", t / "o"], 2, "vocab_size="),
        (lambda t, m: ["compare", abc(t), "-o", t / "o", "--codecs", ""], 2, "names no codec"),
        (lambda t, m: ["codec", "inspect", "char"], 1, "granular-lm codec train char"),
        (lambda t, m: ["data", "stats", write(t / "d.xyz", "a\n")], 1, "xyz"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    run: Run,
    model: Path,
    tmp_path: Path,
    make_arguments: Callable[[Path, Path], list[Any]],
    expected_code: int,
    problem: str,
) -> None:
    """The line names the value met; nothing is printed as a result and nothing is written."""
    arguments = make_arguments(tmp_path, model)
    before = sorted(tmp_path.rglob("*"))
    code, out, err = run(*arguments)
    assert (code, out) == (expected_code, "")
    assert err.startswith("granular-lm: ")
    assert err.count("\n") == 1
    assert problem in err
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == [path for path in before if path.is_file()]


@pytest.mark.parametrize(
    "arguments",
    [["sample"], ["sample", "bios-byte", "-n", "0"], ["nonsense"], ["train", "x.txt", "-o", "y", "--max-time", "soon"]],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    """A missing argument, an impossible number, an unknown command and a duration that is none."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.parametrize("damage", ["missing", "truncated", "foreign"])
def test_a_damaged_model_folder_is_one_line(run: Run, model: Path, tmp_path: Path, damage: str) -> None:
    """Sampling from it says which file."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    weights = copy / "model.safetensors"
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:100] if damage == "truncated" else b"GIF89a" * 100)
    code, out, err = run("sample", copy)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "model.safetensors" in err


def imported_by(*arguments: str) -> set[str]:
    """Return the modules that a command leaves loaded."""
    program = (
        "import sys\n"
        "from granular_lm.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["codec", "list"],
        ["codec", "inspect", "byte"],
        ["codec", "check", "byte"],
        ["sample", "bios-byte", "-n", "1"],
        ["data", "bios", "-n", "3"],
    ],
)
def test_no_torch_is_imported(arguments: list[str]) -> None:
    """Help, codecs, data and sampling start without torch."""
    assert not {"torch", "accelerate", "plotly", "huggingface_hub"} & imported_by(*arguments)


def test_help_imports_neither_numpy_nor_sentencepiece() -> None:
    """What help needs is typer alone."""
    assert not {"numpy", "sentencepiece", "safetensors"} & imported_by("--help")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """Ctrl-C ends a command without a traceback."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("granular_lm.corpus.bios.generate_bios", interrupt)
    code, _, err = run("data", "bios", "-n", 3)
    assert (code, err) == (130, "granular-lm: interrupted.\n")


def test_an_interrupt_while_the_program_starts_is_130() -> None:
    """Ctrl-C in the moment that the imports take is no traceback either."""
    program = (
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from granular_lm.cli import main\n"
        "main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "granular-lm: interrupted.\n")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`granular-lm data bios | head -1` ends quietly."""
    command = f"{sys.executable} -m granular_lm data bios -n 20000 | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
