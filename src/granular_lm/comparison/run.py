"""A comparison under way: from documents and a plan to results, one stage after another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granular_lm.comparison.budget import affordable_bytes
from granular_lm.comparison.job import Job, Measures
from granular_lm.comparison.job_result import JobResult, load_result, load_trial
from granular_lm.comparison.launch import Launch, Watcher, reason, run_jobs
from granular_lm.comparison.parts import PARTS, tokens_per_byte
from granular_lm.comparison.plan import Entry, Plan, Trained
from granular_lm.comparison.trials import TRIAL_SEED, Setting, chosen, settings
from granular_lm.comparison.workspace import Workspace
from granular_lm.corpus.split import Split
from granular_lm.errors import CodecError, GranularLMError, LossyCodecError, OptionError, TrainingError

if TYPE_CHECKING:
    from granular_lm.training import Budget


USUAL_SPEED = 50_000  # bytes a second
"""What the network of the default reads on two cores: where seconds are held equal, jobs have to be the same ones when
more of the comparison is asked for, so this is not measured."""

GONE = "its result is not in the folder of the comparison"
NOT_LOSSLESS = "it does not give a document back as it was, so its bits per byte would mean nothing"


@dataclass(eq=False)
class Run:
    """What is known so far.

    Attributes:
        plan: The settings.
        split: The documents.
        data: Counts and hashes of its parts.
        workspace: Where everything is kept.
        launch: Where jobs run.
        watcher: Who is told.
        trained: The codecs that give all documents back, by their specification.
        failures: Codecs that were left out and jobs that failed, with the reason.
        trials: What was tried for each entry.
        max_bytes: What every job reads; None where seconds are held equal.
        merged: The finished jobs of each folder to merge.
    """

    plan: Plan
    split: Split
    data: Mapping[str, Any]
    workspace: Workspace
    launch: Launch
    watcher: Watcher
    trained: dict[str, Trained] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)
    max_bytes: int | None = None
    merged: Mapping[Path, set[str]] = field(default_factory=dict)

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each part of the documents."""
        return {part: self.data[part]["sha256"] for part in PARTS}

    def train_codecs(self) -> None:
        """Train the codecs on the training documents; leave out those that fail or lose information on any document.

        Raises:
            CodecError: None is left.
        """
        self.workspace.keep(self.split, self.hashes)
        for spec in self.plan.specs:
            self.watcher.on_stage(f"training codec {spec}")
            try:
                codec = self.workspace.codec(spec, self.split.train, self.hashes["train"])
                self.trained[str(spec)] = Trained(codec, tokens_per_byte(codec, self.split))
            except (OptionError, OSError, MemoryError):  # which the user is to mend, or this machine
                raise
            except Exception as error:  # whatever a codec raises, the others go on
                if len(self.plan.specs) == 1 and isinstance(error, GranularLMError):
                    raise
                self.failures.append({"codec": str(spec), "seed": None, **_left_out(error)})
        if not self.trained:
            raise CodecError(f"no codec is left to compare; the first one: {self.failures[0]['reason']}")

    def first_jobs(self) -> dict[Entry, Job]:
        """Return the job of each entry with seed 0, as it was asked for."""
        shapes = self.plan.shapes(self.trained)
        budget = self._budget(shapes)
        self.max_bytes = budget.max_bytes
        num_bytes = self.max_bytes or round(USUAL_SPEED * (self.plan.budget.seconds or 0))
        self.plan = self.plan.settled(num_bytes, self.data["train"]["bytes"])
        shapes = self.plan.shapes(self.trained)
        entries = [entry for entry in self.plan.entries if entry.name in shapes]
        return {
            entry: self.plan.job(self.trained[str(entry.spec)], entry.spec, shapes[entry.name], budget, self.hashes)
            for entry in entries
        }

    def tuned(self, jobs: Mapping[Entry, Job]) -> dict[Entry, Job]:
        """Try settings for each entry, the same for all, and return its job with the best one."""
        tried = settings(self.plan.trials)
        trials = {
            (entry, setting): setting.of(job, seed=TRIAL_SEED, is_trial=True)
            for entry, job in jobs.items()
            for setting in tried
        }
        if not trials:
            return dict(jobs)
        self._merge({job.key for job in trials.values()})
        failed = run_jobs(list(trials.values()), Measures(), self.workspace, self.launch, self.watcher)
        found: dict[Entry, dict[Setting, float]] = {entry: {} for entry in jobs}
        for (entry, setting), job in trials.items():
            row = load_trial(self.workspace.job_folder(job.key))
            if row is not None:
                found[entry][setting] = row["valid_bpb"]
            self.trials.append(_trial_row(entry, setting, row))
            if row is None:
                why = failed.get(job.key, GONE)
                self.failures.append({"codec": entry.name, "seed": None, "reason": f"{setting} was not tried: {why}"})
        return {entry: self._best(entry, job, found[entry]) for entry, job in jobs.items() if found[entry]}

    def _best(self, entry: Entry, job: Job, found: Mapping[Setting, float]) -> Job:
        best = chosen(found)
        for row in self.trials:
            row["is_chosen"] |= row["entry"] == entry.name and row["setting"] == best.to_dict()
        return best.of(job, seed=0, is_trial=False)

    def run(self, jobs: Mapping[Entry, Job]) -> list[tuple[Entry, JobResult]]:
        """Run every entry with every seed, all entries of a seed together; return what came of it.

        Raises:
            OptionError: The shard has no job.
            TrainingError: Not one job came to its end.
        """
        if not jobs:
            raise TrainingError(f"no job came to its end; the first one: {self.failures[0]['reason']}")
        all_jobs = [
            (entry, Setting().of(job, seed=seed, is_trial=False))
            for seed in range(self.plan.seeds)
            for entry, job in jobs.items()
        ]
        mine = self.launch.share([job for _, job in all_jobs])
        if not mine:
            raise OptionError(f"there are {len(all_jobs)} jobs, and none is left for shard {self.launch.shard}.")
        self._refuse_strangers({job.key for _, job in all_jobs})
        self._merge({job.key for _, job in all_jobs})
        failed = run_jobs(mine, self.plan.measures, self.workspace, self.launch, self.watcher)
        results = []
        for entry, job in all_jobs:
            result = load_result(self.workspace.job_folder(job.key), len(self.split.test), self.plan.measures)
            if result is not None:
                results.append((entry, result))
            elif job in mine:
                why = failed.get(job.key, GONE)
                self.failures.append({"codec": entry.name, "seed": job.seed, "reason": why})
        if not results and self.failures:
            raise TrainingError(f"no job came to its end; the first one: {self.failures[-1]['reason']}")
        return results

    def _refuse_strangers(self, keys: set[str]) -> None:
        """Raise `OptionError` if a folder that was merged has no job of this comparison."""
        for folder, names in self.merged.items():
            if names.isdisjoint(keys):
                raise OptionError(
                    f"none of the {len(names)} jobs in {folder} belongs to this comparison; merge with the documents, "
                    "codecs and options that the shard was made with."
                )

    def _merge(self, keys: set[str]) -> None:
        """Take over those of these jobs that are done in a folder to merge."""
        for folder, names in self.merged.items():
            for key in names & keys:
                self.workspace.merge(folder, key)

    def _budget(self, shapes: Mapping[str, Mapping[str, Any]]) -> "Budget":
        """Return the budget of every job: seconds where they are held equal, else bytes."""
        from granular_lm.training import Budget

        budget = self.plan.budget
        if self.plan.match == "time":
            return budget
        if budget.seconds is None:
            return Budget(max_bytes=max(1, round(budget.num_bytes(self.data["train"]["bytes"]))))
        if self.launch.shard is not None:
            raise OptionError(
                "a shard cannot tell how many bytes another machine reads in a time; give max_bytes or epochs."
            )
        return Budget(max_bytes=self._affordable(shapes))

    def _affordable(self, shapes: Mapping[str, Mapping[str, Any]]) -> int:
        assert self.plan.budget.seconds is not None
        seconds = self.plan.budget.seconds
        codecs = {entry.name: str(entry.spec) for entry in self.plan.entries if entry.name in shapes}
        asked = {**self.plan.to_dict(), "data": self.hashes, "shapes": dict(shapes)}
        for name in ("seeds", "trials", "prove", "marginal"):
            del asked[name]  # more of the same comparison, of which every job reads the same
        return self.workspace.max_bytes(
            asked,
            lambda: affordable_bytes(
                {name: (self.trained[codecs[name]].codec, shape) for name, shape in shapes.items()},
                self.split.train,
                self.plan.options,
                seconds=seconds,
                on_stage=self.watcher.on_stage,
            ),
        )


def _left_out(error: Exception) -> dict[str, Any]:
    """Return why a codec is left out, without text of the corpus, and what shows it."""
    if not isinstance(error, GranularLMError):
        return {"reason": f"it raised {type(error).__name__} where it was to be trained"}
    if not isinstance(error, LossyCodecError):
        return {"reason": reason(error)}
    raised = error.__cause__
    why = NOT_LOSSLESS if raised is None else f"it raised {type(raised).__name__} where it was to encode a document"
    return {"reason": why, "document": error.document}


def _trial_row(entry: Entry, setting: Setting, row: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "entry": entry.name,
        "setting": setting.to_dict(),
        "valid_bpb": None if row is None else row["valid_bpb"],
        "is_chosen": False,
    }
