"""One job: train one codec's model with one seed, and score the test documents with it.

A job's folder is named by the hash of all that decides its result, so a job that is done is found again and one
that has changed is not mistaken for it. The folder appears when the job is complete.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from granular_lm.codecs import Codec
from granular_lm.comparison.environment import environment
from granular_lm.corpus.split import Split
from granular_lm.errors import TrainingError
from granular_lm.files import new_folder
from granular_lm.generation import Generator
from granular_lm.model import LanguageModel
from granular_lm.scoring import Score, Totals
from granular_lm.weights import ModelConfig, flops_per_token, num_parameters

if TYPE_CHECKING:
    from granular_lm.training import Progress, Trainer
    from granular_lm.training.options import Callback

NUM_SAMPLES = 8
RESULT_FILE = "result.json"
DOCUMENTS_FILE = "documents.npz"
ROW_KEYS = {
    *("codec", "seed", "job", "environment", "lossless", "curve", "samples"),
    *("bpb", "bpb_content", "bpb_stop", "bpb_file", "bits_per_string", "documents", "bytes", "tokens"),
    *("vocab_size", "tokens_per_byte", "parameters", "flops_per_byte", "precision", "valid_bpb"),
    *("bytes_seen", "updates", "seconds", "seconds_scoring"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """All that decides a result.

    Attributes:
        codec: The codec and its options, as text.
        codec_fingerprint: Of the trained codec.
        seed: Of the network's start, dropout and the order of documents.
        network: Settings of `ModelConfig`, the vocabulary left out.
        max_bytes: Bytes of documents read in training.
        options: Settings of `TrainingOptions`, the seed left out.
        data: Hashes of the parts of the split.
        version: Of granular-lm: another version may train otherwise.
    """

    codec: str
    codec_fingerprint: str
    seed: int
    network: dict[str, Any]
    max_bytes: int
    options: dict[str, Any]
    data: dict[str, str]
    version: str = field(default_factory=lambda: version("granular-lm"))

    @property
    def key(self) -> str:
        """Name of the job's folder."""
        text = json.dumps(asdict(self), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{self.codec.partition(':')[0]}-seed{self.seed}-{digest}"


@dataclass(frozen=True, slots=True, eq=False)
class JobResult:
    """What a job gives.

    Attributes:
        row: Its line of the results, as JSON values.
        bits_content: Content bits of each test document, shape (documents,).
        bits_stop: Bits of each document's stop.
        num_tokens: Content tokens of each document.
    """

    row: dict[str, Any]
    bits_content: NDArray[np.float64]
    bits_stop: NDArray[np.float64]
    num_tokens: NDArray[np.int64]

    @property
    def bits(self) -> NDArray[np.float64]:
        """All bits of each test document."""
        return self.bits_content + self.bits_stop


def run_job(job: Job, codec: Codec, split: Split, folder: Path, *, on_step: "Callback | None" = None) -> JobResult:
    """Train, score, write the job's folder and return the result.

    Raises:
        TrainingError: The loss is no longer a finite number.
        KeyboardInterrupt: Training was interrupted; a comparison has no use for half a job.
    """
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
        budget=Budget(max_bytes=job.max_bytes),
        options=TrainingOptions(**job.options, seed=job.seed),
        on_step=note,
    )
    ended = model.training["ended"]
    if ended == "interrupted":
        raise KeyboardInterrupt
    if ended != "budget":
        raise TrainingError(f"{job.codec}, seed {job.seed}: training {ended}")
    result = _score(job, model, split.test, curve)
    with new_folder(folder) as work:
        _write(work, job, model, result)
    return result


def load_result(folder: Path, num_documents: int) -> JobResult | None:
    """Return the result of a finished job, or None if there is none that is readable and complete."""
    try:
        row = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        with np.load(folder / DOCUMENTS_FILE) as arrays:
            found = JobResult(row, arrays["bits_content"], arrays["bits_stop"], arrays["num_tokens"])
        is_complete = set(row) == ROW_KEYS and all(
            len(array) == num_documents for array in (found.bits_content, found.bits_stop, found.num_tokens)
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, BadZipFile):
        return None
    return found if is_complete else None


def _score(job: Job, model: LanguageModel, test: Sequence[str], curve: list[dict[str, Any]]) -> JobResult:
    started = time.perf_counter()
    scores = model.score(test)
    totals = Totals.of(scores)
    seconds_scoring = time.perf_counter() - started
    samples = Generator(model).sample_batch(NUM_SAMPLES, seed=job.seed)
    row = {
        "codec": job.codec,
        "seed": job.seed,
        "job": job.key,
        **totals.to_dict(),
        "vocab_size": model.codec.vocab_size,
        "tokens_per_byte": totals.num_tokens / totals.num_bytes,
        "parameters": {**num_parameters(model.config), "total": model.num_parameters},
        "flops_per_byte": flops_per_token(model.config) * model.training["tokens_per_byte"],
        "bytes_seen": model.training["bytes_seen"],
        "updates": model.training["updates"],
        "seconds": model.training["seconds"],
        "seconds_scoring": seconds_scoring,
        "precision": model.training["precision"],
        "valid_bpb": model.training["valid_bpb"],
        "environment": environment(),
        "lossless": True,  # scoring refuses a document that the codec does not give back
        "curve": curve,
        "samples": [sample.text for sample in samples],
    }
    return JobResult(row, *_per_document(scores))


def _per_document(
    scores: Sequence[Score],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    return (
        np.array([score.bits_content for score in scores]),
        np.array([score.bits_stop for score in scores]),
        np.array([score.num_tokens for score in scores]),
    )


def _write(folder: Path, job: Job, model: LanguageModel, result: JobResult) -> None:
    (folder / "job.json").write_text(json.dumps(asdict(job), indent=2) + "\n", encoding="utf-8")
    (folder / RESULT_FILE).write_text(json.dumps(result.row, indent=2) + "\n", encoding="utf-8")
    np.savez(
        folder / DOCUMENTS_FILE,
        bits_content=result.bits_content,
        bits_stop=result.bits_stop,
        num_tokens=result.num_tokens,
    )
    (folder / "model").mkdir()
    model.write_into(folder / "model", title=f"jobs/{job.key}/model")
