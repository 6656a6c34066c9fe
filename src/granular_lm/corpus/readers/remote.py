"""Addresses such as ``s3://bucket/a.txt``, which fsspec and the package for the protocol open."""

import re
from functools import partial
from typing import Any

from granular_lm.corpus.readers.endings import ACCEPTED, is_meant, is_pattern
from granular_lm.corpus.readers.source import Source, unreadable
from granular_lm.errors import CorpusError, CorpusNotFoundError

ADVICE = "check the address, the network and your access"
WEB = ("http://", "https://")


def is_address(name: str) -> bool:
    """Return whether a name begins with a protocol."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", name) is not None


def remote_sources(address: str, *, of_any_ending: bool) -> list[Source]:
    """Return the sources at an address: a file, the files of a folder, or those that match a pattern.

    An ``https://`` address is that of a file: the web has no folders, and its question marks are no pattern.

    Raises:
        CorpusNotFoundError: Nothing is there.
        CorpusError: It cannot be looked up, or a package for it is missing.
    """
    try:
        from fsspec.core import url_to_fs

        system, path = url_to_fs(address)
        paths = _file_at(system, path) if address.lower().startswith(WEB) else _files_at(system, path, of_any_ending)
    except ImportError as error:
        raise CorpusError(
            f"{address} needs a package that is not installed ({error}); install that with pip."
        ) from error
    except Exception as error:  # each protocol has exceptions of its own
        raise unreadable(address, error, ADVICE) from error
    if not paths:
        raise CorpusNotFoundError(f"there is no file at {address}; check the address (accepted: {ACCEPTED}).")
    return [_source(system, path, address if len(paths) == 1 else system.unstrip_protocol(path)) for path in paths]


def _file_at(system: Any, path: str) -> list[str]:
    return [path] if system.exists(path) else []


def _files_at(system: Any, path: str, of_any_ending: bool) -> list[str]:
    if is_pattern(path):
        return [each for each, about in sorted(system.glob(path, detail=True).items()) if about["type"] == "file"]
    if not system.isdir(path):
        return _file_at(system, path)
    inside = sorted(each["name"] for each in system.ls(path, detail=True) if each["type"] == "file")
    return [each for each in inside if is_meant(_file_name(each), of_any_ending=of_any_ending)]


def _source(system: Any, path: str, name: str) -> Source:
    return Source(
        name=name,
        file_name=_file_name(path),
        open=partial(system.open, path, "rb"),
        failures=(Exception,),  # as above
        advice=ADVICE,
    )


def _file_name(path: str) -> str:
    """Return the last part of a path, without what follows it in an address of the web."""
    if path.lower().startswith(WEB):
        path = re.split("[?#]", path)[0]
    return path.rpartition("/")[2]
