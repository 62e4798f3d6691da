"""Download AudioSet's audio from a pinned revision of a Hugging Face repository, by shards.

Each published shard (about 700 MB of 48 kHz FLAC inside Parquet) is fetched and verified, its
recordings are harvested (see `sonify.data.download.harvest`), and it is deleted. The next shard is
fetched meanwhile, so at most two are on disk.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path, PurePosixPath
from threading import Event
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import requests

from sonify.data.corpora.roots import HARVEST
from sonify.data.download import catalogue, harvest
from sonify.data.download.catalogue import RemoteFile, in_words
from sonify.data.download.fetch import (
    ATTEMPTS,
    TIMEOUT_S,
    DownloadError,
    fetch,
    open_session,
    pause,
    reason,
)
from sonify.data.download.token import authorise
from sonify.runtime.errors import SonifyError
from sonify.runtime.folders import write_whole
from sonify.runtime.prefetch import in_order

HUB = "https://huggingface.co"
REPOSITORY = "agkphysics/AudioSet"
# Repository folder of each split.
FOLDERS = {"balanced_train": "bal_train", "unbalanced_train": "unbal_train", "eval": "eval"}
INCOMING = ".shards"  # below the root; corpus readers skip hidden folders
# Upper bound on the size of a harvest relative to its shard: 10 s take about 1.3 MB as 24-bit FLAC
# at 48 kHz, and at most 0.16 MB with 16 bits at 8 kHz.
HARVEST_FRACTION = 0.13


class Shard(NamedTuple):
    """A file of the repository, with its sha256 as Git LFS records it."""

    split: str
    path: str
    n_bytes: int
    sha256: str

    @property
    def target(self) -> PurePosixPath:
        """The harvest file, relative to the corpus root."""
        return PurePosixPath(HARVEST, self.split, PurePosixPath(self.path).name)


def obtain_shards(
    root: Path,
    splits: Iterable[str],
    *,
    revision: str,
    hub_url: str = HUB,
    workers: int = 1,
    progress: Callable[[int, str], None] = lambda done, note: None,
) -> None:
    """Harvest all shards of `splits` below `root`.

    Shards harvested before are not fetched again. progress: called with the bytes downloaded by
    this call and a note on the current step. Raises SonifyError if a shard is unavailable or
    unreadable, disk space runs short, or `root` holds a harvest of another revision or provenance.
    The user's access token, if any, is sent only to huggingface.co, never to a mirror.
    """
    root = Path(root)
    hub_url = hub_url.rstrip("/")
    source = f"{hub_url}/datasets/{REPOSITORY}/resolve/{quote(revision, safe='')}"
    with open_session() as session:
        if hub_url == HUB:
            authorise(session, HUB)
        wanted = {
            split: _pinned(root, split, revision, hub_url, source, session) for split in splits
        }
        todo = [s for pinned in wanted.values() for s in pinned if not (root / s.target).is_file()]
        _check_disk(root, todo)
        for shard, file in _fetched(root / INCOMING, todo, source, session, progress):
            harvest_shard(file, root / shard.target, workers)
            os.sync()  # flush the harvest to disk before deleting the shard
            file.unlink()
    shutil.rmtree(root / INCOMING, ignore_errors=True)


def harvested(root: Path, split: str) -> list[RemoteFile]:
    """The shards of `split` that have been harvested below `root`, by this or any earlier run."""
    note = catalogue.shard_list(root, split)
    if not note.is_file():
        return []
    known = json.loads(note.read_text(encoding="utf-8"))
    return [
        RemoteFile(shard.path, f"{known['source']}/{shard.path}", shard.n_bytes, _checksum(shard))
        for shard in (Shard(*entry) for entry in known["shards"])
        if (root / shard.target).is_file()
    ]


def shards(split: str, revision: str, hub_url: str, session: requests.Session) -> list[Shard]:
    """List the shards of a split at a revision (a commit id), in order.

    Raises DownloadError if the list is unavailable, or a shard lacks a size or sha256.
    """
    folder = f"data/{FOLDERS[split]}"
    url = f"{hub_url}/api/datasets/{REPOSITORY}/tree/{quote(revision, safe='')}/{folder}"
    entries = [e for e in _entries(url, session) if str(e.get("path", "")).endswith(".parquet")]
    try:
        listed = [Shard(split, e["path"], int(e["size"]), e["lfs"]["oid"]) for e in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise DownloadError(
            f"{url}: a shard is listed without size or sha256 ({error}), so it cannot be "
            "verified: choose another source (data.audioset.hub_url)"
        ) from error
    if not listed:
        raise DownloadError(f"{url} lists no Parquet file: choose another data.audioset.revision")
    return sorted(listed)


def harvest_shard(shard: Path, target: Path, workers: int = 1) -> None:
    """Harvest the recordings of a published shard, preserving its row numbers.

    Memory holds one row group of the shard. Unusable recordings are kept with their reasons. Raises
    DownloadError for a file that is not such a shard.
    """
    try:
        with pq.ParquetFile(shard, pre_buffer=False) as file:
            harvest.write(_groups(_rows(file), workers), target)
    except (pa.ArrowInvalid, KeyError) as error:
        raise DownloadError(
            f"{shard}: {error}: it is not a Parquet file with video_id and audio, so choose "
            "another data.audioset.revision"
        ) from error


def _groups(rows: Iterator[tuple[int, str, bytes]], workers: int) -> Iterator[list]:
    made = in_order(lambda row: harvest.row(*row), rows, workers)
    while group := list(islice(made, harvest.ROWS_PER_GROUP)):
        yield group


def _rows(file: pq.ParquetFile) -> Iterator[tuple[int, str, bytes]]:
    """Yield the row number, id and audio file of each recording."""
    number = 0
    columns = ["video_id", "audio.bytes"]
    for batch in file.iter_batches(harvest.ROWS_PER_GROUP, columns=columns):
        sounds = batch["audio"].field("bytes")
        for clip_id, sound in zip(batch["video_id"], sounds, strict=True):
            yield number, clip_id.as_py() or "", sound.as_py() or b""
            number += 1


def _fetched(
    folder: Path,
    todo: list[Shard],
    source: str,
    session: requests.Session,
    progress: Callable[[int, str], None],
) -> Iterator[tuple[Shard, Path]]:
    """Yield each shard with its file while the next is being fetched."""
    stop = Event()

    def get(number: int) -> Path:
        shard = todo[number]
        before = sum(earlier.n_bytes for earlier in todo[:number])

        def report(done: int, total: int | None) -> None:
            if stop.is_set():
                raise InterruptedError("the shard is no longer wanted")
            progress(before + done, f"{shard.path}, {number + 1} of {len(todo)}")

        file = folder / shard.path.replace("/", "-")
        url, checksum = f"{source}/{shard.path}", _checksum(shard)
        fetch(url, file, size=shard.n_bytes, checksum=checksum, progress=report, session=session)
        return file

    with ThreadPoolExecutor(1) as pool:
        try:
            coming = pool.submit(get, 0) if todo else None
            for number, shard in enumerate(todo):
                assert coming is not None
                file = coming.result()
                if number + 1 < len(todo):
                    coming = pool.submit(get, number + 1)
                yield shard, file
        finally:
            stop.set()  # so that leaving early does not wait for the rest of a shard


def _pinned(
    root: Path, split: str, revision: str, hub_url: str, source: str, session: requests.Session
) -> list[Shard]:
    """The shards of a split, listed once and stored below `root`, as a revision never changes."""
    note = catalogue.shard_list(root, split)
    wanted = {"revision": revision} | harvest.provenance()
    if note.is_file():
        known = json.loads(note.read_text(encoding="utf-8"))
        for key, value in wanted.items():
            if known.get(key) != value:
                raise SonifyError(
                    f"{note.parent} holds {key} {known.get(key)} where {value} is required: "
                    "delete it or choose another data.audioset.path"
                )
        return [Shard(*shard) for shard in known["shards"]]
    listed = shards(split, revision, hub_url, session)
    note.parent.mkdir(parents=True, exist_ok=True)
    write_whole(note, json.dumps(wanted | {"source": source, "shards": listed}).encode())
    return listed


def _entries(url: str, session: requests.Session) -> Iterator[dict]:
    """Yield the files of a folder, following the pages of a long list."""
    cursor: list[tuple[str, str]] = []
    while True:
        response = _page(url, cursor, session)
        entries = response.json()
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise DownloadError(
                f"{url}: the server answers {response.text[:200]!r} where a list of files is "
                "expected: choose another source (data.audioset.hub_url)"
            )
        yield from entries
        if "next" not in response.links:
            return
        # Only its query, because a mirror's link may point to the server that it mirrors.
        cursor = parse_qsl(urlsplit(response.links["next"]["url"]).query)


def _page(url: str, cursor: list[tuple[str, str]], session: requests.Session) -> requests.Response:
    """Fetch one page of JSON, retrying after broken connections."""
    attempt = 0
    while True:
        attempt += 1
        try:
            response = session.get(url, params=cursor, timeout=TIMEOUT_S)
            response.raise_for_status()
            response.json()
            return response
        except requests.RequestException as error:
            broken = (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            )
            if not isinstance(error, broken) or attempt == ATTEMPTS:
                raise DownloadError(
                    f"{url}: {reason(error)}: check the network, data.audioset.hub_url and "
                    f".revision{' and your token (HF_TOKEN)' if session.auth else ''}"
                ) from error
        pause(attempt)


def _check_disk(root: Path, todo: list[Shard]) -> None:
    sizes = sorted(shard.n_bytes for shard in todo)
    needed = int(HARVEST_FRACTION * sum(sizes)) + sum(sizes[-2:])
    free = shutil.disk_usage(root).free
    if needed > free:
        raise SonifyError(
            f"{root} has {in_words(free)} free where {in_words(needed)} are needed: make room, or "
            "choose another data.audioset.path"
        )


def _checksum(shard: Shard) -> str:
    return f"sha256:{shard.sha256}"
