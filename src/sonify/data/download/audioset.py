"""Download AudioSet: the published lists of the splits in use, and audio from one of two sources.

The audio was never published. `huggingface` is a copy made in March 2023, pinned to a revision;
`youtube` fetches what is still available today. Splits not in use are skipped, lists and audio.
"""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import requests

from sonify.data.corpora.audioset import DATASET, VOCABULARY, segments_file
from sonify.data.download import catalogue
from sonify.data.download.catalogue import RemoteFile
from sonify.data.download.fetch import DownloadError, fetch, open_session
from sonify.data.download.huggingface import HUB, harvested, obtain_shards
from sonify.data.download.youtube import obtain_videos

LISTS = "https://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv"
_STATED = re.compile(rb"\bnum_(segs|positive_labels)=(\d+)")


def obtain_audioset(
    root: Path,
    splits: Iterable[str],
    *,
    backend: str,
    revision: str,
    base_url: str | None = None,
    hub_url: str | None = None,
    pause_s: float = 10.0,
    limit: int | None = None,
    workers: int = 1,
    progress: Callable[[int, str], None] = lambda done, note: None,
) -> None:
    """Download `splits` of AudioSet to `root`: first the lists, then the audio that is available.

    backend: huggingface (at `revision`, from `hub_url`) or youtube (pausing `pause_s` seconds
    between videos, at most `limit` videos per call). base_url: URL of the lists. progress: called
    with the bytes of shards downloaded by this call and a note on the current step.
    Unavailable audio is no error: preparation accounts for it as attrition. Raises SonifyError, a
    sentence with a remedy, for anything else, and while further calls may still obtain videos.
    """
    root, splits = Path(root), list(splits)
    names = {VOCABULARY: VOCABULARY} | {split: segments_file(split) for split in splits}
    with open_session() as session:
        lists = {k: _list(root, n, base_url or LISTS, session) for k, n in names.items()}
    left: dict[str, int] = {}
    if backend == "huggingface":
        obtain_shards(
            root, splits, revision=revision, hub_url=hub_url or HUB, workers=workers,
            progress=progress,
        )  # fmt: skip
    else:
        left = obtain_videos(root, splits, pause_s=pause_s, limit=limit, progress=progress)
    for part, file in lists.items():
        if not left.get(part):
            catalogue.write_receipt(root, part, [file, *harvested(root, part)])
    if any(left.values()):
        raise DownloadError(
            f"{sum(left.values()):,} videos of {', '.join(k for k, n in left.items() if n)} remain "
            "to be fetched: run again to resume"
            + (f", or raise data.audioset.limit ({limit})" if limit is not None else "")
        )


def _list(root: Path, name: str, base_url: str, session: requests.Session) -> RemoteFile:
    """Fetch a list unless present, and verify the counts it states, as no checksum is published."""
    url, path = f"{base_url.rstrip('/')}/{name}", root / name
    fetch(url, path, session=session)
    content = path.read_bytes()
    fault = _vocabulary_fault(content) if name == VOCABULARY else _segments_fault(content)
    if fault is not None:
        path.unlink()
        raise DownloadError(
            f"{url}: the list {fault}, so it was deleted: run again, or choose another source "
            "(data.audioset.base_url)"
        )
    return RemoteFile(name, url, len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")


def _vocabulary_fault(content: bytes) -> str | None:
    """Describe the fault of a class list as a clause, or return None."""
    wanted = catalogue.classes(DATASET.name)
    try:
        head, *rows = csv.reader(io.StringIO(content.decode()), strict=True)
    except (ValueError, csv.Error) as error:
        return f"is not a complete table ({error})"
    if head != ["index", "mid", "display_name"] or any(
        len(row) != 3 or not all(row) for row in rows
    ):
        return "has columns other than index, mid and display_name, or empty fields"
    if [row[0] for row in rows] != [str(i) for i in range(wanted)]:
        return f"does not hold the {wanted} published classes, numbered from 0"
    return None


def _segments_fault(content: bytes) -> str | None:
    """Describe the fault of a segment list as a clause, or return None."""
    stated = {key: int(n) for key, n in _STATED.findall(content[:1000])}
    rows = [r for r in content.splitlines() if r.strip() and not r.startswith(b"#")]
    # Labels share one quoted field, which follows three commas.
    labels = sum(row.count(b",") - 2 for row in rows)
    for key, what, n in ((b"segs", "segments", len(rows)), (b"positive_labels", "labels", labels)):
        if n != stated.get(key):
            return f"has {n} {what} and states {stated.get(key, 'no number')}"
    if any(row.count(b'"') != 2 for row in rows):
        return "has labels without a closing quote"
    return None
