"""What a name says by itself: the format of a file, and whether it is a pattern for several."""

from pathlib import PurePath

from granular_lm.corpus.readers.packing import PACKINGS
from granular_lm.corpus.readers.source import Source
from granular_lm.errors import CorpusError

FORMATS = ("txt", "jsonl", "csv", "tsv", "parquet")
ACCEPTED = f"{', '.join(f'.{name}' for name in FORMATS)}, and each of them with {', '.join(PACKINGS)}"


def format_of(source: Source) -> str:
    """Return the format that a name ends in.

    Raises:
        CorpusError: It is none of `FORMATS`.
    """
    suffix = _suffix(source.file_name)
    if suffix[1:] not in FORMATS:
        raise CorpusError(
            f"{source.name} ends in {repr(suffix) if suffix else 'no format'}; accepted: {ACCEPTED}. "
            "Rename it, give its format, or have each file read as one document."
        )
    return suffix[1:]


def is_meant(file_name: str, *, of_any_ending: bool) -> bool:
    """Return whether a file of a folder is one with documents; a hidden file never is."""
    return not file_name.startswith(".") and (of_any_ending or _suffix(file_name)[1:] in FORMATS)


def is_pattern(name: str) -> bool:
    """Return whether a name has one of the signs that stand for other characters."""
    return any(sign in name for sign in "*?[")


def _suffix(file_name: str) -> str:
    """Return the last suffix in lower case, that of the packed file if it is one."""
    name = PurePath(file_name.lower())
    return PurePath(name.stem).suffix if name.suffix in PACKINGS else name.suffix
