"""An AudioSet of any number of listed clips, whose sounds are tiny.

It has the form in which a download leaves AudioSet: the published segment lists, and recordings
harvested from shards (`data.download.harvest`). Two million audio files of their own would take a
block of the disk each. Names, addresses and labels are as long as the published ones, because
they are what a job holds of every clip.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.corpora.audioset import SPLITS, VOCABULARY, segments_file
from sonify.data.corpora.roots import HARVEST
from sonify.data.download import harvest
from sonify.data.synthesis.files import quoted, wav
from sonify.rehearsal.sizes import CLASSES, MISSING_EVERY, SAMPLES, listed
from sonify.runtime.folders import whole_folder
from sonify.runtime.seeds import generator

SOUNDS = 1024  # distinct ones, used again and again
ROWS_PER_SHARD = 2048
_ALPHABET = "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IDS = 64**11
_FACTOR = 45_601_735_918_273_640_321  # odd, so that every number has its own id


@dataclass(frozen=True)
class Entry:
    """A line of a segment list; `sound` is None for a clip without audio, as of a lost video."""

    clip_id: str
    start_s: int
    labels: tuple[int, ...]
    sound: int | None


def write(clips: int, root: Path) -> None:
    """Write a corpus of so many listed clips, whole or not at all; raises SonifyError as `listed`.

    Memory holds a shard's clips, whatever the number of all.
    """
    sounds = [_sound(number) for number in range(SOUNDS)]
    with whole_folder(root) as folder:
        (folder / VOCABULARY).write_text(_vocabulary(), encoding="utf-8")
        first = 0
        for split in SPLITS:
            number = getattr(listed(clips), split)
            _write_split(folder, split, first, number, sounds)
            first += number


def entries(first: int, number: int) -> Iterator[Entry]:
    """Yield so many lines, from the clip `first` of all on; equal numbers give equal lines."""
    for start in range(first, first + number, ROWS_PER_SHARD):
        n = min(ROWS_PER_SHARD, first + number - start)
        rng = generator("rehearsal", "entries", start)
        counts = rng.integers(1, 4, n)  # two labels on average, as in AudioSet
        # Few frequent classes and many rare ones.
        drawn = (CLASSES * rng.random((n, 3)) ** 3).astype(int)
        starts = 10 * rng.integers(0, 30, n)
        for i in range(n):
            labels = tuple(dict.fromkeys(drawn[i, : counts[i]].tolist()))
            clip = start + i
            sound = None if clip % MISSING_EVERY == MISSING_EVERY - 1 else clip * 617 % SOUNDS
            yield Entry(video_id(clip), int(starts[i]), labels, sound)


def video_id(number: int) -> str:
    """Return the id of a clip, eleven characters like a video's; every number has its own."""
    place = (number + 1) * _FACTOR % _IDS
    letters = []
    for _ in range(11):
        place, digit = divmod(place, 64)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))


def mid(label: int) -> str:
    """Return the machine id of a class, as long as most of AudioSet's."""
    return f"/m/0{label:05d}"


def _write_split(folder: Path, split: str, first: int, number: int, sounds: list[dict]) -> None:
    shard: list[dict] = []
    shards = 0
    with (folder / segments_file(split)).open("w", encoding="utf-8") as lines:
        lines.write(f"# {split}\n# num_ytids={number}\n# YTID, start, end, positive_labels\n")
        for entry in entries(first, number):
            mids = quoted(",".join(map(mid, entry.labels)))
            end = entry.start_s + SAMPLES / RATE_HZ
            lines.write(f"{entry.clip_id}, {entry.start_s:.3f}, {end:.3f}, {mids}\n")
            if entry.sound is not None:
                facts = {"shard_row": len(shard), "clip_id": entry.clip_id}
                shard.append(sounds[entry.sound] | facts)
            if len(shard) == ROWS_PER_SHARD:
                _write_shard(folder, split, shards, shard)
                shard, shards = [], shards + 1
    if shard:
        _write_shard(folder, split, shards, shard)


def _write_shard(folder: Path, split: str, number: int, rows: list[dict]) -> None:
    size = harvest.ROWS_PER_GROUP
    groups = (rows[i : i + size] for i in range(0, len(rows), size))
    harvest.write(groups, folder / HARVEST / split / f"{number:05d}.parquet")


def _sound(number: int) -> dict:
    """Return a row of a shard: a tone of falling loudness in a little noise."""
    rng = generator("rehearsal", "sound", number)
    time = np.arange(SAMPLES) / RATE_HZ
    tone = np.sin(2 * np.pi * rng.uniform(100, 3000) * time) * np.exp(-time * rng.uniform(0, 60))
    x = tone + rng.normal(0, rng.uniform(0.001, 0.1), SAMPLES)
    return harvest.row(0, "", wav(np.round(x / np.abs(x).max() * 32767).astype(np.int16), RATE_HZ))


def _vocabulary() -> str:
    rows = (f"{i},{mid(i)},{quoted(f'Kind of sound {i}')}" for i in range(CLASSES))
    return "\n".join(["index,mid,display_name", *rows]) + "\n"
