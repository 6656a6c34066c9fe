"""The files on this machine that a name of documents stands for."""

from pathlib import Path

from granular_lm.corpus.readers.hub import HUB
from granular_lm.corpus.readers.places import STANDARD_INPUT, find_sources
from granular_lm.corpus.readers.remote import is_address


def local_files(name: str | Path, *, of_any_ending: bool = False) -> list[Path]:
    """Return the files that `read_documents` reads for a name; none for an address, a data set or standard input.

    Raises:
        CorpusNotFoundError: Nothing is there.
        CorpusError: It cannot be read.
    """
    told = str(name)
    if told == STANDARD_INPUT or told.startswith(HUB) or is_address(told):
        return []
    return [Path(source.name) for source in find_sources(name, of_any_ending=of_any_ending)]
