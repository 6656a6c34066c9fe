"""Where jobs run: the numbers are the same everywhere, and a job that fails leaves the others alone."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import granular_lm as glm
from granular_lm.codecs.spec import CodecSpec
from granular_lm.comparison.job import Job, Measures
from granular_lm.comparison.job_result import JobResult, load_result
from granular_lm.comparison.launch import Launch, Watcher, in_processes, run_jobs
from granular_lm.comparison.parts import PARTS, split_parts
from granular_lm.comparison.worker import perform
from granular_lm.comparison.workspace import PLAN_FILE, Workspace
from granular_lm.errors import OptionError, TrainingError
from granular_lm.training import TrainingOptions

NOBODY = Watcher(lambda stage: None)
OPTIONS = {"precision": "fp32", "batch_bytes": 512, "evaluations": 2}


def planned(folder: Path, bios: list[str], **changes: Any) -> tuple[Workspace, list[Job]]:
    """Return a workspace that is ready, and a job for each of two codecs."""
    from dataclasses import asdict

    split, data = split_parts(bios)
    hashes = {part: data[part]["sha256"] for part in PARTS}
    workspace = Workspace(folder)
    workspace.keep(split, hashes)
    options = asdict(TrainingOptions(**OPTIONS))  # type: ignore[arg-type]
    del options["seed"]
    jobs = []
    for spec in map(CodecSpec.parse, ("byte", "char:min_count=3")):
        codec = workspace.codec(spec, split.train, hashes["train"])
        settings = {"network": {"hidden_size": 16, "embedding_dim": 8}, "budget": {"max_bytes": 3000}, **changes}
        jobs.append(
            Job(
                codec=str(spec), codec_fingerprint=codec.fingerprint(), seed=0, options=options, data=hashes, **settings
            )
        )
    return workspace, jobs


def results(workspace: Workspace, jobs: list[Job]) -> list[JobResult]:
    found = [load_result(workspace.job_folder(job.key), 30, Measures()) for job in jobs]
    assert all(result is not None for result in found)
    return [result for result in found if result is not None]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, bios: list[str]) -> list[JobResult]:
    workspace, jobs = planned(tmp_path_factory.mktemp("here"), bios)
    assert run_jobs(jobs, Measures(), workspace, Launch(), NOBODY) == {}
    return results(workspace, jobs)


@pytest.mark.slow
def test_several_processes_give_the_numbers_of_one(tmp_path: Path, bios: list[str], expected: list[JobResult]) -> None:
    """To the bit, with one thread in each."""
    workspace, jobs = planned(tmp_path, bios)
    stages: list[str] = []
    assert run_jobs(jobs, Measures(), workspace, Launch(jobs=2), Watcher(stages.append)) == {}
    assert stages[-1] == "2 of 2 jobs done"
    for found, known in zip(results(workspace, jobs), expected, strict=True):
        assert np.array_equal(found.bits, known.bits)


def test_a_process_that_dies_takes_only_its_own_job_with_it(tmp_path: Path) -> None:
    """The others that were running or waiting are begun anew."""
    calls: dict[str, tuple[Any, ...]] = {f"good {number}": (math.sqrt, number) for number in range(6)}
    calls = {"bad": (os._exit, 1), **calls}
    found = dict(in_processes(calls, Workspace(tmp_path), Launch(jobs=2)))
    assert {key for key, failure in found.items() if failure} == {"bad"}
    assert "its process died" in str(found["bad"])
    assert len(found) == 7


START_TWO = """
import math, time
from pathlib import Path

from granular_lm.comparison.launch import Launch, in_processes
from granular_lm.comparison.workspace import Workspace

if __name__ == "__main__":
    calls = {"long": (time.sleep, 60), "short": (math.sqrt, 2)}
    for key, _ in in_processes(calls, Workspace(Path()), Launch(jobs=2)):
        print(key, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_started_them(tmp_path: Path, ending: signal.Signals) -> None:
    """However that one ends: they hold its standard output, of which there is no end before all of them are gone."""
    (tmp_path / "two.py").write_text(START_TWO)
    with subprocess.Popen([sys.executable, tmp_path / "two.py"], stdout=subprocess.PIPE) as main:
        assert main.stdout is not None
        assert main.stdout.readline() == b"short\n"  # one worker is at work, the other one idle
        main.send_signal(ending)
        assert main.communicate(timeout=30)[0] == b""


@pytest.mark.parametrize("launch", [Launch(), Launch(jobs=2)])
def test_a_job_that_fails_leaves_the_others_alone(tmp_path: Path, bios: list[str], launch: Launch) -> None:
    """Its reason is one line, and the other job's result is there."""
    workspace, jobs = planned(tmp_path, bios)
    shutil.rmtree(next((tmp_path / "codecs").glob("byte-*")))
    failures = run_jobs(jobs, Measures(), workspace, launch, NOBODY)
    assert set(failures) == {jobs[0].key}
    assert "\n" not in failures[jobs[0].key]
    assert load_result(workspace.job_folder(jobs[1].key), 30, Measures()) is not None


def test_another_version_is_not_let_in(tmp_path: Path, bios: list[str]) -> None:
    """A worker whose granular-lm would train otherwise says so."""
    workspace, jobs = planned(tmp_path, bios, version="0.0.0")
    with pytest.raises(TrainingError, match=r"the comparison 0\.0\.0"):
        perform(str(workspace.folder), jobs[0].to_dict(), {"prove": False, "marginal": 0})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"launcher": "cloud"}, "launcher='cloud'"),
        ({"jobs": 0}, "jobs=0"),
        ({"launcher": "dask"}, "scheduler"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "scheduler"),
        ({"launcher": "slurm", "jobs": 4}, "jobs=4"),
        ({"slurm": {"slurm_partition": "cpu"}}, "Slurm"),
        ({"shard": (3, 2)}, "shard=3"),
        ({"shard": (1, 0)}, "shards=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], problem: str) -> None:
    """Before anything is trained."""
    with pytest.raises(OptionError, match=problem):
        Launch(**settings)


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path, bios: list[str]) -> None:
    """With the address that was tried."""
    workspace, jobs = planned(tmp_path, bios)
    with pytest.raises(OptionError, match="tcp://127.0.0.1:9"):
        run_jobs(jobs, Measures(), workspace, Launch(launcher="dask", scheduler="tcp://127.0.0.1:9"), NOBODY)


def test_slurm_that_is_not_there_is_said(tmp_path: Path, bios: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no sbatch is, nothing is sent."""
    monkeypatch.setenv("PATH", "")
    workspace, jobs = planned(tmp_path, bios)
    with pytest.raises(OptionError, match="Slurm"):
        run_jobs(jobs, Measures(), workspace, Launch(launcher="slurm", slurm={"cluster": "slurm"}), NOBODY)


@pytest.mark.slow
def test_jobs_of_submitit_give_the_numbers_of_one_process(
    tmp_path: Path, bios: list[str], expected: list[JobResult]
) -> None:
    """Its executor for this machine takes the same way as the one for Slurm; a job that fails is said."""
    workspace, jobs = planned(tmp_path, bios)
    launch = Launch(launcher="slurm", slurm={"cluster": "local", "timeout_min": 5})
    assert run_jobs(jobs, Measures(), workspace, launch, NOBODY) == {}
    for found, known in zip(results(workspace, jobs), expected, strict=True):
        assert np.array_equal(found.bits, known.bits)
    _, broken = planned(tmp_path, bios, version="0.0.0")
    failures = run_jobs(broken[:1], Measures(), workspace, launch, NOBODY)
    assert "0.0.0" in failures[broken[0].key]


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Give the address of a scheduler and two worker processes, none of which anybody restarts."""
    described = folder / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--no-dashboard", "--scheduler-file", str(described)]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(described)]
    worker += ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    with (folder / "dask.log").open("wb") as log:
        processes = [subprocess.Popen(command, stderr=log, stdout=log)]
        try:
            while not described.exists():
                time.sleep(0.05)
            processes += [subprocess.Popen(worker, stderr=log, stdout=log) for _ in range(2)]
            yield json.loads(described.read_text())["address"], processes[1:]
        finally:
            for process in processes:
                process.kill()
                process.wait()


def kill_one_that_works(address: str, workers: list[subprocess.Popen[bytes]], killed: list[int]) -> None:
    """Kill a worker process of Dask as soon as both of them have something to do."""
    import distributed

    with distributed.Client(address) as client:  # type: ignore[no-untyped-call]
        while len(client.scheduler_info()["workers"]) < 2 or not all(client.processing().values()):
            time.sleep(0.05)
    time.sleep(0.5)
    workers[0].send_signal(signal.SIGKILL)
    killed.append(workers[0].pid)


@pytest.mark.slow
def test_dask_completes_with_the_same_numbers_though_a_worker_is_killed(tmp_path: Path, bios: list[str]) -> None:
    """What the killed worker had is done by the other one."""
    settings: dict[str, Any] = {
        "codecs": ("byte", "char:min_count=3"),
        "seeds": 2,
        "network": {"hidden_size": 64, "embedding_dim": 16},
        "options": TrainingOptions(**OPTIONS),  # type: ignore[arg-type]
        "max_bytes": 300_000,
    }
    here = glm.compare(bios, **settings)
    killed: list[int] = []
    with dask_cluster(tmp_path) as (address, workers):
        killer = Thread(target=kill_one_that_works, args=(address, workers, killed), daemon=True)
        killer.start()
        launch = Launch(launcher="dask", scheduler=address)
        there = glm.compare(bios, **settings, launch=launch, output=tmp_path / "out")
        killer.join(timeout=1)
    assert killed
    assert there.failures == []
    assert [job.row["job"] for job in there.jobs] == [job.row["job"] for job in here.jobs]
    for found, known in zip(there.jobs, here.jobs, strict=True):
        assert np.array_equal(found.bits, known.bits)
    assert [pair.to_dict() for pair in there.pairs] == [pair.to_dict() for pair in here.pairs]


@pytest.mark.slow
def test_shards_merged_are_the_whole(tmp_path: Path, bios: list[str]) -> None:
    """Two shards run three jobs between them, none twice, and merging them runs no other."""
    settings: dict[str, Any] = {
        "codecs": ("byte", "char:min_count=3", "spm:vocab_size=400"),
        "network": {"hidden_size": 16, "embedding_dim": 8},
        "options": TrainingOptions(**OPTIONS),  # type: ignore[arg-type]
        "max_bytes": 3000,
    }
    parts = [
        glm.compare(bios, **settings, launch=Launch(shard=(number, 2)), output=tmp_path / f"part{number}")
        for number in (1, 2)
    ]
    assert [part.entries for part in parts] == [["byte", "spm:vocab_size=400"], ["char:min_count=3"]]
    trained: list[int] = []
    merged = glm.compare(
        bios,
        **settings,
        merge=[tmp_path / "part1", tmp_path / "part2"],
        output=tmp_path / "all",
        on_step=lambda _, told: trained.append(told.step),
    )
    assert trained == []
    assert merged.entries == list(settings["codecs"])
    assert len(merged.pairs) == 3
    of_part = {job.row["codec"]: job.bits for part in parts for job in part.jobs}
    assert all(np.array_equal(job.bits, of_part[job.row["codec"]]) for job in merged.jobs)
    assert (tmp_path / "all" / PLAN_FILE).is_file()


def test_only_shards_of_a_comparison_are_merged(tmp_path: Path, bios: list[str]) -> None:
    """A folder of something else is named and left alone."""
    from granular_lm.errors import OutputExistsError

    (tmp_path / "notes").mkdir()
    with pytest.raises(OutputExistsError, match="notes is no comparison"):
        glm.compare(bios, ["byte"], max_bytes=3000, merge=[tmp_path / "notes"], output=tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_shards_of_another_comparison_are_refused(tmp_path: Path, bios: list[str]) -> None:
    """Nothing is trained because a shard was made with other options."""
    settings: dict[str, Any] = {"codecs": ["byte"], "network": {"hidden_size": 8}}
    glm.compare(bios, **settings, max_bytes=2000, output=tmp_path / "part")
    with pytest.raises(OptionError, match="none of the 1 jobs"):
        glm.compare(bios, **settings, max_bytes=3000, merge=[tmp_path / "part"], output=tmp_path / "all")
    assert not (tmp_path / "all" / "jobs").exists()  # nor is one of them taken over


def test_entries_without_a_common_seed_are_no_pair(tmp_path: Path, bios: list[str]) -> None:
    """A shard that has one seed of each of two codecs, not the same, compares nothing."""
    settings: dict[str, Any] = {"codecs": ["byte", "char:min_count=3"], "network": {"hidden_size": 8}, "seeds": 3}
    part = glm.compare(bios, **settings, max_bytes=2000, launch=Launch(shard=(1, 3)), output=tmp_path / "part")
    assert [(job.row["codec"], job.row["seed"]) for job in part.jobs] == [("byte", 0), ("char:min_count=3", 1)]
    assert part.pairs == []
