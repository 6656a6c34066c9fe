"""From the results of jobs to the comparison of entries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.baselines import baselines
from granular_lm.comparison.byte_view import ShownDocument, choose_documents, shown_documents
from granular_lm.comparison.environment import environment
from granular_lm.comparison.job_result import MODEL_FOLDER, JobResult
from granular_lm.comparison.matching import held_equal
from granular_lm.comparison.plan import Entry
from granular_lm.comparison.results import Comparison
from granular_lm.comparison.run import Run
from granular_lm.comparison.slices import slice_rows, slices
from granular_lm.comparison.statistics import cluster_numbers, compare_all
from granular_lm.corpus.split import near_duplicate_key
from granular_lm.model import LanguageModel
from granular_lm.text import to_bytes

MOST_OVERHEAD, MOST_EXTRA_BITS = 0.001, 64
"""What a file may take beyond the bits under the model."""

Masks = Mapping[str, NDArray[np.bool_]]


def assemble(run: Run, results: Sequence[tuple[Entry, JobResult]]) -> Comparison:
    """Return the comparison of what jobs gave."""
    test = run.split.test
    num_bytes = np.array([len(to_bytes(text)) for text in test], dtype=np.int64)
    clusters = cluster_numbers([near_duplicate_key(text) for text in test])
    masks = slices(run.split.train, test)
    jobs = [_described(entry, result, masks, num_bytes) for entry, result in results]
    bits, seeds = _by_seed(jobs)
    pairs = _pairs([entry for entry, _ in results], seeds)
    estimates, differences = compare_all(bits, num_bytes, clusters, pairs, seeds=seeds)
    checks = held_equal(run.plan.match, [job.row for job in jobs], run.plan.budget.seconds)
    broken = [f"{check.name} ({check.group}): {check.low:g} to {check.high:g}" for check in checks if not check.is_held]
    failures = [{"codec": None, "seed": None, "reason": f"was to be equal, but is not: {what}"} for what in broken]
    failures += [failure for job in jobs for failure in _unproved(job)]
    return Comparison(
        environment=environment(),
        data=dict(run.data),
        plan=run.plan.to_dict() | {"max_bytes": run.max_bytes},
        jobs=jobs,
        baselines=baselines(run.split.train, test),
        num_bytes=num_bytes,
        clusters=clusters,
        estimates=estimates,
        pairs=differences,
        checks=[check.to_dict() for check in checks],
        trials=run.trials,
        failures=[*run.failures, *failures],
        shown=_shown(run, results, bits, num_bytes),
    )


def _described(entry: Entry, result: JobResult, masks: Masks, num_bytes: NDArray[np.int64]) -> JobResult:
    """Return a result with what follows from it and the test documents in its row."""
    total = int(num_bytes.sum())
    coded_bits = result.row["bpb"] * total if result.proof is None else result.proof["coded_bits"]
    row = {
        "entry": entry.name,
        "size": entry.size,
        **result.row,
        "adjusted_bpb": (8 * result.row["model_bytes"] + coded_bits) / total,
        "slices": slice_rows(masks, result.bits, num_bytes),
        "marginal": None if result.marginal is None else _marginal_row(result, masks, num_bytes),
        "proof": None if result.proof is None else _proof_row(result.proof, total),
    }
    return replace(result, row=row)


def _unproved(job: JobResult) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with the proof of a job, if it has one."""
    if job.proof is None:
        return
    names = {"codec": job.row["entry"], "seed": job.row["seed"]}
    coded, ideal = job.proof["coded_bits"], job.proof["ideal_bits"]
    if not job.proof["is_identical"]:
        yield {**names, "reason": "the compressed test documents were not decompressed to what they were"}
    if coded > ideal * (1 + MOST_OVERHEAD) + MOST_EXTRA_BITS:
        yield {**names, "reason": f"the test documents took {coded:,} bits, and the model says {ideal:,.0f}"}


def _proof_row(proof: Mapping[str, Any], num_bytes: int) -> dict[str, Any]:
    return {**proof, "bpb_coded": 8 * proof["file_bytes"] / num_bytes}


def _marginal_row(result: JobResult, masks: Masks, num_bytes: NDArray[np.int64]) -> dict[str, Any]:
    """Return how much a sum over tokenisations takes off the bits per byte, over all documents and over slices."""
    assert result.marginal is not None
    less = result.bits - result.marginal["bits"]
    total = num_bytes.sum()
    return {
        "k": int(result.marginal["k"]),
        "bpb_marginal": float(result.marginal["bits"].sum() / total),
        "gap": float(less.sum() / total),
        "slices": {name: each["bpb"] for name, each in slice_rows(masks, less, num_bytes).items()},
        "checked": len(result.marginal["checked"]),
        "lattice_gap_checked": _known(result.marginal["lattice_gap_checked"]),
        "beam_gap_checked": _known(result.marginal["beam_gap_checked"]),
    }


def _known(value: Any) -> float | None:
    """Return a number of a file, in which NaN stands for none."""
    return None if np.isnan(value) else float(value)


def _by_seed(jobs: Sequence[JobResult]) -> tuple[dict[str, NDArray[np.float64]], dict[str, list[int]]]:
    """Return the bits of each document under each entry, shape (seeds, documents), and which seeds these are."""
    rows: dict[str, list[NDArray[np.float64]]] = {}
    seeds: dict[str, list[int]] = {}
    for job in jobs:
        rows.setdefault(job.row["entry"], []).append(job.bits)
        seeds.setdefault(job.row["entry"], []).append(job.row["seed"])
    return {name: np.array(each) for name, each in rows.items()}, seeds


def _pairs(entries: Sequence[Entry], seeds: Mapping[str, Sequence[int]]) -> list[tuple[str, str]]:
    """Return every two entries of the same width that share a seed."""
    distinct = list(dict.fromkeys((entry.name, entry.size) for entry in entries))
    return [
        (a, b)
        for (a, size), (b, other) in combinations(distinct, 2)
        if size == other and not set(seeds[a]).isdisjoint(seeds[b])
    ]


def _shown(
    run: Run,
    results: Sequence[tuple[Entry, JobResult]],
    bits: Mapping[str, NDArray[np.float64]],
    num_bytes: NDArray[np.int64],
) -> list[ShownDocument]:
    """Return test documents with the bits of their tokens, under the first model of each entry."""
    run.watcher.on_stage("looking at single documents")
    chosen = choose_documents({name: rows.mean(axis=0) for name, rows in bits.items()}, num_bytes)
    first = {entry.name: result for entry, result in reversed(results)}
    models = {
        name: LanguageModel.from_pretrained(run.workspace.job_folder(result.row["job"]) / MODEL_FOLDER)
        for name, result in reversed(first.items())
    }
    return shown_documents(models, [run.split.test[index] for index in chosen])
