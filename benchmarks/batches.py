"""A step of contrastive training with large batches: whole, and in parts."""

import statistics
import time

import pandas as pd
import torch
from harness import GPU_TOO, Bench, apart, bench, keep_memory, resident, settle

from sonify.contracts.audio_format import RATE_HZ
from sonify.models.cnn import CNN12, Architecture
from sonify.models.device import pick_device, pick_precision
from sonify.models.heads import SoundModel
from sonify.training.adam import Adam
from sonify.training.forward import outputs
from sonify.training.losses import nt_xent

SECONDS = 2.5
CASES = [(1 / 8, 64, None), (1 / 8, 64, 16)]  # width, clips, crops at once
# The paper's batch; whole, it takes more than many a GPU has.
ON_A_GPU = [(1, 2048, None), (1, 2048, 512), (2, 2048, 512)]
QUICK = [(1 / 32, 2, None), (1 / 32, 2, 1)]
NOTES = f"""\
A step goes forward through encoder and projection head, back from NT-Xent and updates the weights,
on two crops of {SECONDS} s of each clip, of noise, in the arithmetic that `precision: auto` picks.
In parts, feature maps are made twice. Each row is a process of its own; on a GPU the peak is what
PyTorch took of its memory, else what the process had, some 500 MB of which are PyTorch itself."""


def main() -> None:
    keep_memory()
    run = bench("batches", __doc__, GPU_TOO)
    rows = [row for case in run.cases(QUICK, CASES, ON_A_GPU) if (row := measured(run, *case))]
    run.write("Large batches", pd.DataFrame(rows), NOTES)


def measured(run: Bench, width: float, clips: int, at_once: int | None) -> dict:
    """The row shown for one case; none where the batch is too large for the GPU."""
    told = (width, clips, at_once, run.device, run.threads, 2 if run.quick else 4)
    try:
        seconds, gigabytes = apart(steps, *told)
    except torch.OutOfMemoryError:
        return {}
    case, variant = f"width {width:g}, {clips} clips", f"{at_once or 'all'} at once"
    run.record(case, variant, "time", "s", seconds)
    run.record(case, variant, "peak", "GB", [gigabytes])
    return {
        "width": width,
        "clips": f"{clips:,}",
        "crops at once": f"{at_once or 2 * clips:,}",
        "ms per step": 1000 * statistics.median(seconds),
        "peak (GB)": gigabytes,
    }


def steps(
    width: float, clips: int, at_once: int | None, device: str, threads: int, n: int
) -> tuple[list[float], float]:
    """Seconds of each step but the first, and the peak memory, in GB."""
    pick_device(device, threads)
    torch.manual_seed(0)
    encoder = CNN12(Architecture(width=width))
    model = SoundModel(encoder, "projection", encoder.architecture.features).to(device).train()
    adam = Adam(model.parameters(), weight_decay=1e-3)
    half = pick_precision("auto", device) == "bfloat16"
    x = 0.1 * torch.randn(2 * clips, round(SECONDS * RATE_HZ)).to(device)
    times = []
    for _ in range(n):
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=half):
            z = outputs(model, x, at_once)
        nt_xent(*z.chunk(2), 0.1).backward()
        adam.step(1e-4)
        settle(device)
        times.append(time.perf_counter() - start)
    if device == "cuda":
        return times[1:], torch.cuda.max_memory_allocated() / 1e9
    return times[1:], resident() / 1e3


if __name__ == "__main__":
    main()
