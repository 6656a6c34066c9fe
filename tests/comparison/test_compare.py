"""The comparison, end to end on a few bios."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import granular_lm as glm
from granular_lm.comparison.table import pairs_table, results_table
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.errors import CorpusError, OptionError, OutputExistsError
from granular_lm.training import TrainingOptions

CODECS = ("byte", "char:min_count=3", "spm:vocab_size=400")
TINY: dict[str, Any] = {
    "network": {"hidden_size": 24, "embedding_dim": 12},
    "options": TrainingOptions(precision="fp32", batch_bytes=512, evaluations=3),
    "max_bytes": 4000,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare") / "out"


@pytest.fixture(scope="module")
def comparison(folder: Path, bios: list[str]) -> glm.Comparison:
    return glm.compare([*bios, bios[0]], CODECS, seeds=2, output=folder, **TINY)


def test_every_codec_reads_the_same(comparison: glm.Comparison) -> None:
    """Bytes, updates, documents and test bytes are equal for all codecs of a seed: that is match=data."""
    for name in ("bytes_seen", "updates", "documents", "bytes"):
        for seed in (0, 1):
            assert len({job.row[name] for job in comparison.jobs if job.row["seed"] == seed}) == 1, name


def test_results_have_the_documented_shape(comparison: glm.Comparison, folder: Path) -> None:
    """results.json is to_dict, with a row a codec and seed, a pair for every two codecs, and the baselines."""
    told = json.loads((folder / "results.json").read_text())
    assert told == json.loads(json.dumps(comparison.to_dict()))
    assert told["schema"] == 1
    assert [(row["codec"], row["seed"]) for row in told["results"]] == [(c, s) for s in (0, 1) for c in CODECS]
    assert {"bpb", "bpb_content", "bpb_stop", "tokens_per_byte", "parameters", "seconds", "curve"} <= set(
        told["results"][0]
    )
    assert [(pair["a"], pair["b"]) for pair in told["pairs"]] == [
        (CODECS[0], CODECS[1]),
        (CODECS[0], CODECS[2]),
        (CODECS[1], CODECS[2]),
    ]
    assert {"delta", "ci", "p", "verdict"} <= set(told["pairs"][0])
    assert {each["name"] for each in told["baselines"]} >= {"uniform", "unigram", "zlib", "xz"}
    assert told["data"]["exact_duplicates_dropped"] == 1
    assert {"torch", "numpy", "python", "cpu"} <= set(told["environment"])


def test_results_hold_no_text_of_the_corpus(folder: Path, bios: list[str]) -> None:
    """results.json and documents.csv can be published where the corpus cannot."""
    files = (folder / "results.json").read_text() + (folder / "documents.csv").read_text()
    assert not [text for text in bios if len(text) > 20 and text in files]


def test_document_rows_sum_to_the_results(comparison: glm.Comparison, folder: Path) -> None:
    """The bits of documents.csv give each row's bits per byte."""
    with (folder / "documents.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for job in comparison.jobs:
        mine = [r for r in rows if r["codec"] == job.row["codec"] and int(r["seed"]) == job.row["seed"]]
        bits = sum(float(r["bits_content"]) + float(r["bits_stop"]) for r in mine)
        assert bits / sum(int(r["bytes"]) for r in mine) == pytest.approx(job.row["bpb"], abs=1e-5)
        assert sum(int(r["tokens"]) for r in mine) == job.row["tokens"]


def test_the_model_of_a_job_gives_its_numbers_again(comparison: glm.Comparison, folder: Path, bios: list[str]) -> None:
    """A job's model folder, loaded, scores the held-out documents as the result says."""
    job = comparison.jobs[2]
    model = glm.LanguageModel.from_pretrained(folder / "jobs" / job.row["job"] / "model")
    from granular_lm.comparison.api import HELD_OUT, SPLIT_SEED
    from granular_lm.corpus.split import split_documents

    test = split_documents(bios, valid=HELD_OUT, test=HELD_OUT, seed=SPLIT_SEED).test
    assert glm.bits_per_byte(model.score(test)) == pytest.approx(job.row["bpb"], abs=1e-6)
    assert not {near_duplicate_key(text) for text in test} & {
        near_duplicate_key(text) for text in split_documents(bios, valid=HELD_OUT, test=HELD_OUT, seed=SPLIT_SEED).train
    }


def test_a_second_call_runs_nothing(comparison: glm.Comparison, folder: Path, bios: list[str]) -> None:
    """Finished jobs are found again, and give the same numbers."""
    updates: list[int] = []
    again = glm.compare(
        [*bios, bios[0]], CODECS, seeds=2, output=folder, on_step=lambda _, told: updates.append(told.step), **TINY
    )
    assert updates == []
    assert again.to_dict() == comparison.to_dict()


def test_only_what_is_missing_is_run(comparison: glm.Comparison, folder: Path, bios: list[str], tmp_path: Path) -> None:
    """A job whose folder was lost or damaged is run anew, alone, and comes to the same number."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    lost, damaged = (comparison.jobs[index].row["job"] for index in (0, 1))
    shutil.rmtree(copy / "jobs" / lost)
    (copy / "jobs" / damaged / "result.json").write_text("{")
    stages: list[str] = []
    seen: list[int] = []
    again = glm.compare(
        [*bios, bios[0]],
        CODECS,
        seeds=2,
        output=copy,
        on_stage=stages.append,
        on_step=lambda trainer, told: seen.append(trainer.options.seed) if told.step == 1 else None,
        **TINY,
    )
    assert len(seen) == 2
    for job, expected in zip(again.jobs, comparison.jobs, strict=True):
        assert job.row["bpb"] == pytest.approx(expected.row["bpb"], abs=1e-6)


@pytest.mark.parametrize("content", ["[]", "{}", "null", "5", ""])
def test_whatever_a_damaged_folder_holds_is_made_anew(
    comparison: glm.Comparison, folder: Path, bios: list[str], tmp_path: Path, content: str
) -> None:
    """Unreadable results, document bits, plans and codecs cost time, not the comparison."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for name in ("result.json", "documents.npz"):
        next((copy / "jobs").glob(f"byte-seed0-*/{name}")).write_text(content)
    (copy / "plan.json").write_text(content)
    next((copy / "codecs").glob("char-*/codec.json")).write_text(content)
    again = glm.compare([*bios, bios[0]], ",".join(CODECS), seeds=2, output=copy, **TINY)
    assert again.jobs[0].row["bpb"] == pytest.approx(comparison.jobs[0].row["bpb"], abs=1e-6)


def test_an_interrupted_first_call_does_not_lock_the_folder(bios: list[str], tmp_path: Path) -> None:
    """After Ctrl-C while codecs are trained, the same command works."""

    def interrupt(stage: str) -> None:
        if "training codec" in stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        glm.compare(bios, ["byte"], output=tmp_path / "out", on_stage=interrupt, **TINY)
    assert glm.compare(bios, ["byte"], output=tmp_path / "out", **TINY).codecs == ["byte"]


def test_other_data_or_settings_are_other_jobs(comparison: glm.Comparison, folder: Path, bios: list[str]) -> None:
    """Changing the seed count adds jobs; changing the corpus or the network shares none."""
    names = {job.row["job"] for job in comparison.jobs}
    other_network = {**TINY, "network": {"hidden_size": 25, "embedding_dim": 12}}
    for documents, settings in ((bios[:300], TINY), (bios, other_network)):
        other = glm.compare(documents, ["byte"], output=folder, **settings)
        assert not names & {job.row["job"] for job in other.jobs}


def test_the_answer_names_the_best(comparison: glm.Comparison) -> None:
    """The sentence begins with the codec of the lowest mean bits per byte, and the table lists it first."""
    best = min(comparison.codecs, key=lambda codec: comparison.mean(codec, "bpb"))
    assert comparison.answer().startswith(f"{best} needs the fewest bits per byte here")
    rows = [line for line in comparison.table().splitlines() if "±" in line]
    assert best in rows[0]
    assert len(rows) == 3


def test_tables_fit_a_narrow_terminal(comparison: glm.Comparison) -> None:
    """In 80 columns no number is cut short, whatever the codecs are called."""
    for table in (results_table(comparison, 80), pairs_table(comparison)):
        out = io.StringIO()
        Console(file=out, width=80).print(table)
        assert "…" not in out.getvalue()
        assert max(map(len, out.getvalue().splitlines())) <= 80
    assert repr(comparison).startswith("Comparison(bits per byte: ")


def test_a_time_budget_is_turned_into_bytes_once(
    bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slowest codec's speed decides, and a second call keeps the first one's number."""
    speeds = {"byte": 50_000.0, "char": 30_000.0}
    asked: list[str] = []

    def bytes_per_second(_: Any, store: Any, *__: Any, **___: Any) -> float:
        asked.append(store.codec.name)
        return speeds[store.codec.name]

    monkeypatch.setattr("granular_lm.training.speed.bytes_per_second", bytes_per_second)
    settings = {**TINY, "max_bytes": None, "max_time": 0.75}
    for _ in range(2):
        comparison = glm.compare(bios[:200], ["byte", "char"], output=tmp_path / "out", **settings)
        assert comparison.plan["max_bytes"] == 20_000
    assert asked == ["byte", "char"]


def test_codecs_are_timed_by_training_them(bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe trains for its time and finds a positive speed."""
    monkeypatch.setattr("granular_lm.comparison.budget.PROBE_SECONDS", 0.3)
    monkeypatch.setattr("granular_lm.comparison.budget.ROUND_TO", 10)
    comparison = glm.compare(["", *bios[:200]], ["byte"], **{**TINY, "max_bytes": None, "max_time": 0.2})
    assert comparison.plan["max_bytes"] > 100


def test_a_folder_of_something_else_is_refused(bios: list[str], tmp_path: Path) -> None:
    """An output folder that holds other files, and a file, are left alone."""
    (tmp_path / "notes.txt").write_text("mine")
    for output in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(OutputExistsError):
            glm.compare(bios, ["byte"], output=output, **TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("changes", "problem"), [({"match": "luck"}, "match='luck'"), ({"seeds": 0}, "seeds=0"), ({"preset": "xxl"}, "xxl")]
)
def test_settings_out_of_range_are_refused(bios: list[str], changes: dict[str, Any], problem: str) -> None:
    """Before anything is trained."""
    with pytest.raises(OptionError, match=problem):
        glm.compare(bios, ["byte"], **{**TINY, **changes})


@pytest.mark.parametrize("documents", [[], ["one"], ["same", "same", "same"]])
def test_too_few_documents_are_refused(documents: list[str]) -> None:
    """Three parts need three distinct documents."""
    with pytest.raises(CorpusError):
        glm.compare(documents, ["byte"], **TINY)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def test_the_report_works_in_a_browser(comparison: glm.Comparison, tmp_path: Path) -> None:
    """Opened from disk without a network, the report draws three pictures and logs no error."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI installs Chromium"
        pytest.skip("no Chromium here")
    report = tmp_path / "report.html"
    comparison.report(report)
    assert report.stat().st_size < 8_000_000
    page = re.sub(r"<script.*?</script>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="https?:|url\(|@import', page)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command += ["--enable-logging=stderr", "--v=0", "--virtual-time-budget=8000", "--dump-dom", report.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count('class="main-svg"') >= 3
    assert comparison.answer() in done.stdout.replace("&amp;", "&")
    assert "CONSOLE" not in done.stderr, done.stderr
