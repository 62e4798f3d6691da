"""Measure time by clips and seconds of audio, and show that memory does not grow with clips."""

import numpy as np
import pandas as pd
import torch
from harness import Bench, bench, peak_memory

from sonify.contracts.audio_format import RATE_HZ
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier

NOTES = """\
The most active map of all 11 layers, exact. Clips run in batches of one size, so that more clips
are more batches. `a + b n` is the least-squares line through the medians and R² the fraction
of their variance it explains. Memory is the peak of a process of its own, that of the interpreter
and of torch included, with the time axis and the batch fixed; `growth` is its largest value over
its smallest."""
REPETITIONS = 5


def main() -> None:
    run = bench("scaling", __doc__)
    width, seconds, batch = (1 / 32, 0.3, 2) if run.quick else (1 / 4, 2.5, 4)
    torch.manual_seed(0)
    sonifier = Sonifier(CNN12(Architecture(width=width)).eval().trunk)
    lengths = [0.3, 0.5, 1] if run.quick else [1.25, 2.5, 5, 10, 20]
    by_seconds = {s: lambda s=s: sweep(sonifier, 1, s, 1) for s in lengths}
    counts = [2, 4, 6] if run.quick else [4, 8, 16, 32, 64]
    by_clips = {n: lambda n=n: sweep(sonifier, n, seconds, batch) for n in counts}
    rows = [
        fitted(run, f"clips of {seconds:g} s, {batch} a batch", "clips", by_clips),
        fitted(run, "one clip", "seconds of audio", by_seconds),
        flat(run, width, seconds, batch, counts),
    ]
    shown = pd.DataFrame(rows).assign(width=width).astype(object)
    run.write("Cost against work", shown.where(shown.notna(), ""), NOTES)


def sweep(sonifier: Sonifier, clips: int, seconds: float, batch: int) -> None:
    """Sonify so many clips of noise, one batch after the other."""
    for _ in range(clips // batch):
        sonifier.most_active(torch.randn(batch, round(seconds * RATE_HZ)))


def fitted(run: Bench, case: str, unit: str, variants: dict) -> dict:
    """Measure, and fit a line through the medians."""
    run.measure(case, {f"{n:g} {unit}": call for n, call in variants.items()}, REPETITIONS)
    n = np.array(list(variants), float)
    y = np.array([row["median"] for row in run.rows if row["case"] == case])
    slope, start = np.polyfit(n, y, 1)
    explained = 1 - ((y - start - slope * n) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return {
        "what": f"time against {unit}",
        "case": case,
        "from": n.min(),
        "to": n.max(),
        "a (ms)": 1000 * start,
        "b (ms each)": 1000 * slope,
        "R²": explained,
    }


def flat(run: Bench, width: float, seconds: float, batch: int, counts: list[int]) -> dict:
    """Peak memory of a fresh process for each number of clips."""
    case = f"clips of {seconds:g} s, {batch} a batch"
    peaks = {n: peak_memory(fresh_sweep, run.threads, width, seconds, batch, n) for n in counts}
    for n, peak in peaks.items():
        run.record(case, f"{n} clips", "peak memory", "MB", [peak])
    return {
        "what": "peak memory against clips",
        "case": case,
        "from": min(counts),
        "to": max(counts),
        "peak (MB)": max(peaks.values()),
        "growth": max(peaks.values()) / min(peaks.values()),
    }


def fresh_sweep(threads: int, width: float, seconds: float, batch: int, clips: int) -> None:
    """A sweep with a model of its own."""
    torch.set_num_threads(threads)
    sweep(Sonifier(CNN12(Architecture(width=width)).eval().trunk), clips, seconds, batch)


if __name__ == "__main__":
    main()
