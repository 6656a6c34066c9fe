"""One file from the net, asked for again where the connection or the server fails.

This is not left to pooch, whose retries also ask again for what a server refuses and for what was another file.
"""

import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30.0
"""To connect, and without a byte of the answer."""
ATTEMPTS = 4
FIRST_BACKOFF_SECONDS = 1.0
"""Each wait is twice as long as the one before."""
LEAST_SERVER_ERROR = 500
ASKS_TO_WAIT = (408, 429)
CHUNK_BYTES = 2**16

Wait = Callable[[str, float], None]
"""Is told why it is waited, and for how many seconds."""


class DownloadError(Exception):
    """The file did not come, for the reason that the message is.

    Args:
        reason: What the server or the system said.
        is_refused: Whether the server answered that it does not give the file, so that asking again is no use.
    """

    def __init__(self, reason: str, *, is_refused: bool) -> None:
        super().__init__(reason)
        self.is_refused = is_refused


def download(url: str, file: Path, num_bytes: int, tell: Callable[[int], None], on_wait: Wait | None) -> None:
    """Write what a URL gives into a file, from its beginning in each attempt.

    Args:
        url: What to ask for.
        file: What to write.
        num_bytes: How long it is expected to be.
        tell: Is told how many bytes are there; fewer than before where it begins anew.
        on_wait: Is told of each wait before it begins.

    Raises:
        DownloadError: The server refuses, or the file did not come in `ATTEMPTS` attempts.
    """
    for attempt in range(ATTEMPTS):
        try:
            _attempt(url, file, _Bar(tell, num_bytes))
        except DownloadError as error:
            if error.is_refused or attempt + 1 == ATTEMPTS:
                raise
            seconds = FIRST_BACKOFF_SECONDS * 2**attempt
            if on_wait is not None:
                on_wait(str(error), seconds)
            time.sleep(seconds)
        else:
            return


def _attempt(url: str, file: Path, bar: "_Bar") -> None:
    import pooch

    try:
        pooch.HTTPDownloader(bar, CHUNK_BYTES, timeout=TIMEOUT_SECONDS)(url, str(file), None)
    except OSError as error:
        if not hasattr(error, "response"):  # not of requests: a full disk, for example
            raise
        answer = error.response
        if answer is None:
            raise DownloadError(_reason(error), is_refused=False) from error
        is_refused = answer.status_code < LEAST_SERVER_ERROR and answer.status_code not in ASKS_TO_WAIT
        raise DownloadError(f"{answer.status_code} {answer.reason}", is_refused=is_refused) from error


def _reason(error: OSError) -> str:
    """Return what the system said, which requests wraps in several exceptions, each longer than the last."""
    causes = list(_causes(error))
    if said := [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]:
        return said[0]
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"nothing came for {TIMEOUT_SECONDS:g} s"
    return "the connection ended early" if any(isinstance(cause, HTTPException) for cause in causes) else str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        reason: Any = getattr(error, "reason", None)
        error = reason if isinstance(reason, BaseException) else error.__cause__ or error.__context__


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
        """Do nothing: there is one for each attempt."""
