"""Paired measurements: variants run in turn, repetition after repetition.

A shared machine is slow in spells. Variants that take turns meet the same spells, so that ratios of
medians hold where absolute times do not. Every result is one row of a long table: benchmark, case,
variant, quantity, unit, median, lowest, highest, repetitions, and what it ran on (threads, device,
cpu, torch, date).
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pandas as pd
import torch

from sonify.models.cnn import CNN12, Architecture
from sonify.models.device import pick_device
from sonify.runtime.machine import processor
from sonify.runtime.plurals import counted

GPU_TOO = ("cpu", "cuda")
RESULTS = Path(__file__).resolve().parent / "results"
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}


@dataclass
class Bench:
    """A benchmark: its options, the rows it measured, and the files it writes.

    `quick` asks for the smallest case once, to see that the benchmark still runs; by default its
    files go into a folder of their own, so that it never replaces real measurements. Those of
    another `device` than the CPU have its name in theirs. With `cpu_time` the time of a variant is
    what one thread of a CPU spent on it, not what passed: others may have had the CPU meanwhile.
    `times` are those of each case and variant, repetition by repetition.
    """

    name: str
    quick: bool
    threads: int
    folder: Path
    device: str = "cpu"
    cpu_time: bool = False
    rows: list[dict] = field(default_factory=list)
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def cases(self, quick: Sequence, cpu: Sequence, gpu: Sequence) -> Sequence:
        """Choose the cases to run."""
        return quick if self.quick else cpu if self.device == "cpu" else gpu

    def measure(
        self, case: str, variants: Mapping[str, Callable[[], object]], repetitions: int
    ) -> dict[str, float]:
        """Median seconds of each variant, taken in turn after one round of warming up."""
        clock = time.process_time if self.cpu_time else time.perf_counter
        times: dict[str, list[float]] = {name: [] for name in variants}
        for repetition in range(2 if self.quick else repetitions + 1):
            for name, run in variants.items():
                start = clock()
                run()
                settle(self.device)
                seconds = clock() - start
                if repetition:
                    times[name].append(seconds)
        for name, values in times.items():
            self.record(case, name, "time", "s", values)
            self.times[case, name] = values
        return {name: statistics.median(values) for name, values in times.items()}

    def ratios(self, case: str, variant: str, other: str) -> list[float]:
        """Record and return the times of `variant` over those of `other` that ran beside it."""
        pairs = zip(self.times[case, variant], self.times[case, other], strict=True)
        found = [one / beside for one, beside in pairs]
        self.record(case, variant, f"time, of {other}", "", found)
        return found

    def record(
        self, case: str, variant: str, quantity: str, unit: str, values: list[float]
    ) -> None:
        """Record the median and the spread of `values`, one for each repetition."""
        row = {"benchmark": self.name, "case": case, "variant": variant, "quantity": quantity}
        spread = {
            "median": statistics.median(values),
            "lowest": min(values),
            "highest": max(values),
        }
        self.rows.append({**row, "unit": unit, **spread, "repetitions": len(values)})

    def write(self, title: str, shown: pd.DataFrame, notes: str) -> None:
        """Write <name>.parquet, every measurement, and <name>.md, the table `shown` to readers."""
        ran_on = {
            "threads": self.threads,
            "device": torch.cuda.get_device_name() if self.device == "cuda" else self.device,
            "cpu": cpu_model(),
            "torch": torch.__version__,
            "date": datetime.now(UTC).date().isoformat(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(self.rows).assign(**ran_on)
        file = self.name if self.device == "cpu" else f"{self.name}_{self.device}"
        table.to_parquet(self.folder / f"{file}.parquet", index=False)
        threads = counted(self.threads, "thread")
        on = f"{ran_on['cpu']}, {threads}" if self.device == "cpu" else ran_on["device"]
        where = f"{on}, torch {ran_on['torch']}, {ran_on['date']}"
        clock = "CPU time, medians" if self.cpu_time else "Medians"
        often = f"{clock} of {counted(table['repetitions'].max(), 'run')} in turn"
        text = f"# {title}\n\n{often}; {where}.\n\n{markdown(shown)}\n\n{notes}\n"
        (self.folder / f"{file}.md").write_text(text, encoding="utf-8")
        print(text)


def bench(
    name: str,
    description: str | None,
    devices: Sequence[str] = ("cpu",),
    cpu_time: bool = False,
) -> Bench:
    """The benchmark called `name`, from the command line: --quick, --threads, --out, --device.

    `cpu_time` is for what only computes; it holds on one thread of a CPU.
    """
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--quick", action="store_true", help="the smallest case, once")
    options.add_argument("--threads", type=int, default=1, help="CPU threads")
    options.add_argument("--out", type=Path, help="folder to write (default: results beside this)")
    options.add_argument("--device", choices=devices, default="cpu", help="what it runs on")
    args = options.parse_args()
    try:
        pick_device(args.device, args.threads)  # float32 is float32 then, for the peers too
    except ValueError:
        options.error(f"this machine has no {args.device} device that PyTorch can use")
    folder = args.out or (RESULTS / "quick" if args.quick else RESULTS)
    cpu_time = cpu_time and args.threads == 1 and args.device == "cpu"
    return Bench(name, args.quick, args.threads, folder, args.device, cpu_time)


def leave(why: str) -> NoReturn:
    """End this benchmark, not those that `make bench` runs after it: it has nothing to measure."""
    print(f"nothing is measured: {why}")
    raise SystemExit(0)


def trunk(width: float, device: str) -> torch.nn.Sequential:
    """Return the blocks of CNN12 with random weights."""
    torch.manual_seed(0)
    return CNN12(Architecture(width=width, layout="cnn12")).eval().trunk.to(device)


def settle(device: str) -> None:
    """Wait until the device has computed everything: a GPU works on while Python goes ahead."""
    if device == "cuda":
        torch.cuda.synchronize()


def keep_memory() -> None:
    """Start this program again with freed memory kept for the next use, as the workflow's jobs keep
    it: the C library reads that when a program starts."""
    if MEMORY.keys() - os.environ.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MEMORY)


def spread(bench: Bench, case: str, variant: str) -> float:
    """Slowest over fastest run: how far to trust a median."""
    (row,) = (r for r in bench.rows if (r["case"], r["variant"]) == (case, variant))
    return row["highest"] / row["lowest"]


def peak_memory(call: Callable, *args: object) -> float:
    """Peak resident memory, in MB, of a new process that runs `call`, a function of a module."""
    return apart(_peak, call, args)


def apart(call: Callable, *args: object) -> object:
    """Return the result of `call`, a function of a module, in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, args)


def resident() -> float:
    """Peak resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes on macOS, else kB


def _peak(call: Callable, args: tuple) -> float:
    call(*args)
    return resident()


def markdown(frame: pd.DataFrame) -> str:
    """The frame as a Markdown table, numbers to three digits."""
    return frame.to_markdown(index=False, floatfmt=".3g")


def cpu_model() -> str:
    """Return the processor's own name and the vector instructions that PyTorch uses of it."""
    return f"{processor()} ({torch.backends.cpu.get_cpu_capability()})"
