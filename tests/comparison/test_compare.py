"""The comparison, end to end on a few bios."""

import csv
import html
import io
import json
import platform
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import granular_lm as glm
from granular_lm.comparison.launch import Launch
from granular_lm.comparison.markdown import render_markdown
from granular_lm.comparison.parts import split_parts
from granular_lm.comparison.report import render_report
from granular_lm.comparison.table import pairs_table, results_table
from granular_lm.errors import CodecError, CorpusError, OptionError, OutputExistsError, TrainingError
from granular_lm.training import TrainingOptions
from granular_lm.training.recipe import recipe_for
from plugins import install

LEFT_OPEN = ("dropout", "weight_dropout", "weight_decay", "matrix_learning_rate")
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
    assert {"delta", "ci", "p", "p_adjusted", "verdict"} <= set(told["pairs"][0])
    assert set(told["estimates"]) == set(CODECS)
    assert {each["name"] for each in told["baselines"]} >= {"uniform", "unigram", "kneser-ney-5", "zlib", "xz", "zstd"}
    assert all(check["is_held"] for check in told["checks"])
    assert told["data"]["exact_duplicates_dropped"] == 1
    assert {"torch", "numpy", "python", "cpu"} <= set(told["environment"])


def test_results_hold_no_text_of_the_corpus(folder: Path, bios: list[str]) -> None:
    """What can be published where the corpus cannot."""
    names = ("results.json", "results.csv", "documents.csv", "report.md")
    files = "".join((folder / name).read_text(encoding="utf-8") for name in names)
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
    split, _ = split_parts(bios)
    assert glm.bits_per_byte(model.score(split.test)) == pytest.approx(job.row["bpb"], abs=1e-6)


def timeless(comparison: glm.Comparison) -> dict[str, Any]:
    """Return the results without the seconds of the baselines, which are measured anew."""
    baselines = [{**each, "seconds": None} for each in comparison.baselines]
    return {**comparison.to_dict(), "baselines": baselines}


def test_a_second_call_runs_nothing(comparison: glm.Comparison, folder: Path, bios: list[str]) -> None:
    """Finished jobs are found again, and give the same numbers."""
    updates: list[int] = []
    again = glm.compare(
        [*bios, bios[0]], CODECS, seeds=2, output=folder, on_step=lambda _, told: updates.append(told.step), **TINY
    )
    assert updates == []
    assert timeless(again) == timeless(comparison)


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
    next((copy / "jobs").glob("char-seed1-*/model/model.safetensors")).write_text(content)
    next((copy / "data").glob("*/train.jsonl")).write_text('{"text": "another document"}\n')
    next((copy / "codecs").glob("char-*/codec.json")).write_text(content)
    again = glm.compare([*bios, bios[0]], ",".join(CODECS), seeds=2, output=copy, **TINY)
    for index in (0, 4):
        assert again.jobs[index].row["bpb"] == pytest.approx(comparison.jobs[index].row["bpb"], abs=1e-6)
        assert again.jobs[index].row["train_documents"] == comparison.jobs[index].row["train_documents"]


def test_an_interrupted_first_call_does_not_lock_the_folder(bios: list[str], tmp_path: Path) -> None:
    """After Ctrl-C while codecs are trained, the same command works."""

    def interrupt(stage: str) -> None:
        if "training codec" in stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        glm.compare(bios, ["byte"], output=tmp_path / "out", on_stage=interrupt, **TINY)
    assert glm.compare(bios, ["byte"], output=tmp_path / "out", **TINY).entries == ["byte"]


@pytest.mark.slow
def test_other_data_or_settings_are_other_jobs(
    comparison: glm.Comparison, folder: Path, bios: list[str], tmp_path: Path
) -> None:
    """Changing the seed count adds jobs; changing the corpus or the network shares none."""
    names = {job.row["job"] for job in comparison.jobs}
    other_network = {**TINY, "network": {"hidden_size": 25, "embedding_dim": 12}}
    for documents, settings, output in ((bios[:300], TINY, tmp_path / "out"), (bios, other_network, folder)):
        other = glm.compare(documents, ["byte"], output=output, **settings)
        assert not names & {job.row["job"] for job in other.jobs}


def test_the_report_of_another_comparison_is_not_overwritten(bios: list[str], tmp_path: Path) -> None:
    """Other documents and another thing held equal need another folder; what differs is named, and nothing changes."""
    glm.compare(bios[:200], ["byte"], output=tmp_path, **TINY)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    others: list[tuple[dict[str, Any], str]] = [
        (
            {"documents": bios[:300]},
            r"with other documents \(train, valid, test\); give another output",
        ),
        ({"match": "params"}, "with match='data', not 'params'; give another output"),
        (
            {"documents": bios[:199], "valid": bios[300:310], "test": bios[310:320], "match": "params"},
            r"test\) and match='data'",
        ),
    ]
    for changes, problem in others:
        with pytest.raises(OutputExistsError, match=problem):
            glm.compare(**{**TINY, "documents": bios[:200], "codecs": ["byte"], "output": tmp_path, **changes})
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert glm.compare(bios[:200], ["char"], seeds=2, output=tmp_path, **TINY).entries == ["char"]


def test_the_answer_names_the_best(comparison: glm.Comparison) -> None:
    """The sentence begins with the codec of the lowest mean bits per byte, and the table lists it first."""
    best = min(comparison.entries, key=lambda codec: comparison.mean(codec, "bpb"))
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


@pytest.mark.slow
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
    ("changes", "problem"),
    [
        ({"match": "luck"}, "match='luck'"),
        ({"match": "time"}, "give max_time"),
        ({"match": "time", "max_bytes": None, "max_time": 1.0, "launch": Launch(jobs=2)}, "quiet machine"),
        ({"match": "time", "max_bytes": None, "max_time": 1.0, "launch": Launch(shard=(1, 2))}, "quiet machine"),
        ({"seeds": 0}, "seeds=0"),
        ({"preset": "xxl"}, "xxl.*auto, tiny"),
        ({"sizes": (0,)}, "sizes=0"),
        ({"sizes": (8, 8)}, "twice"),
        ({"trials": -1}, "trials=-1"),
        ({"trials": 2, "launch": Launch(shard=(1, 2))}, "shard"),
        ({"options": TrainingOptions(patience=2)}, "patience=2"),
        ({"network": {"vocab_size": 9}}, "vocab_size=9 follows from the codec"),
        ({"marginal": -1}, "marginal=-1"),
        ({"launch": Launch(shard=(2, 2))}, "none is left for shard"),
        ({"max_bytes": None, "max_time": 1.0, "launch": Launch(shard=(1, 2))}, "max_bytes or epochs"),
    ],
)
def test_settings_out_of_range_are_refused(bios: list[str], changes: dict[str, Any], problem: str) -> None:
    """Before anything is trained."""
    with pytest.raises(OptionError, match=problem):
        glm.compare(bios, ["byte"], **{**TINY, **changes})


@pytest.mark.parametrize("budget", [{"max_bytes": 50_000}, {"max_bytes": None, "max_time": 1.0, "match": "time"}])
def test_jobs_are_trained_as_suits_the_passes(bios: list[str], tmp_path: Path, budget: dict[str, Any]) -> None:
    """As `train` would, the same for all codecs; and more of the comparison finds the jobs that are done."""
    asked = {**TINY, **budget, "output": tmp_path / "out"}
    first = glm.compare(bios[:60], ["byte", "char"], **asked)
    jobs = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "out").glob("jobs/*/job.json")}
    recipe = recipe_for(50_000, first.data["train"]["bytes"], is_time=False)
    assert (len(jobs), recipe.dropout > 0) == (2, True)
    for job in jobs.values():
        chosen = {**job["network"], **job["options"]}
        assert {name: chosen[name] for name in LEFT_OPEN} == {name: getattr(recipe, name) for name in LEFT_OPEN}
    glm.compare(bios[:60], ["byte", "char", "char:min_count=9"], **asked)
    names = {path.name for path in (tmp_path / "out" / "jobs").iterdir()}
    assert (len(names), names > set(jobs)) == (3, True)


@pytest.mark.parametrize("documents", [[], ["one"], ["same", "same", "same"]])
def test_too_few_documents_are_refused(documents: list[str]) -> None:
    """Three parts need three distinct documents."""
    with pytest.raises(CorpusError):
        glm.compare(documents, ["byte"], **TINY)


@pytest.mark.slow
@pytest.mark.parametrize("match", ["params", "flops"])
def test_the_width_follows_from_what_is_held_equal(bios: list[str], match: str) -> None:
    """The first codec keeps the width asked for, the others come within a hundredth, and all read the same."""
    settings = {**TINY, "network": {"hidden_size": 96, "embedding_dim": 24}}
    comparison = glm.compare(bios, ("byte", "spm:vocab_size=400"), match=match, **settings)
    byte, spm = (job.row for job in comparison.jobs)
    assert byte["hidden_size"] == 96
    assert spm["hidden_size"] != 96
    assert all(check["is_held"] for check in comparison.checks)
    assert byte["bytes_seen"] == spm["bytes_seen"]
    costs = [row["parameters"]["total"] if match == "params" else row["flops_per_byte"] for row in (byte, spm)]
    assert costs[0] == pytest.approx(costs[1], rel=0.01)


@pytest.mark.slow
def test_equal_time_is_equal_seconds(bios: list[str]) -> None:
    """Each codec trains for as long, and reads what it can."""
    settings = {**TINY, "max_bytes": None, "max_time": 3.0}
    comparison = glm.compare(bios, ("byte", "char:min_count=3"), match="time", **settings)
    assert [job.row["seconds"] for job in comparison.jobs] == pytest.approx([3.0, 3.0], rel=0.1)
    assert comparison.plan["budget"]["seconds"] == 3.0


@pytest.mark.slow
def test_a_sweep_over_widths_compares_codecs_of_one_width(bios: list[str], folder: Path) -> None:
    """The embedding keeps its proportion, and the jobs of the width that was there already are found again."""
    trained: list[int] = []
    comparison = glm.compare(
        [*bios, bios[0]],
        CODECS[:2],
        sizes=(24, 48),
        output=folder,
        on_step=lambda trainer, told: trained.append(trainer.network.config.hidden_size),
        **TINY,
    )
    assert comparison.entries == [f"{codec} @{size}" for size in (24, 48) for codec in CODECS[:2]]
    assert [(pair.a, pair.b) for pair in comparison.pairs] == [
        (f"{CODECS[0]} @{size}", f"{CODECS[1]} @{size}") for size in (24, 48)
    ]
    assert [job.row["embedding_dim"] for job in comparison.jobs] == [12, 12, 24, 24]
    assert set(trained) == {48}


@pytest.mark.slow
def test_every_codec_tries_as_many_settings(bios: list[str], tmp_path: Path) -> None:
    """The best on the development documents is what its models are trained with; all trials are recorded."""
    comparison = glm.compare(bios, CODECS[:2], trials=3, output=tmp_path / "out", **TINY)
    for codec in CODECS[:2]:
        mine = [trial for trial in comparison.trials if trial["entry"] == codec]
        assert len(mine) == 3
        [best] = [trial for trial in mine if trial["is_chosen"]]
        assert best["valid_bpb"] == min(trial["valid_bpb"] for trial in mine)
        [job] = comparison.of_entry(codec)
        options = json.loads((tmp_path / "out" / "jobs" / job.row["job"] / "job.json").read_text())["options"]
        expected = 0.028 * best["setting"]["rate_factor"]
        assert options["learning_rate"] == pytest.approx(expected)
    assert comparison.to_dict()["trials"] == comparison.trials


FORGETFUL = """
from granular_lm.codecs.byte import ByteCodec

class Forgetful(ByteCodec):
    name = "forgetful"

    def encode(self, text):
        return super().encode(text.lower())

    def encode_some(self, documents):
        return super().encode_some([text.lower() for text in documents])
"""


@pytest.fixture
def forgetful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a codec that loses capitals."""
    install(tmp_path / "site", "forgetful", "forgetful = forgetful:Forgetful", FORGETFUL)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.mark.usefixtures("forgetful")
def test_a_lossy_codec_is_excluded_with_the_document_that_shows_it(bios: list[str]) -> None:
    """The others are compared; alone, it is an error."""
    comparison = glm.compare(bios, ("byte", "forgetful"), **TINY)
    assert comparison.entries == ["byte"]
    [failure] = comparison.failures
    assert failure["codec"] == "forgetful"
    shown = failure["document"].strip("…")
    assert [text for text in bios if shown in text]
    assert shown != shown.lower()  # what is lost is in what is shown
    told = json.dumps(comparison.to_dict()["failures"]) + render_markdown(comparison)
    assert "does not give a document back" in told
    assert json.dumps(shown)[1:-1] not in told  # neither may hold text of the corpus
    assert shown not in told
    assert failure["document"] in html.unescape(render_report(comparison))
    with pytest.raises(CodecError, match="does not give back"):
        glm.compare(bios, ["forgetful"], **TINY)


FAILING = """
from granular_lm.codecs.byte import ByteCodec

class Failing(ByteCodec):
    name = "failing"

    def encode_some(self, documents):
        if any(not text.isascii() for text in documents):
            raise RuntimeError(f"cannot do {documents!r}")
        return super().encode_some(documents)

class Untrainable(ByteCodec):
    name = "untrainable"

    @classmethod
    def train(cls, documents):
        raise RuntimeError(f"cannot learn {next(iter(documents))!r}")
"""


def test_a_codec_that_raises_is_left_out(bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it encodes or is trained: the others are compared, and no text of the corpus is in the reason."""
    entries = "failing = failing:Failing\nuntrainable = failing:Untrainable"
    install(tmp_path / "site", "failing", entries, FAILING)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    comparison = glm.compare(bios, ("failing", "byte", "untrainable"), **TINY)
    assert comparison.entries == ["byte"]
    failing, untrainable = comparison.failures
    assert failing["reason"] == "it raised RuntimeError where it was to encode a document"
    assert not failing["document"].isascii()
    assert untrainable["reason"] == "it raised RuntimeError where it was to be trained"
    with pytest.raises(CodecError, match="'failing' raised RuntimeError: cannot do"):
        glm.compare(bios, ["failing"], **TINY)
    with pytest.raises(CodecError, match="no codec is left to compare; the first one: it raised RuntimeError"):
        glm.compare(bios, ["untrainable"], **TINY)


@pytest.mark.parametrize("codecs", ["byte,spm:model=foo", "byte,char:min_count=0"])
def test_an_option_that_is_out_of_range_ends_a_comparison_at_once(bios: list[str], codecs: str) -> None:
    """It is the user's to mend, not a codec to leave out."""
    with pytest.raises(OptionError, match="is not accepted"):
        glm.compare(bios, codecs, **TINY)


def test_a_job_that_fails_is_told_and_the_others_are_compared(bios: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed 1 of one codec is lost: its other seed still counts."""
    from granular_lm.comparison import worker

    train = worker._train

    def fails_once(job: Any, *rest: Any) -> Any:
        if job.codec == "byte" and job.seed == 1:
            raise TrainingError("no gradient was a finite number")
        return train(job, *rest)

    monkeypatch.setattr(worker, "_train", fails_once)
    comparison = glm.compare(bios, CODECS[:2], seeds=2, **TINY)
    assert list(comparison.failures) == [{"codec": "byte", "seed": 1, "reason": "no gradient was a finite number"}]
    assert [len(comparison.of_entry(entry)) for entry in comparison.entries] == [1, 2]
    [pair] = comparison.pairs
    byte, char = (comparison.of_entry(entry)[0].row["bpb"] for entry in comparison.entries)
    assert pair.delta == pytest.approx(byte - char)  # seed 0 of both: the other one has no partner
    monkeypatch.setattr(worker, "_train", lambda *_: fails_once(type("J", (), {"codec": "byte", "seed": 1})))
    with pytest.raises(TrainingError, match="no job came to its end"):
        glm.compare(bios, ["byte"], **TINY)


def test_test_documents_that_were_trained_on_are_refused(bios: list[str]) -> None:
    """A test part that overlaps the training part measures memory."""
    with pytest.raises(CorpusError, match="1 of 3 test documents stand in the train part"):
        glm.compare(bios[10:], ["byte"], test=[bios[0], bios[1], bios[10]], **TINY)


@pytest.mark.slow
def test_proof_and_marginals_are_added_to_finished_jobs(bios: list[str], tmp_path: Path) -> None:
    """Nothing is trained again; the coded file stays close to the ideal bits, and the sum takes bits away."""
    settings: dict[str, Any] = {**TINY, "codecs": ("byte", "spm:vocab_size=400"), "output": tmp_path / "out"}
    before = glm.compare(bios, **settings)
    trained: list[int] = []
    after = glm.compare(bios, **settings, prove=True, marginal=4, on_step=lambda _, told: trained.append(told.step))
    assert trained == []
    assert [job.row["proof"] for job in before.jobs] == [None, None]
    for job in after.jobs:
        proof, marginal = job.row["proof"], job.row["marginal"]
        assert proof["is_identical"]
        assert proof["coded_bits"] <= proof["ideal_bits"] * 1.001 + 64
        assert proof["ideal_bits"] == pytest.approx(job.bits.sum(), rel=1e-6)
        assert marginal["bpb_marginal"] + marginal["gap"] == pytest.approx(job.row["bpb"])
        assert marginal["gap"] == 0 if job.row["codec"] == "byte" else marginal["gap"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["", "{}", '{"x"'])
def test_damaged_measures_are_made_anew(bios: list[str], tmp_path: Path, damage: str) -> None:
    """A proof and a marginal that cannot be read cost time, and no training."""
    settings: dict[str, Any] = {**TINY, "codecs": ["spm:vocab_size=400"], "prove": True, "marginal": 2}
    before = glm.compare(bios, output=tmp_path / "out", **settings)
    [job] = (tmp_path / "out" / "jobs").iterdir()
    for name in ("proof.json", "marginal-2.npz"):
        (job / name).write_text(damage)
    trained: list[int] = []
    again = glm.compare(bios, output=tmp_path / "out", on_step=lambda _, told: trained.append(told.step), **settings)
    assert trained == []
    assert again.jobs[0].row["marginal"] == before.jobs[0].row["marginal"]
    assert again.jobs[0].row["proof"]["coded_bits"] == before.jobs[0].row["proof"]["coded_bits"]


@pytest.mark.slow
def test_a_proof_that_fails_is_a_failure(bios: list[str], tmp_path: Path) -> None:
    """Documents that do not come back, and bits that no model explains, are told and change the exit code."""
    settings: dict[str, Any] = {**TINY, "codecs": ["byte"], "prove": True, "output": tmp_path / "out"}
    assert glm.compare(bios, **settings).failures == []
    [path] = (tmp_path / "out" / "jobs").glob("*/proof.json")
    proof = json.loads(path.read_text())
    for changes in ({"is_identical": False}, {"coded_bits": int(proof["ideal_bits"] * 1.002) + 65}):
        path.write_text(json.dumps({**proof, **changes}))
        [failure] = glm.compare(bios, **settings).failures
        assert (failure["codec"], failure["seed"]) == ("byte", 0)
        assert "compressed" in failure["reason"] or "took" in failure["reason"]


def test_a_trial_that_fails_is_told(bios: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal tuning is not equal any more where a codec could not try a setting; where none could, it is an error."""
    from granular_lm.comparison import worker

    train = worker._train

    def fails(job: Any, *rest: Any) -> Any:
        if job.is_trial and (job.options["learning_rate"] != TrainingOptions().learning_rate or all_fail):
            raise TrainingError("no gradient was a finite number")
        return train(job, *rest)

    all_fail = False
    monkeypatch.setattr(worker, "_train", fails)
    comparison = glm.compare(bios, ["byte"], trials=2, **TINY)
    [failure] = comparison.failures
    assert failure["codec"] == "byte"
    assert "was not tried: no gradient was a finite number" in failure["reason"]
    all_fail = True
    with pytest.raises(TrainingError, match="not tried: no gradient"):
        glm.compare(bios, ["byte"], trials=2, **TINY)


@pytest.mark.slow
def test_two_time_budgets_are_kept_side_by_side(
    bios: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going back to the first budget finds its jobs again."""
    speeds = iter([20_000.0, 20_000.0, 90_000.0])
    monkeypatch.setattr("granular_lm.training.speed.bytes_per_second", lambda *_, **__: next(speeds))
    read = []
    for seconds in (0.6, 1.2, 0.6):
        settings = {**TINY, "max_bytes": None, "max_time": seconds}
        read.append(glm.compare(bios[:200], ["byte"], output=tmp_path / "out", **settings).plan["max_bytes"])
    assert read == [10_000, 20_000, 10_000]


def test_what_a_killed_job_left_goes_when_the_job_is_made_anew(bios: list[str], tmp_path: Path) -> None:
    """A second call leaves the finished jobs and nothing else, and a job holds its own place while it works."""
    first = glm.compare(bios[:200], ["byte"], output=tmp_path / "out", **TINY).jobs[0].row["job"]
    jobs = tmp_path / "out" / "jobs"
    (left := jobs / f".{first}.killed").mkdir()
    (left / "lock").write_text(platform.node())
    shutil.rmtree(jobs / first)
    seen: list[int] = []
    at_work = lambda *_: seen.append(len(list(jobs.glob(".*/lock"))))  # noqa: E731
    glm.compare(bios[:200], ["byte"], output=tmp_path / "out", on_step=at_work, **TINY)
    assert [path.name for path in jobs.iterdir()] == [first]
    assert set(seen) == {1}
