"""The folder of a comparison: what was done there already is found again.

plan.json            marks the folder as a comparison's, and keeps the bytes that time budgets came to
data/                the documents, split
codecs/              trained codecs
jobs/                one folder a job
results.json  results.csv  documents.csv  report.html  report.md
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from granular_lm.codecs import Codec, load_codec, save_codec
from granular_lm.codecs.spec import CodecSpec
from granular_lm.comparison.job import Job, digest
from granular_lm.comparison.job_result import DAMAGED, is_finished, write_json
from granular_lm.comparison.parts import PARTS
from granular_lm.comparison.results import RESULTS_FILE
from granular_lm.corpus.readers import read_documents
from granular_lm.corpus.split import Split, documents_hash, write_split
from granular_lm.errors import CodecError, CorpusError, OutputExistsError
from granular_lm.files import new_folder

PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a comparison keeps what it made.

    Attributes:
        folder: Seen by all machines that run its jobs.
    """

    folder: Path

    def keep(self, split: Split, hashes: Mapping[str, str]) -> None:
        """Write the documents for whoever runs a job, unless they are there."""
        target = self._data_folder(hashes)
        if target.is_dir():
            try:
                self.split(hashes)
            except CorpusError:
                shutil.rmtree(target)  # they were damaged
        with suppress(OutputExistsError):  # they are there, or another shard has written them meanwhile
            write_split(split, target, seed=0)

    def split(self, hashes: Mapping[str, str]) -> Split:
        """Return the documents that jobs with these hashes are about.

        Raises:
            CorpusError: They are not there, or not what the hashes say.
        """
        folder = self._data_folder(hashes)
        try:
            split, found = _read_split(folder, _changed(folder))
        except CorpusError as error:
            raise CorpusError(f"{folder} cannot be read; it has to be seen by every machine that runs jobs.") from error
        if found != {part: hashes[part] for part in PARTS}:
            raise CorpusError(f"{folder} is not what was split; give the same command again, which writes it anew.")
        return split

    def codec(self, spec: CodecSpec, train: Sequence[str], train_hash: str) -> Codec:
        """Return a codec trained on the training documents, which ``train_hash`` stands for."""
        target = self._codec_folder(str(spec), train_hash)
        if target.is_dir():
            try:
                return load_codec(target)
            except CodecError:
                shutil.rmtree(target)  # it was damaged
        codec = spec.train(train)
        with suppress(OutputExistsError), new_folder(target) as work:
            save_codec(codec, work)
        return codec

    def codec_of(self, job: Job) -> Codec:
        """Return the codec of a job, which is trained already.

        Raises:
            CodecError: It is another one by now.
        """
        codec = load_codec(self._codec_folder(job.codec, job.data["train"]))
        if codec.fingerprint() != job.codec_fingerprint:
            raise CodecError(f"the codec {job.codec} in {self.folder} is not the one that the job was planned for.")
        return codec

    def job_folder(self, key: str) -> Path:
        """Return the folder of a job, by the name of the job; it is there once the job is done."""
        return self.folder / "jobs" / key

    def max_bytes(self, asked: Mapping[str, Any], measure: Callable[[], int]) -> int:
        """Return the bytes that each job reads: as measured when the same was asked before, else measured now."""
        path, name = self.folder / PLAN_FILE, digest(asked)
        kept = _read_plan(path)
        max_bytes = kept.get(name)
        if isinstance(max_bytes, int) and max_bytes > 0:
            return max_bytes
        write_json(path, {**kept, name: (measured := measure())})
        return measured

    def merge(self, other: Path, key: str) -> None:
        """Take over a finished job of another comparison's folder, or what that has measured of one that is here."""
        job, here = Workspace(other).job_folder(key), self.job_folder(key)
        with new_folder(here, replace=True) if not is_finished(here) else nullcontext(here) as work:
            for file in set(job.iterdir()) - {job / path.name for path in work.iterdir()}:
                (shutil.copytree if file.is_dir() else shutil.copy2)(file, work / file.name)

    def _data_folder(self, hashes: Mapping[str, str]) -> Path:
        return self.folder / "data" / digest({part: hashes[part] for part in PARTS})

    def _codec_folder(self, spec: str, train_hash: str) -> Path:
        return self.folder / "codecs" / f"{spec.partition(':')[0]}-{digest([spec, train_hash])}"


@lru_cache(maxsize=1)
def _read_split(folder: Path, changed: tuple[float, ...]) -> tuple[Split, dict[str, str]]:
    """Return the documents in a folder and their hashes, kept for the next job of this process until they change."""
    split = Split(**{part: list(read_documents([folder / f"{part}.jsonl"])) for part in PARTS})
    return split, {part: documents_hash(getattr(split, part)) for part in PARTS}


def _changed(folder: Path) -> tuple[float, ...]:
    return tuple(path.stat().st_mtime for path in sorted(folder.glob("*")))


def finished_jobs(folder: Path) -> set[str]:
    """Return the names of the jobs that are done in the folder of a comparison.

    Raises:
        OutputExistsError: It is no comparison's.
    """
    if not (folder / PLAN_FILE).is_file():
        raise OutputExistsError(f"{folder} is no comparison's folder; give what --output named for the shard.")
    return {job.name for job in (folder / "jobs").glob("[!.]*") if is_finished(job)}


def refuse_foreign(folder: Path) -> None:
    """Raise `OutputExistsError` if a folder holds something that is not a comparison."""
    if folder.exists() and not folder.is_dir():
        raise OutputExistsError(f"{folder} is a file, not a folder; give another name.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / PLAN_FILE).exists():
        raise OutputExistsError(f"{folder} holds files that are no comparison's; give another folder.")


def refuse_other(folder: Path, match: str, hashes: Mapping[str, str]) -> None:
    """Raise `OutputExistsError` if a folder holds the report on other documents, or with something else held equal.

    One with other codecs, seeds or widths is replaced, and its jobs are reused.
    """
    try:
        told = json.loads((folder / RESULTS_FILE).read_text(encoding="utf-8"))
        held, found = told["plan"]["match"], {part: told["data"][part]["sha256"] for part in PARTS}
    except DAMAGED:
        return
    changed = ", ".join(part for part in PARTS if found[part] != hashes[part])
    other = [f"other documents ({changed})"] if changed else []
    other += [] if held == match else [f"match={held!r}, not {match!r}"]
    if other:
        raise OutputExistsError(f"{folder} holds a comparison with {' and '.join(other)}; give another output.")


@contextmanager
def open_workspace(output: str | Path | None) -> Iterator[Workspace]:
    """Give the workspace in a folder, or a temporary one if none is wanted."""
    if output is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Workspace(Path(temporary))
        return
    folder = Path(output).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / PLAN_FILE).exists():
        write_json(folder / PLAN_FILE, {})  # at once: the folder is a comparison's even if this one is interrupted
    yield Workspace(folder)


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except DAMAGED:
        return {}
    return loaded if isinstance(loaded, dict) else {}
