"""Throughput of preparation: hours of audio per core-minute, by format and rate, and by workers.

Writes prepare.parquet (every run) and prepare.md (medians). Cases take turns, so that a busy spell
of the machine meets all alike. Core-minutes are processor time; the speed-up is of the fastest
runs, since on a shared machine a second core is not always to be had.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from sonify.data.corpora.registry import read
from sonify.data.prepare import prepare
from sonify.runtime.seeds import generator

CLIP_S = 10.0
WORKERS = (1, 2)
# Name: rate in Hz, channels, file extension, libsndfile subtype (None: made by ffmpeg).
CASES: dict[str, tuple[int, int, str, str | None]] = {
    "wav 16 kHz": (16000, 1, "wav", "PCM_16"),
    "wav 44.1 kHz": (44100, 1, "wav", "PCM_16"),
    "wav 48 kHz stereo, 24 bit": (48000, 2, "wav", "PCM_24"),
    "wav 192 kHz": (192000, 1, "wav", "PCM_16"),
    "flac 44.1 kHz": (44100, 1, "flac", "PCM_16"),
    "flac 48 kHz stereo, 24 bit": (48000, 2, "flac", "PCM_24"),
    "ogg 44.1 kHz": (44100, 1, "ogg", "VORBIS"),
    "mp3 44.1 kHz": (44100, 1, "mp3", "MPEG_LAYER_III"),
    "m4a 44.1 kHz, through ffmpeg": (44100, 1, "m4a", None),
}


def corpus(root: Path, case: str, clips: int) -> Path:
    """An AudioSet corpus of `clips` clips of 10 s: tones over noise, each another."""
    rate_hz, channels, extension, subtype = CASES[case]
    root.mkdir()
    (root / "class_labels_indices.csv").write_text('index,mid,display_name\n0,/m/x,"Sound"\n')
    for name in ("balanced_train", "unbalanced_train", "eval"):
        rows = (
            [f'{i:011d}, 0.000, 10.000, "/m/x"\n' for i in range(clips)] if name == "eval" else []
        )
        (root / f"{name}_segments.csv").write_text("".join(rows))
    t = np.arange(round(CLIP_S * rate_hz)) / rate_hz
    for i in range(clips):
        rng = generator("benchmark", case, i)
        x = 0.05 * rng.standard_normal((len(t), channels))
        x += 0.3 * np.sin(2 * np.pi * rng.uniform(100, 3000) * t)[:, None]
        path = root / f"Y{i:011d}.{extension}"
        wave = path if subtype else path.with_suffix(".wav")
        soundfile.write(wave, x, rate_hz, subtype=subtype)
        if not subtype:
            command = ["ffmpeg", "-v", "error", "-i", str(wave), "-c:a", "aac", str(path)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            wave.unlink()
    return root


def run(root: Path, workers: int) -> dict[str, float]:
    """Prepare the corpus once: hours of audio, wall-clock and processor seconds."""
    before, start = os.times(), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        summary = prepare(
            read("audioset", root),
            root,
            Path(out),
            min_samples=2370,
            max_s=60.0,
            clips_per_part=256,
            workers=workers,
        )
    after = os.times()
    cpu_s = sum(after[:4]) - sum(before[:4])  # with the processes that were waited for: ffmpeg
    return {
        "audio_h": summary.audio_s / 3600,
        "wall_s": time.perf_counter() - start,
        "cpu_s": cpu_s,
    }


def shown(runs: pd.DataFrame) -> str:
    """Medians of `runs`, and the speed-up by two workers, as a Markdown table."""
    runs = runs.assign(per_core_minute=60 * runs["audio_h"] / runs["cpu_s"])
    rates = runs.groupby(["case", "workers"])["per_core_minute"].median()
    fastest = runs.groupby(["case", "workers"])["wall_s"].min()
    lines = ["| files of 10 s | hours of audio per core-minute | speed-up by 2 workers |"]
    lines.append("|--|--|--|")
    for case in dict.fromkeys(runs["case"]):
        one, two = WORKERS
        gain = fastest[case, one] / fastest[case, two]
        lines.append(f"| {case} | {rates[case, one]:.1f} | {gain:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every case, in turn."""
    options = argparse.ArgumentParser(description=__doc__)
    results = Path(__file__).resolve().parent / "results"
    options.add_argument("--clips", type=int, default=48, help="clips of each case")
    options.add_argument("--repetitions", type=int, default=7, help="runs after one to warm up")
    options.add_argument("--quick", action="store_true", help="a few clips, once")
    options.add_argument("--out", type=Path, default=results, help="folder to write")
    args = options.parse_args()
    if args.quick:
        args.clips, args.repetitions, args.out = 2, 1, results / "quick"
    cases = [c for c in CASES if CASES[c][3] or shutil.which("ffmpeg")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        roots = {c: corpus(Path(folder) / str(i), c, args.clips) for i, c in enumerate(cases)}
        for repetition in range(args.repetitions + 1):
            for case, root in roots.items():
                for workers in WORKERS:
                    row = {"case": case, "workers": workers, "repetition": repetition}
                    rows.append(row | run(root, workers))
    runs = pd.DataFrame(rows)
    runs = runs[runs["repetition"] > 0]
    args.out.mkdir(parents=True, exist_ok=True)
    runs.to_parquet(args.out / "prepare.parquet", index=False)
    heading = f"Medians of {args.repetitions} runs in turn, {args.clips} clips each.\n\n"
    (args.out / "prepare.md").write_text(heading + shown(runs), encoding="utf-8")
    print(heading + shown(runs))


if __name__ == "__main__":
    main()
