"""`compare`: documents in, a comparison out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from granular_lm.codecs import Codec
from granular_lm.comparison.baselines import baselines
from granular_lm.comparison.budget import planned_bytes
from granular_lm.comparison.environment import environment
from granular_lm.comparison.job import JobResult
from granular_lm.comparison.plan import PARTS, Plan
from granular_lm.comparison.results import Comparison
from granular_lm.comparison.statistics import cluster_numbers
from granular_lm.comparison.workspace import Workspace, open_workspace, refuse_foreign
from granular_lm.corpus.split import (
    Split,
    documents_hash,
    drop_exact_duplicates,
    near_duplicate_key,
    split_documents,
)
from granular_lm.text import documents_of, to_bytes

if TYPE_CHECKING:
    from granular_lm.training import TrainingOptions
    from granular_lm.training.options import Callback

HELD_OUT = 0.05
SPLIT_SEED = 0


def compare(
    documents: Iterable[str],
    codecs: str | Sequence[str] = ("byte", "char", "spm"),
    *,
    match: str = "data",
    seeds: int = 1,
    max_time: float | None = None,
    epochs: float | None = None,
    max_bytes: int | None = None,
    preset: str = "small",
    network: Mapping[str, Any] | None = None,
    options: "TrainingOptions | None" = None,
    output: str | Path | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_step: "Callback | None" = None,
) -> Comparison:
    """Compare codecs on the same documents: train a model with each, and score the same held-out documents.

    Exact duplicates are dropped, then 5 % of the documents are held out to choose weights and 5 % for the test,
    near-duplicates always on one side. Codecs are trained on the training documents alone.

    Args:
        documents: The corpus.
        codecs: Names with options if wanted, such as ``"spm:vocab_size=512"``; as one string, separated by commas.
        match: What is held equal. ``"data"``: the documents, their order, how many share an update, the bytes read
            in training, and the LSTM's width and depth.
        seeds: How many times each codec is trained, each with another start and order.
        max_time: Budget in seconds for each job: the slowest codec is timed, and all read as much as it can.
        epochs: Budget in passes over the training documents.
        max_bytes: Budget in bytes read by each job. With none of the three, 60 seconds a job.
        preset: A network shape, one of `granular_lm.weights.PRESETS`.
        network: Changes to single values of that shape.
        options: Learning rate, batch size and the like; its seed is replaced by 0 to ``seeds - 1``.
        output: Folder for the results, the report and the jobs; jobs that are done there already are not run again.
        on_stage: Told in a few words what is being done.
        on_step: Called after each training update, as by `train`.

    Raises:
        CodecError: A codec loses information on these documents.
        CorpusError: There is too little text.
        OptionError: An option is out of range.
        OutputExistsError: The output folder holds something that is not a comparison.
    """
    plan = Plan.of(
        codecs,
        match=match,
        seeds=seeds,
        budget={"max_time": max_time, "epochs": epochs, "max_bytes": max_bytes},
        preset=preset,
        network=network,
        options=options,
    )
    if output is not None:
        refuse_foreign(Path(output))
    on_stage("reading and splitting the documents")
    split, data = _split(documents)
    with open_workspace(output) as workspace:
        trained = _train_codecs(plan, split, data, workspace, on_stage)
        bytes_read = _bytes_read(plan, split, data, trained, workspace, on_stage)
        results = []
        jobs = plan.jobs(trained, data, bytes_read)
        for number, job in enumerate(jobs, start=1):
            on_stage(f"job {number} of {len(jobs)}: {job.codec}, seed {job.seed}")
            results.append(workspace.result(job, trained[job.codec], split, on_step))
        comparison = _comparison({**plan.to_dict(), "max_bytes": bytes_read}, split, data, results)
        if output is not None:
            on_stage("writing the report")
            comparison.write(workspace.folder)
    return comparison


def _split(documents: Iterable[str]) -> tuple[Split, dict[str, Any]]:
    """Return the parts, and their counts and hashes."""
    met = list(documents_of(documents))
    distinct = drop_exact_duplicates(met)
    split = split_documents(distinct, valid=HELD_OUT, test=HELD_OUT, seed=SPLIT_SEED)
    data: dict[str, Any] = {"exact_duplicates_dropped": len(met) - len(distinct), "split_seed": SPLIT_SEED}
    for part in PARTS:
        texts = getattr(split, part)
        data[part] = {
            "documents": len(texts),
            "bytes": sum(len(to_bytes(text)) for text in texts),
            "sha256": documents_hash(texts),
        }
    return split, data


def _train_codecs(
    plan: Plan, split: Split, data: Mapping[str, Any], workspace: Workspace, on_stage: Callable[[str], None]
) -> dict[str, Codec]:
    trained = {}
    for spec in plan.specs:
        on_stage(f"training codec {spec}")
        trained[str(spec)] = workspace.codec(spec, split.train, data["train"]["sha256"])
    return trained


def _bytes_read(
    plan: Plan,
    split: Split,
    data: Mapping[str, Any],
    trained: Mapping[str, Codec],
    workspace: Workspace,
    on_stage: Callable[[str], None],
) -> int:
    """Return the bytes that every job reads."""
    asked = {**plan.to_dict(), "data": {part: data[part]["sha256"] for part in PARTS}}
    del asked["seeds"]  # more seeds of the same comparison are more of the same jobs
    return workspace.max_bytes(
        asked,
        lambda: planned_bytes(plan, trained, split.train, corpus_bytes=data["train"]["bytes"], on_stage=on_stage),
    )


def _comparison(plan: dict[str, Any], split: Split, data: dict[str, Any], results: Sequence[JobResult]) -> Comparison:
    return Comparison(
        environment=environment(),
        data=data,
        plan=plan,
        jobs=results,
        baselines=baselines(split.train, split.test),
        num_bytes=np.array([len(to_bytes(text)) for text in split.test], dtype=np.int64),
        clusters=cluster_numbers([near_duplicate_key(text) for text in split.test]),
    )
