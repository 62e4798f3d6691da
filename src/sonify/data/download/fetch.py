"""Atomic, resumable and verified downloads of single files over HTTP.

A download is written to `<path>.partial`, next to a note that identifies the version of the file,
and renamed once its size and checksum are verified. An interrupted download resumes where it
stopped.
"""

import base64
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from sonify.runtime.errors import SonifyError, named
from sonify.runtime.folders import write_whole

ATTEMPTS = 6  # consecutive requests without progress
STEP_BYTES = 1 << 20  # block size, and the least that counts as progress
BACKOFF_S = 1.0  # before the first retry, doubled before each further one
BACKOFF_MAX_S = 60.0
RETRY_AFTER_MAX_S = 600  # caps the pause that a server may request
TIMEOUT_S = (30.0, 60.0)  # to connect, and between two reads
BUSY = (429, 500, 502, 503, 504)


class DownloadError(SonifyError):
    """A file that could not be downloaded; the message is one sentence with a remedy."""


def open_session() -> requests.Session:
    """Open a session that retries busy servers (429, 5xx), honouring their Retry-After.

    Proxies come from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
    """
    retry = Retry(
        total=ATTEMPTS,
        connect=0,  # broken connections are retried in `fetch`, like interrupted bodies
        read=0,
        other=0,
        status_forcelist=BUSY,
        backoff_factor=BACKOFF_S,
        backoff_max=BACKOFF_MAX_S,
        retry_after_max=RETRY_AFTER_MAX_S,
        raise_on_status=False,
    )
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def fetch(
    url: str,
    path: Path,
    *,
    size: int | None = None,
    checksum: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    session: requests.Session | None = None,
) -> None:
    """Download `url` to `path`, unless a file of that size and checksum is already there.

    size: bytes of the whole file; checksum: "md5:<hex>" or "sha256:<hex>". Whichever is given is
    verified; without a checksum, the one that Google's storage states is used. With neither, an
    existing file is accepted as it is. progress: called with the bytes received so far and the
    total (None if the server does not state it).
    Raises DownloadError naming the URL, the problem and the remedy. An interrupted download is kept
    for the next call; one with a wrong size or checksum is deleted.
    """
    path = Path(path)
    if path.is_file() and _fault(path, size, checksum) is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _Partial(url, path, checksum)
    report = progress or (lambda done, total: None)
    if session is None:
        with open_session() as own:
            _complete(partial, own, size, report)
    else:
        _complete(partial, session, size, report)
    fault = _fault(partial.file, size, checksum or partial.stated)
    if fault is not None:
        partial.discard()
        raise DownloadError(
            f"{url}: {fault}, so it was deleted: run again; if that fails too, the file there is "
            "not the published one, so choose another source (base_url)"
        )
    partial.keep()


def reason(error: BaseException) -> str:
    """The message of the innermost cause, without the objects that urllib3 wraps around it."""
    while inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = inner
    return str(error) or type(error).__name__


def pause(failures: int) -> None:
    """Wait before a retry, longer with each of `failures` in a row."""
    time.sleep(min(BACKOFF_S * 2 ** max(failures - 1, 0), BACKOFF_MAX_S))


class _Partial:
    """A partial download, and the version of the file that it belongs to."""

    def __init__(self, url: str, path: Path, checksum: str | None) -> None:
        self.url = url
        self.path = path
        self.checksum = checksum
        self.stated: str | None = None  # checksum stated by the server
        self.file = path.with_name(f"{path.name}.partial")
        self.note = path.with_name(f"{path.name}.partial.json")
        known = self._known()
        same_url = known.get("url") == url
        # Mirrors with the same version agree in the checksum but not in their tags.
        self.tag = known.get("tag") if same_url else None
        if not (self.tag or (checksum and known.get("checksum") == checksum)):
            self.discard()

    def _known(self) -> dict:
        try:
            return json.loads(self.note.read_text(encoding="utf-8"))
        except (
            FileNotFoundError,
            json.JSONDecodeError,
        ):  # absent, or truncated while it was being written
            return {}

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.is_file() else 0

    def begin(self, tag: str | None) -> None:
        """Start afresh with the version of the file identified by `tag`."""
        self.discard()
        self.tag = tag
        note = {"url": self.url, "tag": tag, "checksum": self.checksum}
        write_whole(self.note, json.dumps(note).encode())

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
        self.tag = None

    def keep(self) -> None:
        with self.file.open("rb+") as file:
            os.fsync(file.fileno())
        self.file.replace(self.path)
        self.note.unlink(missing_ok=True)


def _complete(
    partial: _Partial,
    session: requests.Session,
    size: int | None,
    progress: Callable[[int, int | None], None],
) -> None:
    """Send requests until the file is complete, or ATTEMPTS in a row have made no progress."""
    failures = best = 0  # best: most bytes reached, in case the server makes us start over for ever
    while partial.size == 0 or partial.size != size:
        try:
            if _request(partial, session, size, progress):
                return
            problem = "the server sends less than, or something other than, was requested"
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            problem = f"the connection was lost ({reason(error)})"
        except requests.RequestException as error:
            raise DownloadError(f"{partial.url}: {reason(error)}: correct the address") from error
        failures = 0 if partial.size >= best + STEP_BYTES else failures + 1
        best = max(best, partial.size)
        if failures == ATTEMPTS:
            raise DownloadError(
                f"{partial.url}: {problem}, {ATTEMPTS} times in a row: check the network and run "
                "again" + (f", to resume after {partial.size} bytes" if partial.size else "")
            )
        pause(failures)


def _request(
    partial: _Partial,
    session: requests.Session,
    size: int | None,
    progress: Callable[[int, int | None], None],
) -> bool:
    """Request the missing bytes once; return True if the file is now complete."""
    if size is not None and partial.size > size:
        partial.discard()
    offset = partial.size
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with session.get(partial.url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        if offset and response.status_code == 416:
            if _total(response) == offset:
                return True
            partial.discard()
            return False
        if response.status_code not in (200, 206):
            raise DownloadError(
                f"{partial.url}: the server answers {response.status_code} {response.reason}: "
                + (
                    "try again later"
                    if response.status_code in BUSY
                    else "check the address (base_url)"
                )
            )
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        total = _total(response)
        if size is not None and total not in (None, size):
            partial.discard()
            raise DownloadError(
                f"{partial.url}: the server has {total} bytes where {size} are published, so its "
                "file is not the published one: choose another source (base_url)"
            )
        if response.status_code == 200:
            partial.begin(tag)
        elif _first_byte(response) != offset or (partial.tag and tag != partial.tag):
            partial.discard()
            return False
        partial.stated = _stated(response)
        with named(partial.file), partial.file.open("ab") as file:
            # Not decoded: sizes and checksums refer to the file as stored.
            for block in response.raw.stream(STEP_BYTES, decode_content=False):
                file.write(block)
                progress(file.tell(), size or total)
                if size is not None and file.tell() > size:
                    break
    return partial.size == (size or total or partial.size)


def _total(response: requests.Response) -> int | None:
    """The size of the whole file in bytes, as the server states it."""
    if response.status_code == 200:
        stated = response.headers.get("Content-Length", "")
    else:
        stated = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(stated) if stated.isdecimal() else None


def _stated(response: requests.Response) -> str | None:
    """The MD5 in the headers of Google's storage, which refers to the file as stored."""
    match = re.search(r"md5=([\w+/]{22}==)", response.headers.get("x-goog-hash", ""))
    as_stored = response.headers.get("x-goog-stored-content-encoding", "identity") == "identity"
    return f"md5:{base64.b64decode(match[1]).hex()}" if match and as_stored else None


def _first_byte(response: requests.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _fault(path: Path, size: int | None, checksum: str | None) -> str | None:
    """Describe the fault of a file as a clause, or return None."""
    present = path.stat().st_size if path.is_file() else 0
    if size is not None and present != size:
        return f"it has {present} bytes where {size} are expected"
    if checksum is not None:
        kind, _, wanted = checksum.partition(":")
        with path.open("rb") as file:
            got = hashlib.file_digest(file, kind).hexdigest()
        if got != wanted:
            return f"its {kind} is {got} where {wanted} is expected"
    return None
