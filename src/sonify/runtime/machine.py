"""The machine that results and timings are from, in words."""

import platform
from pathlib import Path


def processor() -> str:
    """Return the processor's own name where it tells it, else that of its architecture."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
