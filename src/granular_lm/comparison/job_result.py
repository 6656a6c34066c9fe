"""What a job gives, and the folder it is kept in.

jobs/<name of the job>/
    job.json         all that decided the result
    result.json      its numbers
    documents.npz    bits and tokens of each test document
    samples.json     strings that the model drew
    model/           the model
    proof.json       how the test documents were compressed and decompressed, with ``--prove``
    marginal-K.npz   bits of each test document summed over K tokenisations, with ``--marginal K``

The folder appears when training and scoring are done; the last two files join it. A trial has job.json and
result.json alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from granular_lm.comparison.job import Job, Measures
from granular_lm.files import replaced_file
from granular_lm.model import CODEC_FOLDER
from granular_lm.weights import WEIGHTS_FILE

MARGINAL_GAPS = ("lattice_gap_checked", "beam_gap_checked")
JOB_FILE, RESULT_FILE, SAMPLES_FILE = "job.json", "result.json", "samples.json"
DOCUMENTS_FILE, PROOF_FILE, MODEL_FOLDER = "documents.npz", "proof.json", "model"
DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, BadZipFile)
TRIAL_KEYS = {"seed", "job", "valid_bpb", "bytes_seen", "seconds"}
ROW_KEYS = TRIAL_KEYS | {
    *("codec", "hidden_size", "embedding_dim", "environment", "lossless", "curve", "bits_by_position"),
    *("bpb", "bpb_content", "bpb_stop", "bpb_file", "bits_per_string", "documents", "bytes", "tokens"),
    *("vocab_size", "tokens_per_byte", "parameters", "flops_per_byte", "precision", "updates", "seconds_scoring"),
    *("num_layers", "train_documents", "train_bytes"),
    *("model_bytes", "sample_bytes", "samples_valid_utf8", "samples_copied", "samples_finished"),
}
PROOF_KEYS = {"coded_bits", "file_bytes", "ideal_bits", "is_identical", "sha256"}


@dataclass(frozen=True, slots=True, eq=False)
class JobResult:
    """What a job gives.

    Attributes:
        row: Its line of the results, as JSON values.
        samples: Strings that the model drew.
        bits_content: Content bits of each test document, shape (documents,).
        bits_stop: Bits of each document's stop.
        num_tokens: Content tokens of each document.
        proof: How the test documents were compressed and decompressed; None if they were not.
        marginal: Arrays and numbers of the marginal bits; None if they were not measured.
    """

    row: dict[str, Any]
    samples: list[str]
    bits_content: NDArray[np.float64]
    bits_stop: NDArray[np.float64]
    num_tokens: NDArray[np.int64]
    proof: dict[str, Any] | None = None
    marginal: dict[str, Any] | None = None

    @property
    def bits(self) -> NDArray[np.float64]:
        """All bits of each test document."""
        return self.bits_content + self.bits_stop

    def write(self, folder: Path, job: Job) -> None:
        """Write what training and scoring gave into an existing folder."""
        write_json(folder / JOB_FILE, job.to_dict())
        write_json(folder / RESULT_FILE, self.row)
        write_json(folder / SAMPLES_FILE, self.samples)
        arrays = {"bits_content": self.bits_content, "bits_stop": self.bits_stop, "num_tokens": self.num_tokens}
        np.savez(folder / DOCUMENTS_FILE, allow_pickle=False, **arrays)


def marginal_file(k: int) -> str:
    """Return the name of the file of marginals over ``k`` tokenisations."""
    return f"marginal-{k}.npz"


def load_result(folder: Path, num_documents: int, measures: Measures) -> JobResult | None:
    """Return the result of a job with all that was to be measured, or None if any of it is missing or damaged."""
    try:
        row = _read_json(folder / RESULT_FILE)
        with np.load(folder / DOCUMENTS_FILE) as arrays:
            content, stop, tokens = (arrays[name] for name in ("bits_content", "bits_stop", "num_tokens"))
        samples = _read_json(folder / SAMPLES_FILE)
        proof = load_proof(folder) if measures.prove else None
        marginal = load_marginal(folder, measures.marginal, num_documents) if measures.marginal else None
        is_complete = (
            set(row) == ROW_KEYS
            and all(len(column) == num_documents for column in (content, stop, tokens))
            and row["model_bytes"] == model_bytes(folder / MODEL_FOLDER)
        )
    except DAMAGED:
        return None
    return JobResult(row, samples, content, stop, tokens, proof, marginal) if is_complete else None


def load_bits(folder: Path) -> NDArray[np.float64]:
    """Return all bits of each test document of a finished job, shape (documents,)."""
    with np.load(folder / DOCUMENTS_FILE) as arrays:
        bits: NDArray[np.float64] = arrays["bits_content"] + arrays["bits_stop"]
    return bits


def load_trial(folder: Path) -> dict[str, Any] | None:
    """Return the row of a finished trial, or None if there is none that is readable and complete."""
    try:
        row = _read_json(folder / RESULT_FILE)
        return row if set(row) == TRIAL_KEYS else None
    except DAMAGED:
        return None


def load_proof(folder: Path) -> dict[str, Any]:
    """Return what compressing the test documents came to; one of `DAMAGED` is raised if that is not there."""
    proof = _read_json(folder / PROOF_FILE)
    if not set(proof) >= PROOF_KEYS:
        raise ValueError(f"{folder / PROOF_FILE} lacks a number")
    return dict(proof)


def load_marginal(folder: Path, k: int, num_documents: int) -> dict[str, Any]:
    """Return the arrays of a file of marginals, by name; one of `DAMAGED` is raised if they are not there."""
    with np.load(folder / marginal_file(k)) as arrays:
        marginal = dict(arrays)
    if len(marginal["bits"]) != num_documents or not {"k", "checked", *MARGINAL_GAPS} <= set(marginal):
        raise ValueError(f"{folder / marginal_file(k)} lacks a number")
    return marginal


def is_finished(folder: Path) -> bool:
    """Return whether a folder holds the result of a job that seems whole, whatever the job."""
    try:
        row = _read_json(folder / RESULT_FILE)
        return set(row) == TRIAL_KEYS or row["model_bytes"] == model_bytes(folder / MODEL_FOLDER)
    except DAMAGED:
        return False


def model_bytes(folder: Path) -> int:
    """Return the bytes of the weights and of the codec: what has to be at hand to read a compressed file."""
    files = [folder / WEIGHTS_FILE, *(folder / CODEC_FOLDER).iterdir()]
    return sum(path.stat().st_size for path in files)


def write_marginal(folder: Path, k: int, arrays: dict[str, Any]) -> None:
    """Write arrays and numbers by name, whole or not at all; NaN stands for a number that there is not."""
    numbers = {name: np.nan if value is None else value for name, value in arrays.items()}
    with replaced_file(folder / marginal_file(k)) as temporary, temporary.open("wb") as out:
        np.savez(out, allow_pickle=False, **numbers)


def write_json(path: Path, value: Any) -> None:
    """Write JSON values, whole or not at all."""
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
