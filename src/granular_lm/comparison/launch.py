"""Where jobs run: in this process, in several on this machine, or on the machines of Dask or Slurm.

All of them call `granular_lm.comparison.worker.perform` with names and JSON values, and find what it did in the folder
of the comparison, which every machine has to see under the same name. A job that fails leaves the others alone.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import TYPE_CHECKING, Any

from granular_lm.checks import check_integer, take_plain_numbers
from granular_lm.comparison.environment import num_cores
from granular_lm.comparison.job import Job, Measures, digest
from granular_lm.comparison.worker import do, perform
from granular_lm.comparison.workspace import Workspace
from granular_lm.errors import GranularLMError, OptionError

if TYPE_CHECKING:
    from granular_lm.training.options import Callback

LAUNCHERS = ("local", "dask", "slurm")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
CONNECT_SECONDS = 10
SLURM_DEFAULTS = {"timeout_min": 24 * 60}


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """Where and how many jobs run at once.

    Attributes:
        launcher: ``"local"``, ``"dask"`` or ``"slurm"``.
        jobs: Processes on this machine, for ``"local"``.
        scheduler: Address of the Dask scheduler, such as ``"tcp://host:8786"``.
        shard: ``(i, n)``: run the jobs i, i + n, i + 2 n, ... alone, counted from 1, and compare those.
        slurm: Parameters of the cluster, as submitit names them: ``{"slurm_partition": "cpu", "cpus_per_task": 4}``.

    Raises:
        OptionError: A value is out of range, or excludes another.
    """

    launcher: str = "local"
    jobs: int = 1
    scheduler: str | None = None
    shard: tuple[int, int] | None = None
    slurm: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        take_plain_numbers(self)
        if self.launcher not in LAUNCHERS:
            raise OptionError(f"launcher={self.launcher!r} is not accepted; give one of: {', '.join(LAUNCHERS)}.")
        check_integer("jobs", self.jobs, least=1)
        if (self.launcher == "dask") != (self.scheduler is not None):
            raise OptionError("launcher='dask' and scheduler go together: give both, such as tcp://host:8786.")
        if self.launcher != "local" and self.jobs != 1:
            raise OptionError(f"jobs={self.jobs} is for launcher='local'; {self.launcher} has its own number.")
        if self.slurm and self.launcher != "slurm":
            raise OptionError("options of Slurm are for launcher='slurm'.")
        if self.shard is not None:
            number, count = self.shard
            check_integer("the number of shards", count, least=1)
            check_integer("the shard", number, least=1, most=count)

    def share(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs of this shard."""
        if self.shard is None:
            return list(jobs)
        number, count = self.shard
        return list(jobs[number - 1 :: count])


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told of what jobs do.

    Attributes:
        on_stage: Told in a few words what is being done.
        on_step: Called after each update of a job that runs in this process.
    """

    on_stage: Callable[[str], None]
    on_step: "Callback | None" = None


def run_jobs(
    jobs: Sequence[Job], measures: Measures, workspace: Workspace, launch: Launch, watcher: Watcher
) -> dict[str, str]:
    """Run jobs; return why, by the key of the job, of those that failed.

    Raises:
        OptionError: The cluster cannot be reached, or its package is not installed.
    """
    if launch.launcher == "local" and launch.jobs == 1:
        return _run_here(jobs, measures, workspace, watcher)
    calls = {job.key: (perform, str(workspace.folder), job.to_dict(), asdict(measures)) for job in jobs}
    return _collect(_RUNNERS[launch.launcher](calls, workspace, launch), len(calls), watcher)


def _run_here(jobs: Sequence[Job], measures: Measures, workspace: Workspace, watcher: Watcher) -> dict[str, str]:
    failures = {}
    for number, job in enumerate(jobs, start=1):
        watcher.on_stage(f"job {number} of {len(jobs)}: {job.title}")
        try:
            do(workspace, job, measures, watcher.on_step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs go on
            failures[job.key] = reason(error)
    return failures


Outcome = tuple[str, str | None]
"""The key of a job, and why it failed, or None."""

Calls = Mapping[str, tuple[Any, ...]]


def _collect(outcomes: Iterator[Outcome], count: int, watcher: Watcher) -> dict[str, str]:
    watcher.on_stage(f"{count} jobs sent")
    failures = {}
    for number, (key, failure) in enumerate(outcomes, start=1):
        watcher.on_stage(f"{number} of {count} jobs done")
        if failure is not None:
            failures[key] = failure
    return failures


def in_processes(calls: Calls, workspace: Workspace, launch: Launch) -> Iterator[Outcome]:
    """Run calls in processes of this machine.

    One that dies takes the calls of all the others with it; these are begun anew, each in a process of its own.
    """
    lost = []
    with _shared_cores(launch.jobs), _pool(launch.jobs) as pool:
        for key, error in _finished(pool, calls):
            if isinstance(error, BrokenProcessPool):
                lost.append(key)
            else:
                yield key, None if error is None else reason(error)
    for again in lost:
        with _pool(1) as pool:
            for key, error in _finished(pool, {again: calls[again]}):
                yield key, None if error is None else reason(error)


def _finished(executor: Executor, calls: Calls) -> Iterator[tuple[str, BaseException | None]]:
    """Yield the key of each call as it ends, and what it raised."""
    keys = {executor.submit(*call): key for key, call in calls.items()}
    for future in as_completed(keys):
        yield keys[future], future.exception()


@contextmanager
def _pool(processes: int) -> Iterator[Executor]:
    """Give a pool of fresh processes, which Ctrl-C leaves without waiting for jobs that have not begun."""
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end as soon as the one that started it has ended, however that came about.

    A pool is only shut down by a process that lives; nobody would ever send its workers anything again.
    """
    parent = parent_process()
    assert parent is not None
    Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)  # sys.exit would end this thread alone


@contextmanager
def _shared_cores(processes: int) -> Iterator[None]:
    """Let each process that is started use its share of the cores, unless the user has said how many."""
    threads = str(max(1, num_cores() // processes))
    changed = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(changed, threads))
    try:
        yield
    finally:
        for name in changed:
            del os.environ[name]


def on_dask(calls: Calls, workspace: Workspace, launch: Launch) -> Iterator[Outcome]:
    """Run calls on the workers of a Dask scheduler, which sends what a lost worker had to another one."""
    try:
        import distributed
    except ImportError as error:
        raise OptionError("launcher='dask' needs: pip install 'granular-lm[cluster]'.") from error
    try:
        client = distributed.Client(launch.scheduler, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise OptionError(
            f"no Dask scheduler answers at {launch.scheduler}; start one with `dask scheduler`."
        ) from error
    with client:
        # a job of another comparison may have the same name: a key of Dask is for all that use the scheduler
        keys = {f"{key}-{digest(call[1:])}": key for key, call in calls.items()}
        futures = [client.submit(*calls[key], key=own, pure=False) for own, key in keys.items()]
        for future in distributed.as_completed(futures):  # type: ignore[no-untyped-call]
            raised = future.exception()
            yield keys[future.key], None if raised is None else reason(raised)


def on_slurm(calls: Calls, workspace: Workspace, launch: Launch) -> Iterator[Outcome]:
    """Run calls as jobs of a Slurm cluster."""
    try:
        import submitit
    except ImportError as error:
        raise OptionError("launcher='slurm' needs: pip install 'granular-lm[cluster]'.") from error
    options = dict(launch.slurm)
    try:
        executor = submitit.AutoExecutor(folder=workspace.folder / "slurm", cluster=options.pop("cluster", "slurm"))
        executor.update_parameters(**{**SLURM_DEFAULTS, **options})
    except (RuntimeError, ValueError, TypeError, NameError) as error:
        raise OptionError(
            f"Slurm does not take these jobs ({error}); see --slurm, and whether sbatch is here."
        ) from error
    with executor.batch():
        jobs = {key: executor.submit(*call) for key, call in calls.items()}
    keys = {job.job_id: key for key, job in jobs.items()}
    for job in submitit.helpers.as_completed(list(jobs.values())):
        raised = job.exception()
        yield keys[job.job_id], None if raised is None else reason(raised)


_RUNNERS: dict[str, Callable[[Calls, Workspace, Launch], Iterator[Outcome]]] = {
    "local": in_processes,
    "dask": on_dask,
    "slurm": on_slurm,
}


def reason(error: BaseException) -> str:
    """Return in one line why a job failed."""
    if isinstance(error, BrokenProcessPool):
        return "its process died; there may be too little memory: run fewer jobs at once"
    text = " ".join(str(error).split())
    is_expected = isinstance(error, GranularLMError | OSError | MemoryError)
    return text if is_expected and text else f"{type(error).__name__}: {text}"
