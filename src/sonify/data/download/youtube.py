"""AudioSet's audio from YouTube itself, by yt-dlp, which is asked for only here.

Videos vanish, are private or blocked: every attempt is noted in `youtube.jsonl` below the corpus
root. A call goes on where the last one stopped; it then tries again, up to three times in all, what
failed for a passing reason, and never asks twice for what is gone for good.
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
from sonify.runtime.errors import SonifyError

JOURNAL = "youtube.jsonl"
INCOMING = ".videos"  # below the root; no reader of a corpus looks into hidden folders
TRIES = 3  # calls that ask for a video; whatever failed so often counts as gone
GIVE_UP = 10  # videos in a row that fail at their first try: the network is down, or we are refused
# What yt-dlp's messages say, first match; all else is a passing error.
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
_SILENT = logging.getLogger("sonify.yt_dlp")  # the journal says what happened
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_ID = re.compile(r"[A-Za-z0-9_-]{11}")


class Attempt(NamedTuple):
    """A line of the journal. outcome: obtained, or a key of OUTCOMES; error may pass, the others
    are for good. at: seconds since 1970."""

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
    """Bring the segments of `splits` to `root`, as `audio/<split>/Y<id>.flac` at their own rate.

    Returns how many of each split may yet be had, by another call.

    Only the seconds of the segment are fetched, `pause_s` after the video before it, and at most
    `limit` videos are asked for. What is there already, harvested or as an audio file under any
    name in use, is left alone. progress: called with 0 (YouTube states no sizes) and what is done.
    Raises SonifyError for want of yt-dlp, of ffmpeg, or of a disk that tells `A` from `a`, and
    after GIVE_UP videos in a row that fail, for passing reasons, at their first try.
    """
    root, splits = Path(root), list(splits)
    yt_dlp = _yt_dlp()
    if (root / VOCABULARY.upper()).exists():
        raise SonifyError(
            f"{root} is on a disk that does not tell upper from lower case, as YouTube's ids do: "
            "choose another data.audioset.path"
        )
    todo = _todo(root, splits)[:limit]
    errors = 0
    with (root / JOURNAL).open("a", encoding="utf-8") as journal:
        if journal.tell():
            journal.write("\n")  # ends a line that was cut off
        for number, (tried, split, segment) in enumerate(todo):
            progress(0, f"{split} {segment.clip_id}, {number + 1} of {len(todo)}")
            if number:
                sleep(pause_s)
            outcome, detail = _obtain(yt_dlp, root, split, segment)
            attempt = Attempt(split, segment.clip_id, outcome, detail, clock())
            journal.write(json.dumps(attempt._asdict()) + "\n")
            journal.flush()
            errors = errors + (tried == 0) if outcome == "error" else 0
            if errors == GIVE_UP:
                raise DownloadError(
                    f"YouTube has failed {GIVE_UP} times in a row, last with {detail!r}: wait some "
                    "hours or raise data.audioset.pause_s, and run again, which goes on from here"
                )
    shutil.rmtree(root / INCOMING, ignore_errors=True)
    left = Counter(split for _, split, _ in _todo(root, splits))
    return {split: left[split] for split in splits}


def attempts(root: Path) -> Iterator[Attempt]:
    """The journal below `root`, oldest first; a line that was cut off is no attempt."""
    file = Path(root) / JOURNAL
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            yield Attempt(**json.loads(line))
        except json.JSONDecodeError:
            continue


def options(folder: Path, segment: Segment, ranges: Callable) -> dict:
    """What yt-dlp is told: the audio of one section into `folder`, as FLAC, and nothing printed.

    ranges: its `download_range_func`. The section is cut between packets of the stream (20 ms), as
    a cut at the very sample would encode it anew.
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
    """Outcome and detail of one attempt."""
    if not _ID.fullmatch(segment.clip_id):
        return "removed", "it is not an id of YouTube"
    told = options(root / INCOMING, segment, yt_dlp.utils.download_range_func)
    try:
        with yt_dlp.YoutubeDL(told) as downloader:
            # As an address, and never through a shell: ids may begin with -.
            downloader.download([f"https://www.youtube.com/watch?v={segment.clip_id}"])
    except yt_dlp.utils.DownloadError as error:
        detail = " ".join(str(error).split())
        message = detail.replace(segment.clip_id, "")  # which may spell anything
        outcome = next((k for k, words in OUTCOMES.items() if words.search(message)), "error")
        return outcome, detail
    name = f"Y{segment.clip_id}.flac"
    if not (root / INCOMING / name).is_file():
        return "error", "yt-dlp ended well without a file"
    target = root / "audio" / split / name
    target.parent.mkdir(parents=True, exist_ok=True)
    (root / INCOMING / name).replace(target)
    return "obtained", ""


def _todo(root: Path, splits: Iterable[str]) -> list[tuple[int, str, Segment]]:
    """How often a segment was tried, its split, itself: those without audio that may yet be had,
    the least tried first."""
    failures: Counter[tuple[str, str]] = Counter()
    for attempt in attempts(root):
        # What was obtained and is here no longer is asked for again.
        lost = {"error": 1, "obtained": 0}.get(attempt.outcome, TRIES)
        failures[attempt.split, attempt.clip_id] += lost
    index = audio_index(root)
    found = []
    for split in splits:
        harvested = harvest.places(root, split)
        for segment in segments(root, split):
            here = lookup(index, segment.clip_id, segment.start, segment.end)
            tried = failures[split, segment.clip_id]
            if not here and segment.clip_id not in harvested and tried < TRIES:
                found.append((tried, split, segment))
    return sorted(found, key=lambda entry: entry[0])


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
