"""Train, validation and test parts that share no near-duplicate, and the lock file that pins them.

Short strings repeat: the same greeting with another number, the same description with another link. A test
document whose twin was trained on measures memory, so near-duplicates always go to one part together.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Any

from granular_lm.errors import CorpusError, OptionError
from granular_lm.files import new_folder
from granular_lm.text import to_bytes, to_text

LOCK_FILE = "data.lock.json"
SCHEMA = 1
LINK = re.compile(r"https?://[!-~]+|\bwww\.[!-~]+|@[a-z0-9_]+")
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
JOINED_BY_JSON = re.compile("[\ud800-\udbff][\udc00-\udfff]")


@dataclass(frozen=True)
class Split:
    """Three parts of a corpus, each in the order of the corpus; validation and test may be empty."""

    train: list[str]
    valid: list[str]
    test: list[str]


def split_documents(documents: Sequence[str], *, valid: float = 0.05, test: float = 0.05, seed: int = 0) -> Split:
    """Split a corpus so that documents with one `near_duplicate_key` stay together.

    Groups are lined up by a keyed hash of their key and cut where the asked shares of the documents are most
    nearly reached; each part asked for gets at least one group. The order of the documents has no influence.

    Args:
        documents: The whole corpus; exact duplicates are kept (see `drop_exact_duplicates`).
        valid: Share of the documents for validation, 0 for none.
        test: Share of the documents for the test, 0 for none.
        seed: Another seed gives another split.

    Raises:
        OptionError: A share is not in [0, 1), or they leave nothing to train on.
        CorpusError: There are fewer distinct documents than parts.
    """
    _check_shares(valid, test)
    keys = [near_duplicate_key(text) for text in documents]
    part_of_key = _assign(Counter(keys), {"test": test, "valid": valid}, seed)
    parts: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for text, key in zip(documents, keys, strict=True):
        parts[part_of_key[key]].append(text)
    return Split(**parts)


def _check_shares(valid: float, test: float) -> None:
    for name, share in (("valid", valid), ("test", test)):
        if not isinstance(share, int | float) or not 0 <= share < 1:
            raise OptionError(f"{name}={share!r} is not accepted; give a share of at least 0 and below 1.")
    if valid + test >= 1:
        raise OptionError(
            f"valid={valid!r} and test={test!r} leave nothing to train on; give shares that sum to less than 1."
        )


def _assign(sizes: Counter[str], shares: dict[str, float], seed: int) -> dict[str, str]:
    """Return the part of each key: first those of ``shares``, one after another, then train."""
    asked = [name for name, share in shares.items() if share > 0]
    _check_enough(sizes, ["train", *reversed(asked)])
    keys = _shuffled(sizes, seed)
    ends = list(accumulate(sizes[key] for key in keys))
    parts: list[str] = []
    for position, name in enumerate(asked, start=1):
        first, last = len(parts) + 1, len(keys) - len(asked) + position - 1
        filled = ends[len(parts) - 1] if parts else 0
        goal = filled + shares[name] * sizes.total()
        cut = min(range(first, last + 1), key=lambda cut: abs(ends[cut - 1] - goal))
        parts += [name] * (cut - len(parts))
    parts += ["train"] * (len(keys) - len(parts))
    return dict(zip(keys, parts, strict=True))


def _check_enough(sizes: Counter[str], parts: list[str]) -> None:
    if len(sizes) < len(parts):
        found = "1 distinct document" if len(sizes) == 1 else f"{len(sizes)} distinct documents"
        raise CorpusError(
            f"the corpus has {found} ({sizes.total()} in all, near-duplicates count once); a split into "
            f"{', '.join(parts)} needs at least {len(parts)}. Give more documents."
        )


def _shuffled(keys: Iterable[str], seed: int) -> list[str]:
    """Return the keys in an order that depends on the seed and on nothing else."""
    secret = hashlib.blake2b(str(seed).encode()).digest()
    return sorted(keys, key=lambda key: (hashlib.blake2b(to_bytes(key), key=secret).digest(), key))


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
    folded = unicodedata.normalize("NFKC", text).casefold()
    return LINK.sub("", folded).translate(_KEPT) or " ".join(text.split())


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
    digest = hashlib.sha256()
    for text in documents:
        data = to_bytes(text)
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def write_split(split: Split, folder: str | Path, *, seed: int, source: Iterable[str | Path] = ()) -> None:
    """Write each part that is not empty as a ``.jsonl`` file, and the lock file, or nothing at all.

    Reading a part back gives the same strings, and always the same raw bytes.

    Args:
        split: The parts.
        folder: Where to; made if it is not there.
        seed: What the split was made with, for the lock file.
        source: The files the documents came from, for the lock file.

    Raises:
        OutputExistsError: The folder has something in it, or is a file.
    """
    lock = {"schema": SCHEMA, "seed": seed, "source": [str(path) for path in source]}
    with new_folder(Path(folder)) as work:
        _write_files(split, work, lock)


def _write_files(split: Split, folder: Path, lock: dict[str, Any]) -> None:
    parts = {field.name: getattr(split, field.name) for field in fields(split)}
    lock["parts"] = {name: _write_part(texts, folder / f"{name}.jsonl") for name, texts in parts.items() if texts}
    (folder / LOCK_FILE).write_text(json.dumps(lock, indent=2) + "\n", encoding="ascii", newline="\n")


def _write_part(documents: list[str], path: Path) -> dict[str, Any]:
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(json.dumps({"text": _json_safe(text)}) + "\n" for text in documents)
    return {
        "file": path.name,
        "documents": len(documents),
        "bytes": sum(len(to_bytes(text)) for text in documents),
        "sha256": documents_hash(documents),
    }


def _json_safe(text: str) -> str:
    """Return text with the same raw bytes in which no two surrogates would be read back as one character."""
    return to_text(to_bytes(text)) if JOINED_BY_JSON.search(text) else text
