"""One file over HTTP: whole and verified, or not there at all.

A download grows in `<path>.partial`, beside a note of which version of the file it is, and takes
its name only when its size and checksum are right. What was cut off goes on where it stopped.
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

from sonify.runtime.errors import SonifyError

ATTEMPTS = 6  # in a row without a step forward
STEP_BYTES = 1 << 20  # read at once, and what counts as a step forward
BACKOFF_S = 1.0  # before the first new attempt; doubled before each further one
BACKOFF_MAX_S = 60.0
RETRY_AFTER_MAX_S = 600  # a server that asks for a longer pause is asked again sooner
TIMEOUT_S = (30.0, 60.0)  # to connect, and between two reads
BUSY = (429, 500, 502, 503, 504)


class DownloadError(SonifyError):
    """A file that could not be had; the message is one sentence with a remedy."""


def open_session() -> requests.Session:
    """A session that asks a busy server (429, 5xx) again, after the pause that it asks for.

    Proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
    """
    retry = Retry(
        total=ATTEMPTS,
        connect=0,  # broken connections are counted in `fetch`, with broken bodies
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
    """Download `url` to `path`, unless a file of that size and checksum is there already.

    size: bytes of the whole file; checksum: "md5:<hex>" or "sha256:<hex>". What is given is
    verified, without a checksum the one that Google's storage states; with neither, a file at
    `path` is taken as it is. progress: called with the bytes
    that are there and the bytes in all (None where the server does not say).
    Raises DownloadError naming the URL, what happened and what to do; a download that was broken
    off is kept for the next call, one with a wrong size or checksum is not.
    """
    path = Path(path)
    if path.is_file() and _fault(path, size, checksum) is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _Partial(url, path, checksum)
    told = progress or (lambda done, total: None)
    if session is None:
        with open_session() as own:
            _complete(partial, own, size, told)
    else:
        _complete(partial, session, size, told)
    fault = _fault(partial.file, size, checksum or partial.stated)
    if fault is not None:
        partial.discard()
        raise DownloadError(
            f"{url}: {fault}, so it was deleted: run again; if it happens again, the file there is "
            "not the published one, so choose another source (base_url)"
        )
    partial.keep()


def reason(error: BaseException) -> str:
    """The innermost cause in words, without the objects that urllib3 wraps around it."""
    while inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        error = inner
    return str(error) or type(error).__name__


def pause(failures: int) -> None:
    """Wait before a new attempt, longer after each of `failures` in a row."""
    time.sleep(min(BACKOFF_S * 2 ** max(failures - 1, 0), BACKOFF_MAX_S))


class _Partial:
    """The part of a file that is there, and which version of the file it belongs to."""

    def __init__(self, url: str, path: Path, checksum: str | None) -> None:
        self.url = url
        self.path = path
        self.checksum = checksum
        self.stated: str | None = None  # the checksum of the file as the server has it
        self.file = path.with_name(f"{path.name}.partial")
        self.note = path.with_name(f"{path.name}.partial.json")
        known = self._known()
        same_url = known.get("url") == url
        # Another mirror may hold the same version, which the checksum tells; its tags differ.
        self.tag = known.get("tag") if same_url else None
        if not (self.tag or (checksum and known.get("checksum") == checksum)):
            self.discard()

    def _known(self) -> dict:
        try:
            return json.loads(self.note.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):  # none, or cut off while it was written
            return {}

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.is_file() else 0

    def begin(self, tag: str | None) -> None:
        """Start a new file of the version that `tag` stands for."""
        self.discard()
        self.tag = tag
        note = {"url": self.url, "tag": tag, "checksum": self.checksum}
        self.note.write_text(json.dumps(note), encoding="utf-8")

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
    """Ask until the partial file is whole, or nothing has come for ATTEMPTS requests."""
    failures = best = 0  # best: bytes ever reached, for a server may make us begin again for ever
    while partial.size == 0 or partial.size != size:
        try:
            if _request(partial, session, size, progress):
                return
            problem = "the server keeps sending less or other than it is asked for"
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            problem = f"the connection broke off ({reason(error)})"
        except requests.RequestException as error:
            raise DownloadError(f"{partial.url}: {reason(error)}: correct the address") from error
        failures = 0 if partial.size >= best + STEP_BYTES else failures + 1
        best = max(best, partial.size)
        if failures == ATTEMPTS:
            raise DownloadError(
                f"{partial.url}: {problem}, {ATTEMPTS} times in a row: check the network and run "
                "again"
                + (f", which goes on after the {partial.size} bytes there" if partial.size else "")
            )
        pause(failures)


def _request(
    partial: _Partial,
    session: requests.Session,
    size: int | None,
    progress: Callable[[int, int | None], None],
) -> bool:
    """Ask once for what is lacking; whether the file is whole now, as far as the server says."""
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
                + ("try later" if response.status_code in BUSY else "check the address (base_url)")
            )
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        total = _total(response)
        if size is not None and total not in (None, size):
            partial.discard()
            raise DownloadError(
                f"{partial.url}: the server has {total} bytes where {size} are published: the file "
                "there is another one, so choose another source (base_url)"
            )
        if response.status_code == 200:
            partial.begin(tag)
        elif _first_byte(response) != offset or (partial.tag and tag != partial.tag):
            partial.discard()
            return False
        partial.stated = _stated(response)
        with partial.file.open("ab") as file:
            # As sent, not decoded: sizes and checksums are those of the stored file.
            for block in response.raw.stream(STEP_BYTES, decode_content=False):
                file.write(block)
                progress(file.tell(), size or total)
                if size is not None and file.tell() > size:
                    break
    return partial.size == (size or total or partial.size)


def _total(response: requests.Response) -> int | None:
    """Bytes of the whole file, as the server states them."""
    if response.status_code == 200:
        stated = response.headers.get("Content-Length", "")
    else:
        stated = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(stated) if stated.isdecimal() else None


def _stated(response: requests.Response) -> str | None:
    """The MD5 in the headers of Google's storage, which is that of the file as it is stored."""
    found = re.search(r"md5=([\w+/]{22}==)", response.headers.get("x-goog-hash", ""))
    as_stored = response.headers.get("x-goog-stored-content-encoding", "identity") == "identity"
    return f"md5:{base64.b64decode(found[1]).hex()}" if found and as_stored else None


def _first_byte(response: requests.Response) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _fault(path: Path, size: int | None, checksum: str | None) -> str | None:
    """What is wrong with a file, if anything, as part of a sentence."""
    found = path.stat().st_size if path.is_file() else 0
    if size is not None and found != size:
        return f"it has {found} bytes where {size} are expected"
    if checksum is not None:
        kind, _, wanted = checksum.partition(":")
        with path.open("rb") as file:
            got = hashlib.file_digest(file, kind).hexdigest()
        if got != wanted:
            return f"its {kind} is {got} where {wanted} is expected"
    return None
