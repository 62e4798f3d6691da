"""A local HTTP server for downloads that behaves as badly as it is told to.

`with Server(folder) as server:` serves the files below `folder` at `server.url`, with Range and
ETag. `server.faults[name]` is a list of faults for the file `name`, one a request, in order; after
them it behaves. `server.requests` holds what was asked and answered. Given as HTTP_PROXY, it
stands in for any host.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit


class Request(NamedTuple):
    """One request: file name, value of its Range header (or None), status of the answer, and the
    Authorization header."""

    name: str
    range: str | None
    status: int
    authorization: str | None = None


@dataclass(frozen=True)
class Fault:
    """How one answer differs from a good one."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    ignore_range: bool = False
    body: Callable[[bytes], bytes] = bytes  # what is sent of the bytes that should be
    stated: bool = True  # whether the length is stated, so that a short body shows
    pause_s: float = 0.0


def status(code: int, **headers: str) -> Fault:
    """Answer with `code` and no file: `status(429, Retry_After="0")`."""
    return Fault(status=code, headers={k.replace("_", "-"): v for k, v in headers.items()})


def drop(after: int) -> Fault:
    """Break the connection after that many bytes of the body."""
    return Fault(body=lambda content: content[:after])


def truncate(after: int) -> Fault:
    """Send that many bytes as if they were all: no length is stated, the connection ends well."""
    return Fault(body=lambda content: content[:after], stated=False)


def wrong_byte(at: int) -> Fault:
    """Change one byte of the body."""

    def change(content: bytes) -> bytes:
        return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]

    return Fault(body=change)


def ignore_range() -> Fault:
    """Send the whole file whatever part is asked for."""
    return Fault(ignore_range=True)


def slow(pause_s: float) -> Fault:
    """Wait after every KiB."""
    return Fault(pause_s=pause_s)


class Server:
    """Files below `folder` at `url`, until the `with` block ends."""

    def __init__(self, folder: Path, *, etags: bool = True) -> None:
        self.folder = Path(folder)
        self.etags = etags
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.requests: list[Request] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, kind, value, trace) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, name: str) -> list[Request]:
        """The requests for one file, in order."""
        return [request for request in self.requests if request.name == name]


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: Server, *arguments) -> None:
        self.site = server
        super().__init__(*arguments)

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/")
        waiting = self.site.faults[name]
        fault = waiting.pop(0) if waiting else Fault()
        asked = self.headers.get("Range")
        file = self.site.folder / name
        if fault.status or not file.is_file():
            self._answer(name, asked, fault.status or 404, fault.headers, b"", fault)
            return
        content = file.read_bytes()
        headers = {"ETag": f'"{hashlib.md5(content).hexdigest()}"'} if self.site.etags else {}
        code, start = 200, 0
        if asked and not fault.ignore_range:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), int(last) + 1 if last else len(content)
            code = 206 if start < len(content) else 416
            shown = f"{start}-{min(stop, len(content)) - 1}" if code == 206 else "*"
            headers["Content-Range"] = f"bytes {shown}/{len(content)}"
            content = content[start:stop]
        self._answer(name, asked, code, headers | fault.headers, content, fault)

    def _answer(
        self, name: str, asked: str | None, code: int, headers: dict, content: bytes, fault: Fault
    ) -> None:
        authorization = self.headers.get("Authorization")
        self.site.requests.append(Request(name, asked, code, authorization))
        self.send_response(code)
        if fault.stated:
            self.send_header("Content-Length", str(len(content)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        body = fault.body(content)
        try:
            if not fault.pause_s:
                self.wfile.write(body)
            for at in range(0, len(body) if fault.pause_s else 0, 1024):
                self.wfile.write(body[at : at + 1024])
                time.sleep(fault.pause_s)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client went away

    def log_message(self, *arguments) -> None:
        pass
