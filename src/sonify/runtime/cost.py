"""The cost of a job: seconds that passed, seconds of a processor, and memory."""

import sys
import time
from pathlib import Path

from sonify.runtime.folders import write_whole

MB = 1e6 if sys.platform == "darwin" else 1e3  # what the peak is counted in: bytes, else kB


def write_cost(file: Path, started: float) -> None:
    """Write the cost of this process and of its children that have ended, a table of one line.

    `started`: seconds since the epoch. Columns: s, cpu_s, peak_mb (of the largest process). A
    process's own start and imports are part of it, and so is memory that a fork shares.
    """
    import resource  # jobs run on Linux and macOS, the library on Windows too

    whom = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    used = [resource.getrusage(who) for who in whom]
    processor = sum(u.ru_utime + u.ru_stime for u in used)
    peak = max(u.ru_maxrss for u in used) / MB
    file.parent.mkdir(parents=True, exist_ok=True)
    passed = max(time.time() - started, 0.0)  # none, if the clock was set back meanwhile
    row = f"{passed:.2f}\t{processor:.2f}\t{peak:.1f}"
    write_whole(file, f"s\tcpu_s\tpeak_mb\n{row}\n".encode())
