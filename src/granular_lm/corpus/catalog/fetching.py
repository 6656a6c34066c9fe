"""From an entry of the catalogue to a file of documents: downloaded once, compared, converted, written down."""

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from granular_lm.corpus.catalog.entries import Download, Entry
from granular_lm.errors import CorpusError
from granular_lm.files import refuse_existing_file, replaced_file

CACHE_VARIABLE = "GRANULAR_LM_CACHE"
SCHEMA = 1
TIMEOUT_SECONDS = 30.0
CHUNK_BYTES = 2**16

Tell = Callable[[int, int], None]
"""Is told how many bytes are there, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A corpus on disk.

    Attributes:
        path: The file of documents.
        lock: The file beside it that says where it is from, with the SHA-256 of all.
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
    entry: Entry, output: Path | None = None, *, folder: Path | None = None, on_progress: Tell | None = None
) -> Fetched:
    """Download what is not there yet and write it as a file of documents, with a lock file beside it.

    A download is kept, and compared each time. Nothing is left under a final name that is not whole.

    Args:
        entry: Of the catalogue.
        output: The file to write; by default one in the cache, which is written anew.
        folder: The cache, if not `cache_folder`.
        on_progress: Is told how far the download is.

    Raises:
        CorpusError: A download fails, or is not the file that was expected.
        OutputExistsError: ``output`` exists.
    """
    if output is not None:
        refuse_existing_file(output)
    own = (folder or cache_folder()).expanduser() / entry.name
    files = _download_all(entry, own / "downloads", on_progress)
    target = output or own / f"{entry.name}{entry.suffix}"
    _convert(entry, files, target)
    lock = target.with_name(f"{target.name}.lock.json")
    with replaced_file(lock) as temporary:
        temporary.write_text(json.dumps(_described(entry, files, target), indent=2) + "\n", encoding="utf-8")
    not_compared = tuple(each.url for each in entry.downloads if each.sha256 is None)
    return Fetched(path=target, lock=lock, not_compared=not_compared)


def _download_all(entry: Entry, folder: Path, on_progress: Tell | None) -> list[Path]:
    files: list[Path] = []
    done = 0
    for download in entry.downloads:
        before = done

        def tell(num_bytes: int, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before + num_bytes, entry.num_bytes)

        files.append(_retrieve(download, folder, tell, entry.homepage))
        done += download.num_bytes
        tell(download.num_bytes)
    return files


def _retrieve(download: Download, folder: Path, tell: Callable[[int], None], homepage: str) -> Path:
    """Return a download that pooch keeps in a folder; it is downloaded if it is not there, or is another file."""
    import pooch

    def load(url: str, file: str, _: object) -> None:
        try:
            pooch.HTTPDownloader(_Bar(tell, download.num_bytes), CHUNK_BYTES, timeout=TIMEOUT_SECONDS)(url, file, None)
        except OSError as error:
            if not hasattr(error, "response"):  # not of the network: a full disk, for example
                raise
            raise CorpusError(_not_downloaded(error, url, folder / download.file_name, homepage)) from error
        _check(download, Path(file), homepage)

    pooch.get_logger().setLevel("WARNING")  # at its own level it prints each download
    return Path(pooch.retrieve(download.url, download.sha256, download.file_name, folder, downloader=load))


def _not_downloaded(error: Any, url: str, place: Path, homepage: str) -> str:
    if error.response is not None:
        answer = f"{error.response.status_code} {error.response.reason}"
        return f"{url} answers {answer}; the file was moved or is held back, see {homepage}."
    return (
        f"{url} could not be downloaded ({_reason(error)}); connect to the network and give the same command again, "
        f"or get the file elsewhere and put it at {place}."
    )


def _reason(error: BaseException) -> str:
    """Return what the system said, which requests wraps in several exceptions, each longer than the last."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        reason = getattr(inner, "reason", None)
        inner = reason if isinstance(reason, BaseException) else inner.__cause__ or inner.__context__
    return "the connection ended early" if "read" in str(error) else type(error).__name__


def _check(download: Download, file: Path, homepage: str) -> None:
    """Raise unless a file has the size and the SHA-256 that are known; pooch then removes it."""
    met = file.stat().st_size, _sha256(file)
    expected = download.num_bytes, download.sha256 or met[1]
    if met != expected:
        raise CorpusError(
            f"{download.url} gave another file than expected ({met[0]:,} bytes with SHA-256 {met[1][:16]}..., expected "
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


def _described(entry: Entry, files: list[Path], target: Path) -> dict[str, Any]:
    """Return the content of the lock file; ``is_compared`` says whether a SHA-256 was known beforehand."""
    downloads = [
        {
            "url": download.url,
            "bytes": file.stat().st_size,
            "sha256": _sha256(file),
            "is_compared": download.sha256 is not None,
        }
        for download, file in zip(entry.downloads, files, strict=True)
    ]
    return {
        "schema": SCHEMA,
        "name": entry.name,
        "licence": entry.licence,
        "homepage": entry.homepage,
        "downloads": downloads,
        "file": target.name,
        "bytes": target.stat().st_size,
        "sha256": _sha256(target),
    }


def _sha256(file: Path) -> str:
    import pooch

    return str(pooch.file_hash(str(file)))


class _Bar:
    """What pooch takes for a progress bar; it counts chunks, the last of which is rarely full."""

    def __init__(self, tell: Callable[[int], None], num_bytes: int) -> None:
        self.total = 0
        self._tell = tell
        self._num_bytes = num_bytes
        self._done = 0

    def update(self, num_bytes: int) -> None:
        self._done += num_bytes
        self._tell(min(self._done, self._num_bytes))

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        """Do nothing: there may be another download."""
