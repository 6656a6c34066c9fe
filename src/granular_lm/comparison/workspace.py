"""The folder of a comparison: what was done there already is found again.

plan.json            marks the folder as a comparison's, and keeps the bytes that a time budget came to
codecs/              trained codecs
jobs/                one folder a job
results.json  documents.csv  report.html
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granular_lm.codecs import Codec, load_codec, save_codec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.comparison.job import Job, JobResult, load_result, run_job
from granular_lm.corpus.split import Split
from granular_lm.errors import CodecError, OutputExistsError
from granular_lm.files import new_folder, replaced_file

if TYPE_CHECKING:
    from granular_lm.training.options import Callback

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a comparison keeps what it made."""

    folder: Path

    def codec(self, spec: CodecSpec, train: Sequence[str], train_hash: str) -> Codec:
        """Return a codec trained on the training documents, which ``train_hash`` stands for."""
        digest = hashlib.sha256(f"{spec} {train_hash}".encode()).hexdigest()[:12]
        target = self.folder / "codecs" / f"{spec.name}-{digest}"
        if target.is_dir():
            try:
                return load_codec(target)
            except CodecError:
                shutil.rmtree(target)  # it was damaged
        codec = spec.train(train)
        with new_folder(target) as work:
            save_codec(codec, work)
        return codec

    def max_bytes(self, asked: Mapping[str, Any], measure: Callable[[], int]) -> int:
        """Return the bytes that each job reads: as measured when the same was asked before, else measured now."""
        path = self.folder / PLAN_FILE
        kept = _read_json(path)
        max_bytes = kept.get("max_bytes")
        if kept.get("asked") == asked and isinstance(max_bytes, int) and max_bytes > 0:
            return max_bytes
        measured = measure()
        _write_json(path, {"max_bytes": measured, "asked": asked})
        return measured

    def result(self, job: Job, codec: Codec, split: Split, on_step: "Callback | None") -> JobResult:
        """Return the result of a job, which is run only if it is not there."""
        folder = self.folder / "jobs" / job.key
        found = load_result(folder, len(split.test))
        if found is None:
            shutil.rmtree(folder, ignore_errors=True)  # what is there, if anything, was damaged
            found = run_job(job, codec, split, folder, on_step=on_step)
        return found


def refuse_foreign(folder: Path) -> None:
    """Raise `OutputExistsError` if a folder holds something that is not a comparison."""
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder} is a file, not a folder; give another name.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / PLAN_FILE).exists():
        raise OutputExistsError(f"{folder} holds files that are no comparison's; give another folder.")


@contextmanager
def open_workspace(output: str | Path | None) -> Iterator[Workspace]:
    """Give the workspace in a folder, or a temporary one if none is wanted."""
    if output is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Workspace(Path(temporary))
        return
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / PLAN_FILE).exists():
        _write_json(folder / PLAN_FILE, {})  # at once: the folder is a comparison's even if this one is interrupted
    yield Workspace(folder)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    with replaced_file(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
