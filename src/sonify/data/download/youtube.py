"""Download AudioSet's audio from YouTube with yt-dlp, a dependency of this module only.

Videos vanish, are private or blocked, so every attempt is recorded in `youtube.jsonl` below the
corpus root. A run resumes where the last one stopped, then retries temporary failures, up to three
attempts in all, and never requests a permanently unavailable video again.
"""

import json
import logging
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from sonify.data.corpora.audioset import VOCABULARY, Segment, audio_index, lookup, segments
from sonify.data.download import harvest
from sonify.data.download.fetch import DownloadError
from sonify.runtime.errors import SonifyError, named

JOURNAL = "youtube.jsonl"
INCOMING = ".videos"  # below the root; corpus readers skip hidden folders
MAX_ATTEMPTS = 3  # per video; after that many failures it counts as unavailable
MAX_FAILURES = 10  # first attempts that fail in a row: the network is down or access is blocked
# Patterns in yt-dlp's messages; the first match counts, anything else is a temporary error.
OUTCOMES = {
    "private": re.compile(r"private video|video is private", re.I),
    "blocked": re.compile(
        r"available in your (country|location)|blocked it|confirm your age|age.restricted|"
        r"members.only|requires payment",
        re.I,
    ),
    "error": re.compile(r"not a bot|rate.?limit|HTTP Error (429|5\d\d)|try again later", re.I),
    "removed": re.compile(
        r"video (is )?(unavailable|not available|no longer available)|terminated|does not exist|"
        r"been removed|removed (by|for)",
        re.I,
    ),
}
_SILENT = logging.getLogger("sonify.yt_dlp")  # the journal records the outcomes
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_ID = re.compile(r"[A-Za-z0-9_-]{11}")


class Attempt(NamedTuple):
    """A line of the journal. outcome: obtained, or a key of OUTCOMES, of which only error is
    temporary. at: seconds since 1970."""

    split: str
    clip_id: str
    outcome: str
    detail: str
    at: float


def obtain_videos(
    root: Path,
    splits: Iterable[str],
    *,
    pause_s: float,
    limit: int | None = None,
    progress: Callable[[int, str], None] = lambda done, note: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
) -> dict[str, int]:
    """Download the segments of `splits` as `audio/<split>/Y<id>.flac` at their original rates.

    Returns the number of segments per split that further calls may still obtain.

    Fetches only the seconds of each segment, pausing `pause_s` seconds between videos, and requests
    at most `limit` videos. Skips segments already present, harvested or as audio files under any
    common name. progress: called with 0 (YouTube states no sizes) and a note on the current step.
    Raises SonifyError if yt-dlp, ffmpeg or a case-sensitive disk is missing, and after MAX_FAILURES
    videos in a row whose first attempt fails temporarily.
    """
    root, splits = Path(root), list(splits)
    yt_dlp = _yt_dlp()
    if (root / VOCABULARY.upper()).exists():
        raise SonifyError(
            f"{root} is on a disk that ignores case, but YouTube's ids are case-sensitive: choose "
            "another data.audioset.path"
        )
    todo = _todo(root, splits)[:limit]
    errors = 0
    with named(root / JOURNAL), (root / JOURNAL).open("a", encoding="utf-8") as journal:
        if journal.tell():
            journal.write("\n")  # terminates a line that was cut off
        for number, (tried, split, segment) in enumerate(todo):
            progress(0, f"{split} {segment.clip_id}, {number + 1} of {len(todo)}")
            if number:
                sleep(pause_s)
            outcome, detail = _obtain(yt_dlp, root, split, segment)
            attempt = Attempt(split, segment.clip_id, outcome, detail, clock())
            journal.write(json.dumps(attempt._asdict()) + "\n")
            journal.flush()
            errors = errors + (tried == 0) if outcome == "error" else 0
            if errors == MAX_FAILURES:
                raise DownloadError(
                    f"YouTube failed {MAX_FAILURES} times in a row, last with {detail!r}: wait a "
                    "few hours or raise data.audioset.pause_s, then run again to resume"
                )
    shutil.rmtree(root / INCOMING, ignore_errors=True)
    left = Counter(split for _, split, _ in _todo(root, splits))
    return {split: left[split] for split in splits}


def attempts(root: Path) -> Iterator[Attempt]:
    """Read the journal below `root`, oldest attempt first, skipping truncated lines."""
    file = Path(root) / JOURNAL
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            yield Attempt(**json.loads(line))
        except json.JSONDecodeError:
            continue


def options(folder: Path, segment: Segment, ranges: Callable) -> dict:
    """Options for yt-dlp: extract one segment's audio to `folder` as FLAC, without printing.

    ranges: yt-dlp's `download_range_func`. The segment is cut at packets of the stream (20 ms), as
    a sample-accurate cut would require re-encoding.
    """
    return {
        "format": "bestaudio/best",
        "outtmpl": f"{str(folder).replace('%', '%%')}/Y%(id)s.%(ext)s",
        "download_ranges": ranges(None, [(float(segment.start), float(segment.end))]),
        "postprocessors": [{"key": "FFmpegExtractAudio", "preferredcodec": "flac"}],
        "noplaylist": True,
        "overwrites": True,
        "cachedir": False,
        "quiet": True,
        "color": "never",
        "logger": _SILENT,
    }


def _obtain(yt_dlp: ModuleType, root: Path, split: str, segment: Segment) -> tuple[str, str]:
    """Attempt one download and return its outcome and detail."""
    if not _ID.fullmatch(segment.clip_id):
        return "removed", "it is not a YouTube id"
    arguments = options(root / INCOMING, segment, yt_dlp.utils.download_range_func)
    try:
        with yt_dlp.YoutubeDL(arguments) as downloader:
            # A URL rather than an id, and no shell: ids may begin with -.
            downloader.download([f"https://www.youtube.com/watch?v={segment.clip_id}"])
    except yt_dlp.utils.DownloadError as error:
        detail = " ".join(str(error).split())
        message = detail.replace(segment.clip_id, "")  # an id may spell anything
        outcome = next((k for k, words in OUTCOMES.items() if words.search(message)), "error")
        return outcome, detail
    name = f"Y{segment.clip_id}.flac"
    if not (root / INCOMING / name).is_file():
        return "error", "yt-dlp reported success but wrote no file"
    target = root / "audio" / split / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (root / INCOMING / name).replace(target)
    return "obtained", ""


def _todo(root: Path, splits: Iterable[str]) -> list[tuple[int, str, Segment]]:
    """The number of attempts, the split and the segment for all that may still be obtained, least
    attempted first."""
    failures: Counter[tuple[str, str]] = Counter()
    for attempt in attempts(root):
        # Audio that was obtained but has since disappeared is requested again.
        lost = {"error": 1, "obtained": 0}.get(attempt.outcome, MAX_ATTEMPTS)
        failures[attempt.split, attempt.clip_id] += lost
    index = audio_index(root)
    todo = []
    for split in splits:
        harvested = harvest.places(root, split)
        for segment in segments(root, split):
            here = lookup(index, segment.clip_id, segment.start, segment.end)
            tried = failures[split, segment.clip_id]
            if not here and segment.clip_id not in harvested and tried < MAX_ATTEMPTS:
                todo.append((tried, split, segment))
    return sorted(todo, key=lambda entry: entry[0])


def _yt_dlp() -> ModuleType:
    try:
        import yt_dlp
    except ImportError:
        raise SonifyError(
            "data.audioset.backend is youtube, which needs yt-dlp: pip install yt-dlp, or choose "
            "huggingface"
        ) from None
    if shutil.which("ffmpeg") is None:
        raise SonifyError(
            "data.audioset.backend is youtube, which needs ffmpeg to cut segments: install it from "
            "your system's packages, or choose huggingface"
        )
    return yt_dlp
