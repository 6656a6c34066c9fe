"""A corpus of any size into a folder of parts: documents lie on the disk, and some dozens of bytes of each are held."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from granular_lm.corpus.fields import selected
from granular_lm.corpus.hashes import TextHashes
from granular_lm.corpus.split import Part, check_shares, part_of_documents, write_parts
from granular_lm.corpus.store import DocumentStore
from granular_lm.corpus.strata import check_strata
from granular_lm.files import new_folder
from granular_lm.text import documents_of

DROPPED = -1  # in place of a `Part`


def split_to_folder(
    documents: Iterable[str],
    output: str | Path,
    *,
    valid: float = 0.05,
    test: float = 0.05,
    seed: int = 0,
    group_by: str | None = None,
    groups: Iterable[str] = (),
    stratify: Sequence[str] = (),
    keep_duplicates: bool = False,
    source: Iterable[str | Path] = (),
) -> dict[str, Any]:
    """Split a corpus as `granular_lm.corpus.split.split_documents` does, without holding it, and write it.

    Args:
        documents: The corpus, read once.
        output: The folder to write; see `granular_lm.corpus.split.write_split`.
        valid: Share of the documents for validation, 0 for none.
        test: Share of the documents for the test, 0 for none.
        seed: Another seed gives another split.
        group_by: What the labels are called, or None where there are none.
        groups: A label for each document, such as its author; those of one label stay together.
        stratify: What shall be spread evenly over the parts, names from `granular_lm.corpus.strata.STRATA`.
        keep_duplicates: Whether to keep exact duplicates; else the first of them stays, with its label.
        source: The files the documents come from, for the lock file.

    Returns:
        The number of documents of each part by its name, of those ``dropped``, and of ``groups``.

    Raises:
        OutputExistsError: The folder has something in it, or is a file.
        OptionError, CorpusError: As `granular_lm.corpus.split.part_of_documents`.
    """
    check_shares(valid, test)
    check_strata(stratify)
    with new_folder(Path(output)) as work, tempfile.TemporaryDirectory(dir=work) as scratch:
        hashes, labels = TextHashes(), TextHashes()
        store = DocumentStore.write(hashes.noting(documents_of(documents)), Path(scratch))
        is_kept = np.ones(len(store), dtype=bool) if keep_duplicates else hashes.is_first()
        part_of = np.full(len(store), DROPPED, dtype=np.int8)
        part_of[is_kept] = part_of_documents(
            store.where(is_kept),
            valid=valid,
            test=test,
            seed=seed,
            groups=labels.noting(selected(group_by, groups, is_kept)) if group_by else None,
            stratify=stratify,
        )
        parts = {part.name.lower(): store.where(part_of == part) for part in Part}
        write_parts(
            parts,
            work,
            seed=seed,
            source=[str(path) for path in source],
            shares={"valid": valid, "test": test},
            group_by=group_by,
            stratify=list(stratify),
        )
    counts = {name: len(texts) for name, texts in parts.items()}
    dropped, num_groups = np.count_nonzero(part_of == DROPPED), np.count_nonzero(labels.is_first())
    return {**counts, "dropped": int(dropped), "groups": int(num_groups)}
