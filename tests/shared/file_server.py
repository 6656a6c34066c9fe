"""A loopback server of a few files, with faults."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class FileServer(ThreadingHTTPServer):
    """Serves bytes by path, and notes what is asked for.

    Attributes:
        contents: What stands at each path; anything else is answered with 404.
        faults: What befalls the next requests: a status, ``cut`` for an answer that ends in the middle though its
            length is announced, ``dropped`` for none, ``hung`` for none until the server ends.
        log: Paths that were asked for.
    """

    daemon_threads = True

    def __init__(self, contents: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.contents = contents
        self.faults: deque[int | str] = deque()
        self.log: list[str] = []
        self.ended = Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.log.append(self.path)
        fault = self.server.faults.popleft() if self.server.faults else None
        if fault in ("dropped", "hung"):
            if fault == "hung":
                self.server.ended.wait()
            self.close_connection = True
            return
        if isinstance(fault, int) or self.path not in self.server.contents:
            self.send_error(fault if isinstance(fault, int) else 404)
            return
        content = self.server.contents[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

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
            server.ended.set()
            server.shutdown()
            thread.join()
