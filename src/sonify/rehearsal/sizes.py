"""The size of a rehearsal, in clips and bytes. Light: the command imports it."""

from dataclasses import dataclass

from sonify.runtime.errors import SonifyError

PUBLISHED = 2_084_320  # listed clips of AudioSet
BALANCED = 22_160
CLASSES = 527
SAMPLES = 512  # of every clip: two crops of 256, the shortest that leave the network a frame
PER_PART = 256  # clips of a stored part, data.clips_per_part of `rehearsal.yaml`
MINED = 3 * 6_016  # clips that can be mined: three for every filter of the network that is shown
MISSING_EVERY = 50  # one listed clip in so many has no audio
# Of the disk, by the rehearsal of 20,000 clips, rounded up: lists, shards and what is made of them;
# and of the gallery and the network, whatever the number of clips.
DISK_PER_CLIP, DISK_FIXED = 3_000, 600_000_000
LEAST = 200


@dataclass(frozen=True)
class Listed:
    """Listed clips of each split."""

    balanced_train: int
    unbalanced_train: int
    eval: int


def listed(clips: int) -> Listed:
    """Return the splits of a corpus of so many listed clips.

    A tenth is the split that is mined and scored, ten times AudioSet's share: what grows with that
    split would be lost beside what a process needs anyway. Raises SonifyError for too few.
    """
    if clips < LEAST:
        raise SonifyError(f"{clips} clips are too few to rehearse with: ask for {LEAST} or more")
    scored = clips // 10
    balanced = max(20, round(clips * BALANCED / PUBLISHED))
    return Listed(balanced, clips - balanced - scored, scored)


def full_parts(clips: int) -> int:
    """Return how many stored parts of the split that is mined and scored are full.

    Jobs work part by part: with none full, what a part takes grows with the clips.
    """
    scored = listed(clips).eval
    return (scored - scored // MISSING_EVERY) // PER_PART


def disk_bytes(clips: int) -> int:
    """Return about how much of the disk a rehearsal takes."""
    return DISK_FIXED + clips * DISK_PER_CLIP
