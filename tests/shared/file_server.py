"""A loopback server of a few files, with faults."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class FileServer(ThreadingHTTPServer):
    """Serves bytes by path, and notes what is asked for.

    Attributes:
        contents: What stands at each path; anything else is answered with 404.
        cut: Paths whose answer ends in the middle, though its length is announced.
        log: Paths that were asked for.
    """

    daemon_threads = True

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents = contents
        self.cut: set[str] = set()
        self.log: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.log.append(self.path)
        if self.path not in self.server.contents:
            self.send_error(404)
            return
        content = self.server.contents[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.cut else content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving(contents: dict[str, bytes]) -> Iterator[FileServer]:
    """Serve until the block ends."""
    with FileServer(contents) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
