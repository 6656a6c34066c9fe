"""Train, validation and test parts that share no near-duplicate, and the lock file that pins them.

Short strings repeat: the same greeting with another number, the same description with another link. A test
document whose twin was trained on measures memory, so near-duplicates always go to one part together.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from enum import IntEnum
from itertools import compress
from numbers import Real
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from granular_lm.corpus.clusters import Indices, with_equal
from granular_lm.corpus.dealing import deal, last_of_parts
from granular_lm.corpus.grouping import GroupLabels
from granular_lm.corpus.jsonl import write_jsonl
from granular_lm.corpus.lock import write_lock
from granular_lm.corpus.pieces import in_pieces, single_spaced
from granular_lm.corpus.strata import StrataTally
from granular_lm.corpus.stream import DocumentsDigest, in_chunks
from granular_lm.errors import CorpusError, OptionError
from granular_lm.files import new_folder
from granular_lm.text import to_bytes

HASH_BYTES = 8
LINK = re.compile(r"https?://[!-~]+|\bwww\.[!-~]+|@[a-z0-9_]+")
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")


@dataclass(frozen=True)
class Split:
    """Three parts of a corpus, each in the order of the corpus; validation and test may be empty."""

    train: list[str]
    valid: list[str]
    test: list[str]


class PartDocuments(Sized, Iterable[str], Protocol):
    """The documents of a part, held in memory or not."""


class Part(IntEnum):
    """What `part_of_documents` calls the parts."""

    TRAIN = 0
    VALID = 1
    TEST = 2


def split_documents(
    documents: Sequence[str],
    *,
    valid: float = 0.05,
    test: float = 0.05,
    seed: int = 0,
    groups: Iterable[str] | None = None,
    stratify: Sequence[str] = (),
) -> Split:
    """Split a corpus that is held in memory; see `part_of_documents` for how.

    Args:
        documents: The whole corpus; exact duplicates are kept (see `drop_exact_duplicates`).
        valid: Share of the documents for validation, 0 for none.
        test: Share of the documents for the test, 0 for none.
        seed: Another seed gives another split.
        groups: A label for each document, such as its author; those of one label stay together.
        stratify: What shall be spread evenly over the parts, names from `granular_lm.corpus.strata.STRATA`.

    Raises:
        OptionError: A share is not in [0, 1), or they leave nothing to train on; or a stratum is unknown.
        CorpusError: There are fewer distinct documents than parts, or not one label for each document.
    """
    part_of = part_of_documents(documents, valid=valid, test=test, seed=seed, groups=groups, stratify=stratify)
    return Split(**{part.name.lower(): list(compress(documents, part_of == part)) for part in Part})


def part_of_documents(
    documents: Iterable[str],
    *,
    valid: float = 0.05,
    test: float = 0.05,
    seed: int = 0,
    groups: Iterable[str] | None = None,
    stratify: Sequence[str] = (),
) -> NDArray[np.int8]:
    """Return the `Part` of each document, those with one `near_duplicate_key` together.

    Groups are lined up by a keyed hash of their key and cut where the asked shares of the documents are most
    nearly reached; each part asked for gets at least one group. With labels or strata, groups are dealt out instead
    (see `granular_lm.corpus.dealing`). The order of the documents has no influence.
    Documents are read once and not held: what is kept is eight bytes of the hash of each. Two keys that share them
    count as one; in ten million documents there is such a pair once in some hundred thousand times.

    Args:
        documents: The whole corpus.
        valid: Share of the documents for validation, 0 for none.
        test: Share of the documents for the test, 0 for none.
        seed: Another seed gives another split.
        groups: A label for each document, such as its author; those of one label stay together, and with them all
            that have a key of theirs.
        stratify: What shall be spread evenly over the parts, names from `granular_lm.corpus.strata.STRATA`.

    Returns:
        Shape (documents,).

    Raises:
        OptionError: A share is not in [0, 1), or they leave nothing to train on; or a stratum is unknown.
        CorpusError: There are fewer distinct documents than parts, or not one label for each document.
    """
    check_shares(valid, test)
    shares = {part: share for part, share in ((Part.TEST, test), (Part.VALID, valid)) if share > 0}
    parts = np.array([*shares, Part.TRAIN], dtype=np.int8)
    if groups is None and not stratify:
        hashes = _keyed_hashes(documents, seed)
        groups_met, sizes = np.unique(hashes, return_counts=True)
        _check_enough(len(groups_met), len(hashes), [Part.TRAIN, *reversed(shares)])
        return parts[np.searchsorted(last_of_parts(groups_met, sizes, list(shares.values())), hashes)]
    strata, labels = StrataTally(stratify), GroupLabels(groups)
    hashes = _keyed_hashes(labels.noting(strata.noting(documents)), seed)
    clusters = labels.joined(with_equal(np.arange(len(hashes)), hashes))
    part_of = parts[deal(hashes, clusters, strata.numbers(), [*shares.values(), 1 - valid - test])]
    _check_none_empty(part_of, clusters, [Part.TRAIN, *reversed(shares)])
    return part_of


def check_shares(valid: float, test: float) -> None:
    """Raise `OptionError` for a share that is not in [0, 1), or if shares leave nothing to train on."""
    for name, share in (("valid", valid), ("test", test)):
        if not isinstance(share, Real) or not 0 <= share < 1:
            raise OptionError(f"{name}={share!r} is not accepted; give a share of at least 0 and below 1.")
    if valid + test >= 1:
        raise OptionError(
            f"valid={valid!r} and test={test!r} leave nothing to train on; give shares that sum to less than 1."
        )


def _keyed_hashes(documents: Iterable[str], seed: int) -> NDArray[np.uint64]:
    """Return a hash of each document's key that depends on the seed and on nothing else, shape (documents,)."""
    secret = hashlib.blake2b(str(seed).encode()).digest()
    heads = bytearray()
    for text in documents:
        heads += hashlib.blake2b(to_bytes(near_duplicate_key(text)), key=secret).digest()[:HASH_BYTES]
    return np.frombuffer(heads, dtype=f">u{HASH_BYTES}").astype(np.uint64)


def _check_enough(groups: int, documents: int, parts: list[Part]) -> None:
    if groups < len(parts):
        found = "1 distinct document" if groups == 1 else f"{groups} distinct documents"
        raise CorpusError(
            f"the corpus has {found} ({documents} in all, near-duplicates count once); a split into "
            f"{', '.join(part.name.lower() for part in parts)} needs at least {len(parts)}. Give more documents."
        )


def _check_none_empty(part_of: NDArray[np.int8], clusters: Indices, parts: list[Part]) -> None:
    for part in parts:
        if part not in part_of:
            sizes = np.unique(clusters, return_counts=True)[1]
            raise CorpusError(
                f"the {part.name.lower()} part would be empty: near-duplicates and documents of one label stay "
                f"together, and the largest of such groups has {sizes.max(initial=0)} of {len(clusters)} documents; "
                "group by something else, give more documents, or a greater share."
            )


def near_duplicate_key(text: str) -> str:
    """Return what two documents have in common if they are near-duplicates.

    That is their letters and combining marks after NFKC and case folding, without links, handles, numbers,
    punctuation, emoji and spaces; where nothing is left (emoji alone, digits alone), the text itself with
    its whitespace folded. Letters are those of the Unicode version that this Python knows.

    Examples:
        >>> near_duplicate_key("Writer, 29. Café ☕ @books https://t.co/x")
        'writercafé'
        >>> near_duplicate_key(" ☕  29 ")
        '☕ 29'
    """
    return "".join(map(_letters, in_pieces(text))) or single_spaced(in_pieces(text))


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    if "@" in folded or "://" in folded or "www." in folded:  # else the search for links takes most of the time
        folded = LINK.sub("", folded)
    return folded.translate(_KEPT)


class _KeptCharacters(dict[int, int | None]):
    """A table for `str.translate` that keeps letters and marks, filled in as characters are met."""

    def __missing__(self, point: int) -> int | None:
        self[point] = point if _is_kept(chr(point)) else None
        return self[point]


def _is_kept(character: str) -> bool:
    """Tell whether a character is a letter or a mark that can be seen.

    Enclosing marks and variation selectors only turn characters that are dropped into emoji.
    """
    category = unicodedata.category(character)
    return (category[0] == "L" or category in ("Mn", "Mc")) and not INVISIBLE.match(character)


_KEPT = _KeptCharacters()


def drop_exact_duplicates(documents: Iterable[str]) -> list[str]:
    """Return each document once, where it first stands."""
    return list(dict.fromkeys(documents))


def documents_hash(documents: Iterable[str]) -> str:
    """Return the SHA-256 of the documents' raw bytes, each preceded by its length; the order counts."""
    digest = DocumentsDigest()
    for chunk in in_chunks(documents):
        digest.update(map(to_bytes, chunk))
    return digest.hexdigest()


def write_split(
    split: Split, folder: str | Path, *, seed: int, source: Iterable[str | Path] = (), **about: Any
) -> None:
    """Write each part that is not empty as a ``.jsonl`` file, and the lock file, or nothing at all.

    Reading a part back gives the same strings, and always the same raw bytes.

    Args:
        split: The parts.
        folder: Where to; made if it is not there.
        seed: What the split was made with, for the lock file.
        source: The files the documents came from, for the lock file.
        about: What else is worth knowing of how it was made, for the lock file.

    Raises:
        OutputExistsError: The folder has something in it, or is a file.
    """
    parts = {part.name.lower(): getattr(split, part.name.lower()) for part in Part}
    with new_folder(Path(folder)) as work:
        write_parts(parts, work, seed=seed, source=[str(path) for path in source], **about)


def write_parts(parts: Mapping[str, PartDocuments], folder: Path, **about: Any) -> None:
    """Write the files of parts by their names, and the lock file, into a folder that is there.

    Args:
        parts: Documents, of which there may be none; then no file is written.
        folder: Where to.
        about: How the split was made, for the lock file.
    """
    written = {name: write_jsonl(texts, folder / f"{name}.jsonl") for name, texts in parts.items() if len(texts)}
    write_lock(folder, written, **about)
