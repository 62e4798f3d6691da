"""Crops a second from prepared clips beside audio files and a memory-mapped array; how memory and
speed stand as the dataset grows.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import soundfile
import torch
from harness import Bench, bench, keep_memory, peak_memory, spread

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.pcm import PEAK
from sonify.data.stored import RowGroup, StoredClips, stored
from sonify.data.stream import CropStream, Cutting
from sonify.runtime.seeds import generator
from sonify.training.crops import pair_starts, random_starts

WAV, FLAC, LIMIT, OURS = "WAV files", "FLAC files", "memory-mapped array", "Parquet parts, streamed"
CROP = round(2.5 * RATE_HZ)
BATCH = 128
AHEAD = f"{OURS}, 1 thread ahead"
SHUFFLE = 4096  # config.yaml
PART = {"compression": "none", "use_dictionary": ["dataset", "split", "labels.list.element"]}
PART |= {"row_group_size": 64, "write_statistics": ["clip_id", "n_samples"]}
ONE = Cutting(CROP, 1, 1, lambda lengths, rng: random_starts(lengths, CROP, rng)[:, None])
PAIR = Cutting(CROP, 2, 2 * CROP, lambda lengths, rng: pair_starts(lengths, CROP, 0, rng))
NOTES = """\
Speed: each clip of a corpus gives one crop of 2.5 s, as float32, in batches of 128, from the page
cache, so that this is what the CPU costs. Files are opened, sought and read with soundfile, in
random order; the array is one of int16, random clips of which are cut. The stream reads row groups
in random order through a shuffle buffer of 4096 clips; `1 thread ahead` reads beside the thread
that takes the batches, all others use one thread. Freed memory is kept for the next batch, as the
workflow's jobs do.

Growth: clips of 6 s, two crops of 2.5 s each, batches of 2048 (the paper's contrastive training),
whole epochs with one thread ahead. Memory is the peak of a process of its own that reads a whole
epoch; `over idle` is what it needs beyond a process that has imported Python's libraries (torch is
most of that) and lists one clip. `listing` is the start of a job: labels and lengths of all parts.
The row `index` has the lengths and labels of a dataset of the size of AudioSet alone: `order`
is drawing the order of one epoch of 2 million clips, memory the peak of a process that does so.
That index is invented, not listed from files: no dataset of this size was read."""


def main() -> None:
    keep_memory()
    run = bench("reader", __doc__)
    run.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run.folder) as scratch:  # some 12 GB
        # A large process has large children, so that what measures memory comes first.
        growth = whole_audioset(run) + grown(run, Path(scratch))
        speed = compared(run, Path(scratch))
    shown = pd.DataFrame(speed + growth).astype(object)
    run.write("Reading crops for training", shown.where(shown.notna(), ""), NOTES)


def compared(run: Bench, scratch: Path) -> list[dict]:
    """Our stream beside files and the limit."""
    n, samples = (200, 4 * RATE_HZ) if run.quick else (6_000, 10 * RATE_HZ)
    x = sounds(n, samples)
    x.tofile(scratch / "array")
    for i, clip in enumerate(x):
        for kind in ("wav", "flac"):
            soundfile.write(scratch / f"{i}.{kind}", clip, RATE_HZ)
    clips = corpus(scratch / "few", n, samples)
    array = np.memmap(scratch / "array", "<i2", "r", shape=(n, samples))
    epochs = iter(range(10**6))

    def files(kind: str) -> Iterator[np.ndarray]:
        def read(row: np.ndarray, i: int, start: int) -> None:
            with soundfile.SoundFile(scratch / f"{i}.{kind}") as file:
                file.seek(start)
                file.read(out=row, dtype="float32")

        return drawn(n, samples, read, next(epochs))

    def limit() -> Iterator[np.ndarray]:
        def read(row: np.ndarray, i: int, start: int) -> None:
            row[:] = array[i, start : start + CROP]

        for batch in drawn(n, samples, read, next(epochs)):
            batch /= PEAK
            yield batch

    def streamed(workers: int) -> Iterator[torch.Tensor]:
        stream = CropStream(clips, ONE, ("benchmark",), BATCH, SHUFFLE, workers)
        for batch in stream.epoch(next(epochs)):
            yield torch.from_numpy(batch.crops).float().div_(PEAK)

    variants = {
        WAV: lambda: files("wav"),
        FLAC: lambda: files("flac"),
        OURS: lambda: streamed(0),
        AHEAD: lambda: streamed(1),
        LIMIT: limit,
    }
    case = f"{n} clips of {samples / RATE_HZ:g} s"
    calls = {name: lambda v=v: [None for _ in v()] for name, v in variants.items()}
    times = run.measure(case, calls, repetitions=9)
    return [
        {
            "case": case,
            "variant": name,
            "crops/s": n // BATCH * BATCH / median,
            "times WAV": times[WAV] / median,
            "of the array": times[LIMIT] / median,
            "spread": spread(run, case, name),
        }
        for name, median in times.items()
    ]


def drawn(n: int, samples: int, read: Callable, epoch: int) -> Iterator[np.ndarray]:
    """Batches of crops of clips in random order, `read` one by one."""
    rng = generator("benchmark", epoch)
    order, starts = rng.permutation(n), rng.integers(0, samples - CROP + 1, n)
    for first in range(0, n - BATCH + 1, BATCH):
        batch = np.empty((BATCH, CROP), np.float32)
        for row, i in zip(batch, order[first : first + BATCH], strict=True):
            read(row, i, int(starts[i]))
        yield batch


def grown(run: Bench, scratch: Path) -> list[dict]:
    """Whole epochs of ever more clips."""
    counts = [300, 600] if run.quick else [1_000, 5_000, 20_000, 50_000]
    names = {n: f"{n} clips of 6 s, pairs" for n in counts}
    idle = peak_memory(
        stored, corpus(scratch / "idle", 1, CROP).groups[0].file.parents[1], ["train"]
    )
    rows, calls = {}, {}
    for n, case in names.items():
        corpus(scratch / str(n), n, 6 * RATE_HZ)
        peak = peak_memory(read_pairs, scratch / str(n), 1)
        start = time.perf_counter()
        clips = stored(scratch / str(n), ["train"])
        listing = time.perf_counter() - start
        run.record(case, OURS, "peak memory", "MB", [peak])
        run.record(case, OURS, "listing", "s", [listing])
        rows[n] = {"case": case, "variant": AHEAD, "peak (MB)": peak, "over idle (MB)": peak - idle}
        rows[n] |= {"listing (s)": listing}
        epochs = -(-max(counts) // n // 10)  # short epochs are read again, for a time to go by
        calls[n] = (lambda clips=clips, epochs=epochs: read_pairs(clips, epochs)), epochs
    times = run.measure("growth", {names[n]: call for n, (call, _) in calls.items()}, 5)
    for n, (_, epochs) in calls.items():
        crops = 2 * epochs * (n // min(n, 2048) * min(n, 2048))
        rows[n]["crops/s"] = crops / times[names[n]]
        rows[n]["spread"] = spread(run, "growth", names[n])
    return list(rows.values())


def read_pairs(clips: StoredClips | Path, epochs: int) -> None:
    """Read `epochs` epochs of pairs of crops, in the paper's batches."""
    clips = stored(clips, ["train"]) if isinstance(clips, Path) else clips
    stream = CropStream(clips, PAIR, ("benchmark",), 2048, SHUFFLE)
    for epoch in range(epochs):
        for _ in stream.epoch(epoch):
            pass


def whole_audioset(run: Bench) -> list[dict]:
    """The index of a dataset of the size of AudioSet, and the order of one epoch."""
    n = 20_000 if run.quick else 2_000_000
    case = f"index of {n} clips of 10 s"
    peak = peak_memory(draw_order, n)
    times = run.measure(case, {OURS: lambda: draw_order(n)}, 3)
    run.record(case, OURS, "peak memory", "MB", [peak])
    return [{"case": case, "variant": OURS, "peak (MB)": peak, "order (s)": times[OURS]}]


def draw_order(n: int) -> None:
    """Make an index of `n` clips with two labels each and draw the order of an epoch."""
    edges = [*range(0, n, 64), n]
    groups = [RowGroup(Path("part"), (), i, *pair, 0) for i, pair in enumerate(pairwise(edges))]
    labels = pa.ListArray.from_arrays(
        pa.array(np.arange(0, 2 * n + 1, 2, dtype=np.int32)), pa.array(np.zeros(2 * n, np.int32))
    )
    clips = StoredClips("audioset", ["a"], groups, np.full(n, 10 * RATE_HZ, np.int32), labels)
    CropStream(clips, PAIR, ("benchmark",), 2048, SHUFFLE).order(1)


def corpus(folder: Path, n: int, samples: int) -> StoredClips:
    """A prepared split of `n` clips of noise, 256 a part."""
    vocabulary = pd.DataFrame({"dataset": ["noise"], "index": [0], "label": ["noise"], "mid": [""]})
    tables.write(vocabulary, folder / "vocabulary.parquet", "vocabulary")
    x = sounds(256, samples)
    for part, first in enumerate(range(0, n, 256)):
        rows = min(256, n - first)
        frame = pd.DataFrame(
            {
                "dataset": "noise",
                "split": "train",
                "clip_id": [f"{first + i:07d}" for i in range(rows)],
                "labels": [["noise"]] * rows,
                "n_samples": np.int32(samples),
                "source_rate": np.int32(RATE_HZ),
                "gain": 1.0,
                "pcm": [clip.tobytes() for clip in x[:rows]],
            }
        )
        tables.write(frame, folder / "train" / f"part-{part:05d}.parquet", "clips", **PART)
    return stored(folder, ["train"])


def sounds(n: int, samples: int) -> np.ndarray:
    """Noise that rises and falls, (clip, time) int16."""
    rng = generator("benchmark", "sounds")
    loudness = np.abs(np.sin(np.arange(samples) / RATE_HZ)) * 3_000
    x = np.empty((n, samples), "<i2")
    for row in x:
        row[:] = rng.standard_normal(samples) * loudness
    return x


if __name__ == "__main__":
    main()
