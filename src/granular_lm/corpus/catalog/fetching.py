"""From an entry of the catalogue to a file of documents: downloaded once, compared, converted, written down."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from granular_lm.corpus.catalog.downloading import ATTEMPTS, DownloadError, Wait, download
from granular_lm.corpus.catalog.entries import Download, Entry
from granular_lm.corpus.lock import own_lock, write_file_lock
from granular_lm.errors import CorpusError, OptionError
from granular_lm.files import refuse_existing_file, replaced_file

CACHE_VARIABLE = "GRANULAR_LM_CACHE"

Tell = Callable[[int, int], None]
"""Is told how many bytes are there, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A corpus on disk.

    Attributes:
        path: The file of documents.
        lock: The lock file beside it, which says where it is from, too.
        not_compared: URLs of the downloads whose SHA-256 nobody has said.
    """

    path: Path
    lock: Path
    not_compared: tuple[str, ...]


def cache_folder() -> Path:
    """Return where downloads are kept: the folder of the environment's GRANULAR_LM_CACHE, or the user's cache."""
    import pooch

    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("granular-lm"))


def fetch(
    entry: Entry,
    output: Path | None = None,
    *,
    folder: Path | None = None,
    on_progress: Tell | None = None,
    on_wait: Wait | None = None,
) -> Fetched:
    """Download what is not there yet and write it as a file of documents, with a lock file beside it.

    A download that breaks is begun anew, `ATTEMPTS` times in all. One that is whole is kept, and compared each time.
    Nothing is left under a final name that is not whole.

    Args:
        entry: Of the catalogue.
        output: The file to write, which ends in the entry's suffix; by default one in the cache, written anew.
        folder: The cache, if not `cache_folder`.
        on_progress: Is told how far the download is; it falls where one is begun anew.
        on_wait: Is told of each wait for another attempt before it begins.

    Raises:
        CorpusError: A download fails, or is not the file that was expected.
        OptionError: ``output`` ends in another suffix.
        OutputExistsError: ``output`` exists.
    """
    if output is not None:
        _check_name(output, entry)
        refuse_existing_file(output)
        refuse_existing_file(own_lock(output))
    own = (folder or cache_folder()).expanduser() / entry.name
    files = _download_all(entry, own / "downloads", on_progress, on_wait)
    target = output or own / f"{entry.name}{entry.suffix}"
    _convert(entry, files, target)
    lock = write_file_lock(target, whole_file=entry.is_one_text, **_origin(entry, files))
    not_compared = tuple(each.url for each in entry.downloads if each.sha256 is None)
    return Fetched(path=target, lock=lock, not_compared=not_compared)


def _check_name(output: Path, entry: Entry) -> None:
    """Raise unless a file of that name is read as what it will be."""
    if output.suffix.lower() != entry.suffix:
        raise OptionError(
            f"output={str(output)!r} does not end in {entry.suffix}, as which {entry.name} is written and read; "
            f"give a name such as {entry.name}{entry.suffix}."
        )


def _download_all(entry: Entry, folder: Path, on_progress: Tell | None, on_wait: Wait | None) -> list[Path]:
    files: list[Path] = []
    done = 0
    for each in entry.downloads:
        before = done

        def tell(num_bytes: int, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before + num_bytes, entry.num_bytes)

        files.append(_retrieve(each, folder, tell, on_wait, entry.homepage))
        done += each.num_bytes
        tell(each.num_bytes)
    return files


def _retrieve(wanted: Download, folder: Path, tell: Callable[[int], None], on_wait: Wait | None, homepage: str) -> Path:
    """Return a download that pooch keeps in a folder; it is downloaded if it is not there, or is another file."""
    import pooch

    def load(url: str, file: str, _: object) -> None:
        try:
            download(url, Path(file), wanted.num_bytes, tell, on_wait)
        except DownloadError as error:
            raise CorpusError(_not_downloaded(error, url, folder / wanted.file_name, homepage)) from error
        _check(wanted, Path(file), homepage)

    pooch.get_logger().setLevel("WARNING")  # at its own level it prints each download
    return Path(pooch.retrieve(wanted.url, wanted.sha256, wanted.file_name, folder, downloader=load))


def _not_downloaded(error: DownloadError, url: str, place: Path, homepage: str) -> str:
    if error.is_refused:
        return f"{url} answers {error}; the file was moved or is held back, see {homepage}."
    return (
        f"{url} could not be downloaded in {ATTEMPTS} attempts ({error}); check the network and give the same command "
        f"again, or get the file elsewhere and put it at {place}."
    )


def _check(wanted: Download, file: Path, homepage: str) -> None:
    """Raise unless a file has the size and the SHA-256 that are known; pooch then removes it."""
    met = file.stat().st_size, _sha256(file)
    expected = wanted.num_bytes, wanted.sha256 or met[1]
    if met != expected:
        raise CorpusError(
            f"{wanted.url} gave another file than expected ({met[0]:,} bytes with SHA-256 {met[1][:16]}..., expected "
            f"{expected[0]:,} with {expected[1][:16]}...), which was removed; try again, or see {homepage}."
        )


def _convert(entry: Entry, files: list[Path], target: Path) -> None:
    with replaced_file(target) as temporary, temporary.open("wb") as out:
        try:
            out.writelines(entry.convert(files))
        except (ValueError, LookupError, zipfile.BadZipFile) as error:
            raise CorpusError(
                f"{entry.name} has another form than expected ({error}); remove {files[0].parent} and try again, "
                f"or see {entry.homepage}."
            ) from error


def _origin(entry: Entry, files: list[Path]) -> dict[str, Any]:
    """Return where a file is from; ``is_compared`` says whether a SHA-256 was known beforehand."""
    downloads = [
        {
            "url": each.url,
            "bytes": file.stat().st_size,
            "sha256": _sha256(file),
            "is_compared": each.sha256 is not None,
        }
        for each, file in zip(entry.downloads, files, strict=True)
    ]
    return {"name": entry.name, "licence": entry.licence, "homepage": entry.homepage, "downloads": downloads}


def _sha256(file: Path) -> str:
    import pooch

    return str(pooch.file_hash(str(file)))
