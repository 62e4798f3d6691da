"""Progress of long jobs on stderr: a live bar on a terminal, an occasional full line elsewhere.

Under Snakemake several jobs share one console, so outside a terminal every line stands alone and
names its job; nothing is redrawn.
"""

import sys
import time
from collections import deque
from typing import Self, TextIO

WIDTH = 24
PAUSE_S = 10.0  # between lines if the bar cannot be redrawn
REDRAW_S = 0.1
RECENT = 12  # lines back to which the pace is measured


class Progress:
    """A progress bar: `with Progress(240, "train x", unit="steps") as bar: bar.update(12)`.

    `update` takes the running total, not an increment. The time left follows from the pace of late:
    what an earlier job had done of the total took this one no time. `now` is a clock in seconds,
    which tests replace.
    """

    def __init__(
        self, total: int, name: str, unit: str, *, stream: TextIO | None = None, now=time.monotonic
    ) -> None:
        self.total = max(total, 1)
        self.name = name
        self.unit = unit
        self.stream = stream or sys.stderr
        self.now = now
        self.live = self.stream.isatty()

    def __enter__(self) -> Self:
        self.started = self.shown = self.now()
        self.points: deque[tuple[float, int]] = deque(maxlen=RECENT)  # times, and totals by then
        return self

    def __exit__(self, kind, value, trace) -> None:
        if self.live:
            self.stream.write("\r\033[K")
            self.stream.flush()

    def update(self, done: int, note: str = "") -> None:
        """Show that `done` of the total is done, at most every so often; `note` is appended."""
        now = self.now()
        if not self.points:  # only of a total of 1 it is certain that this job has done all of it
            self.points.append((self.started, 0) if done <= 1 else (now, done))
        if now - self.shown < (REDRAW_S if self.live else PAUSE_S):
            return
        self.shown = now
        line = self._line(done, note, now)
        self.points.append((now, done))
        self.stream.write(f"\r\033[K{line}" if self.live else f"{line}\n")
        self.stream.flush()

    def _line(self, done: int, note: str, now: float) -> str:
        fraction = min(done / self.total, 1.0)
        bar = "█" * round(fraction * WIDTH)
        text = f"{self.name:<36} {bar:░<{WIDTH}} {fraction:4.0%}  {done}/{self.total} {self.unit}"
        begun, before = self.points[0]
        new = done - before
        left = max(self.total - done, 0) * (now - begun) / new if new > 0 else None
        tail = "" if left is None else f", {left:.0f} s left"
        return f"{text}{tail}{', ' + note if note else ''}"
