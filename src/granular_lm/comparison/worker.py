"""What a job does, wherever it runs: train, score the test documents once, and measure what else is asked for.

`perform` takes nothing but names and JSON values and leaves everything in the folder of the comparison, so the same
function serves this process, another one, and another machine that sees the folder.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from granular_lm.codecs import Codec
from granular_lm.comparison.environment import environment
from granular_lm.comparison.job import Job, Measures
from granular_lm.comparison.job_result import (
    DAMAGED,
    JOB_FILE,
    MODEL_FOLDER,
    PROOF_FILE,
    RESULT_FILE,
    JobResult,
    load_bits,
    load_marginal,
    load_proof,
    load_result,
    load_trial,
    model_bytes,
    write_json,
    write_marginal,
)
from granular_lm.comparison.leftovers import held, remove_leftovers
from granular_lm.comparison.parts import PARTS
from granular_lm.comparison.workspace import Workspace
from granular_lm.corpus.split import Split
from granular_lm.errors import OutputExistsError, TrainingError
from granular_lm.files import new_folder
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from granular_lm.scoring import Score, Totals
from granular_lm.text import is_utf8, to_bytes
from granular_lm.weights import ModelConfig, flops_per_token, num_parameters

if TYPE_CHECKING:
    from granular_lm.training import Progress, Trainer
    from granular_lm.training.options import Callback

NUM_SHOWN = 8
NUM_SAMPLES = 200
MOST_SAMPLE_BYTES = 2000
MOST_POSITIONS = 64

_one_at_a_time = Lock()
"""A worker of Dask has several threads, and torch has one state of chance for all of them."""


def perform(folder: str, job_values: Mapping[str, Any], measures_values: Mapping[str, Any]) -> None:
    """Do what is not done yet of a job, and leave it in the folder of the comparison.

    Args:
        folder: The comparison's.
        job_values: `Job.to_dict`.
        measures_values: The fields of `Measures`.

    Raises:
        TrainingError: The loss is no longer a finite number, or another version of granular-lm is installed here.
        KeyboardInterrupt: Training was interrupted; a comparison has no use for half a job.
    """
    with _one_at_a_time:
        do(Workspace(Path(folder)), Job.from_dict(job_values), Measures(**measures_values))


def do(workspace: Workspace, job: Job, measures: Measures, on_step: "Callback | None" = None) -> None:
    """Do what `perform` does, with a callback."""
    if job.version != version("granular-lm"):
        raise TrainingError(
            f"this machine has granular-lm {version('granular-lm')}, the comparison {job.version}; install the same."
        )
    split = workspace.split(job.data)
    folder = workspace.job_folder(job.key)
    remove_leftovers(folder)
    if job.is_trial:
        if load_trial(folder) is None:
            _replace(folder, lambda work: _try(job, workspace, split, work, on_step))
        return
    if load_result(folder, len(split.test), Measures()) is None:
        _replace(folder, lambda work: _run(job, workspace, split, work, on_step))
    if load_result(folder, len(split.test), measures) is None:
        _measure(job, LanguageModel.from_pretrained(folder / MODEL_FOLDER), split, folder, measures)


def _replace(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make the folder of a job; one that another machine has made meanwhile is as good.

    What is there before, if anything, was damaged, and stays until there is something better.
    """
    with (
        ExitStack() as until_it_has_its_name,
        suppress(OutputExistsError),
        new_folder(folder, replace=folder.exists()) as work,
    ):
        until_it_has_its_name.enter_context(held(work.parent))
        fill(work)


def _try(job: Job, workspace: Workspace, split: Split, folder: Path, on_step: "Callback | None") -> None:
    model, _ = _train(job, workspace.codec_of(job), split, on_step)
    about = model.training
    row = {"seed": job.seed, "job": job.key, **{name: about[name] for name in ("valid_bpb", "bytes_seen", "seconds")}}
    write_json(folder / JOB_FILE, job.to_dict())
    write_json(folder / RESULT_FILE, row)


def _run(job: Job, workspace: Workspace, split: Split, folder: Path, on_step: "Callback | None") -> None:
    model, curve = _train(job, workspace.codec_of(job), split, on_step)
    (folder / MODEL_FOLDER).mkdir()
    model.write_into(folder / MODEL_FOLDER, title=f"jobs/{job.key}/{MODEL_FOLDER}")
    started = time.perf_counter()
    scores = model.score(split.test)
    row = _row(job, model, scores) | {"curve": curve, "seconds_scoring": time.perf_counter() - started}
    row |= {"model_bytes": model_bytes(folder / MODEL_FOLDER), **_drawn(model, job.seed, _most_bytes(split))}
    shown = Generator(model).sample_batch(NUM_SHOWN, seed=job.seed)
    result = JobResult(
        row,
        [sample.text for sample in shown],
        np.array([score.bits_content for score in scores]),
        np.array([score.bits_stop for score in scores]),
        np.array([score.num_tokens for score in scores]),
    )
    result.write(folder, job)


def _train(
    job: Job, codec: Codec, split: Split, on_step: "Callback | None"
) -> tuple[LanguageModel, list[dict[str, Any]]]:
    """Return the model and its learning curve."""
    from granular_lm.training import Budget, TrainingOptions, fit

    curve: list[dict[str, Any]] = []

    def note(trainer: "Trainer", told: "Progress") -> None:
        if len(curve) != len(trainer.metrics.points):
            curve[:] = trainer.metrics.points
        if on_step:
            on_step(trainer, told)

    model = fit(
        codec,
        ModelConfig.from_dict({**job.network, "vocab_size": codec.vocab_size}),
        split.train,
        split.valid,
        budget=Budget(**job.budget),
        options=TrainingOptions(**job.options, seed=job.seed),
        on_step=note,
    )
    ended = model.training["ended"]
    if ended == "interrupted":
        raise KeyboardInterrupt
    if ended != "budget":
        raise TrainingError(f"training {ended}")
    return model, curve


def _row(job: Job, model: LanguageModel, scores: Sequence[Score]) -> dict[str, Any]:
    totals, about = Totals.of(scores), model.training
    steps_per_byte = about["tokens_per_byte"] + about["documents"] / about["corpus_bytes"]  # the stops are read, too
    return {
        "codec": job.codec,
        "seed": job.seed,
        "job": job.key,
        "hidden_size": model.config.hidden_size,
        "embedding_dim": model.config.embedding_dim,
        "num_layers": model.config.num_layers,
        "train_documents": about["documents"],
        "train_bytes": about["corpus_bytes"],
        **totals.to_dict(),
        "vocab_size": model.codec.vocab_size,
        "tokens_per_byte": totals.num_tokens / totals.num_bytes,
        "parameters": {**num_parameters(model.config), "total": model.num_parameters},
        "flops_per_byte": flops_per_token(model.config) * steps_per_byte,
        **{name: about[name] for name in ("bytes_seen", "updates", "seconds", "precision", "valid_bpb")},
        "environment": environment(),
        "lossless": True,  # scoring refuses a document that the codec does not give back
        "bits_by_position": _bits_by_position(scores),
    }


def _bits_by_position(scores: Sequence[Score]) -> list[float]:
    """Return the mean bits of the first byte of the test documents, of the second, and so on.

    A token's bits are shared out evenly among its bytes; the stop's belong to none.
    """
    bits, counts = np.zeros(MOST_POSITIONS), np.zeros(MOST_POSITIONS)
    for score in scores:
        lengths = np.diff(score.byte_spans[:-1], axis=1)[:, 0]
        of_bytes = np.repeat(score.token_bits[:-1] / np.maximum(lengths, 1), lengths)[:MOST_POSITIONS]
        bits[: len(of_bytes)] += of_bytes
        counts[: len(of_bytes)] += 1
    return [float(bits[i] / counts[i]) for i in range(MOST_POSITIONS) if counts[i]]


def _most_bytes(split: Split) -> int:
    """Return how long samples may grow: as long as any document, within reason."""
    longest = max(len(to_bytes(text)) for part in PARTS for text in getattr(split, part))
    return min(longest, MOST_SAMPLE_BYTES)


def _drawn(model: LanguageModel, seed: int, max_bytes: int) -> dict[str, Any]:
    """Return what strings drawn from the model as it is are like, nothing left out to keep them valid."""
    samples = Generator(model).sample_batch(NUM_SAMPLES, seed=seed, valid_utf8=False, max_bytes=max_bytes)
    known = model.documents
    assert known is not None
    shares = {
        "samples_valid_utf8": [is_utf8(sample.data) for sample in samples],
        "samples_copied": [sample.data in known for sample in samples],
        "samples_finished": [sample.finished for sample in samples],
    }
    return {
        "sample_bytes": [len(sample.data) for sample in samples],
        **{name: sum(found) / NUM_SAMPLES for name, found in shares.items()},
    }


def _measure(job: Job, model: LanguageModel, split: Split, folder: Path, measures: Measures) -> None:
    from granular_lm.comparison.marginal import Marginal, token_log_probs
    from granular_lm.compression import prove

    if measures.prove and not _is_there(load_proof, folder):
        write_json(folder / PROOF_FILE, asdict(prove(model, split.test, ideal_bits=float(load_bits(folder).sum()))))
    if measures.marginal and not _is_there(load_marginal, folder, measures.marginal, len(split.test)):
        log_probs = token_log_probs(model.codec, split.train)
        found = Marginal.measure(
            model, split.test, load_bits(folder), k=measures.marginal, log_probs=log_probs, seed=job.seed
        )
        write_marginal(folder, measures.marginal, asdict(found))


def _is_there(load: Callable[..., object], *where: object) -> bool:
    try:
        load(*where)
    except DAMAGED:
        return False
    return True
