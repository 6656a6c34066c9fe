"""`clean`: documents in, a folder of cleaned documents with its card out.

Documents pass the steps one after another and lie on the disk from then on. Of each, some dozens of bytes are held,
and its signature on the disk; texts are held a chunk at a time.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from granular_lm.checks import check_integer
from granular_lm.corpus.cleaning.card import described_sources, described_step, versions, write_card
from granular_lm.corpus.cleaning.duplicates import near_duplicate_clusters
from granular_lm.corpus.cleaning.intake import Intake, Mask
from granular_lm.corpus.cleaning.options import CleaningOptions
from granular_lm.corpus.cleaning.signatures import NUM_VALUES, SHINGLE
from granular_lm.corpus.cleaning.steps import Step, steps_of
from granular_lm.corpus.cleaning.workers import Map, workers
from granular_lm.corpus.clusters import Indices
from granular_lm.corpus.fields import selected
from granular_lm.corpus.jsonl import write_jsonl
from granular_lm.corpus.lock import write_lock
from granular_lm.corpus.store import DocumentStore, SelectedDocuments
from granular_lm.errors import CorpusError, OptionError
from granular_lm.files import new_folder
from granular_lm.text import documents_of

DOCUMENTS_FILE, GROUP_FIELD, TEXT_FIELD = "documents.jsonl", "group", "text"


def clean(
    documents: Iterable[str],
    output: str | Path,
    options: CleaningOptions | None = None,
    *,
    carried: Mapping[str, Iterable[str]] | None = None,
    sources: Iterable[str | Path] = (),
    origin: str | None = None,
    licence: str | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Clean a corpus into a folder, and return its card.

    The outcome depends on the documents and the options alone, not on the number of processes.

    Args:
        documents: The corpus, read once and not held.
        output: The folder to write: ``documents.jsonl``, its lock file, the card as ``corpus.json`` and ``README.md``.
        options: The steps.
        carried: Further fields by name, each with a value for every document, that go with what is kept.
        sources: The files that the documents come from, for the card.
        origin: Where the corpus comes from, for the card.
        licence: Under which terms it may be used, for the card.
        jobs: Processes that work at once.

    Raises:
        OutputExistsError: The folder has something in it, or is a file.
        CorpusError: The documents cannot be read, or none is left.
        OptionError: A package for a step is not installed, or an option is not accepted.
    """
    options, carried = options or CleaningOptions(), carried or {}
    check_integer("jobs", jobs, least=1)
    _check_names(carried)
    with (
        new_folder(Path(output)) as work,
        tempfile.TemporaryDirectory(dir=work) as scratch,
        workers(jobs) as run,
    ):
        intake = Intake(documents_of(documents), options, run)
        store = DocumentStore.write(intake, Path(scratch))
        if not len(store):
            raise CorpusError(f"none of {intake.num_documents} documents is left; give more, or wider limits.")
        is_first = intake.is_first()
        clusters = _clusters(store.where(is_first), options, Path(scratch), run)
        is_kept = _kept(is_first, clusters, options)
        fields = {name: selected(name, values, intake.of_all(is_kept)) for name, values in carried.items()}
        if options.near == "keep":
            fields[GROUP_FIELD] = map(str, clusters.tolist())
        about = write_jsonl(store.where(is_kept), work / DOCUMENTS_FILE, fields)
        write_lock(work, {"documents": about})
        card = {
            "origin": origin,
            "licence": licence,
            "sources": described_sources(sources),
            "read": {"documents": intake.num_documents, "bytes": intake.num_bytes},
            "steps": [
                *_described(steps_of(options), intake.counts),
                *_described_duplicates(is_first, clusters, options),
            ],
            "documents": {**about, "group_field": GROUP_FIELD if options.near == "keep" else None},
            "made_with": versions(),
        }
        write_card(card, work, title=Path(output).resolve().name)
    return card


def _clusters(documents: SelectedDocuments, options: CleaningOptions, folder: Path, run: Map) -> Indices:
    if options.near == "off":
        return np.arange(len(documents))
    return near_duplicate_clusters(documents, options.threshold, folder, run)


def _kept(is_first: Mask, clusters: Indices, options: CleaningOptions) -> Mask:
    """Return which of the documents that passed are kept."""
    is_kept = is_first.copy()
    if options.near != "keep":
        is_kept[is_first] = clusters == np.arange(len(clusters))
    return is_kept


def _described(steps: Sequence[Step], counts: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    for step, (changed, dropped) in zip(steps, counts.tolist(), strict=True):
        yield described_step(step.name, step.settings, step.package, changed=changed, dropped=dropped)


def _described_duplicates(is_first: Mask, clusters: Indices, options: CleaningOptions) -> Iterator[dict[str, Any]]:
    yield described_step("exact duplicates", dropped=int(np.count_nonzero(~is_first)))
    if options.near != "off":
        settings = {"near": options.near, "threshold": options.threshold, "shingle": SHINGLE, "values": NUM_VALUES}
        found = int(np.count_nonzero(clusters != np.arange(len(clusters))))
        dropped = found if options.near == "drop" else 0
        yield described_step("near-duplicates", settings, "datasketch", found=found, dropped=dropped)


def _check_names(carried: Mapping[str, object]) -> None:
    for name in carried:
        if name in (TEXT_FIELD, GROUP_FIELD):
            raise OptionError(f"a field called {name!r} cannot be carried, the documents file has its own; rename it.")
