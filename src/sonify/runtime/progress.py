"""Progress of long jobs on stderr: a live bar on a terminal, a whole line now and then elsewhere.

Several jobs share one console under Snakemake, so outside a terminal every line names its job and
stands alone; nothing is redrawn.
"""

import sys
import time
from typing import Self, TextIO

WIDTH = 24
PAUSE_S = 10.0  # between lines where the bar cannot be redrawn
REDRAW_S = 0.1


class Progress:
    """Used as `with Progress(240, "train x", unit="steps") as bar: bar.update(12, "loss 1.2")`.

    `update` takes how much is done in all, not an increment. `now` is a clock in seconds, given by
    tests.
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
        return self

    def __exit__(self, kind, value, trace) -> None:
        if self.live:
            self.stream.write("\r\033[K")
            self.stream.flush()

    def update(self, done: int, note: str = "") -> None:
        """Show that `done` of the total is done, if it is time to; `note` says how it goes."""
        now = self.now()
        if now - self.shown < (REDRAW_S if self.live else PAUSE_S):
            return
        self.shown = now
        line = self._line(done, note, now - self.started)
        self.stream.write(f"\r\033[K{line}" if self.live else f"{line}\n")
        self.stream.flush()

    def _line(self, done: int, note: str, elapsed: float) -> str:
        share = min(done / self.total, 1.0)
        bar = "█" * round(share * WIDTH)
        left = elapsed / share - elapsed if share > 0 else float("nan")
        text = f"{self.name:<36} {bar:░<{WIDTH}} {share:4.0%}  {done}/{self.total} {self.unit}"
        tail = f", {left:.0f} s left" if share > 0 else ""
        return f"{text}{tail}{', ' + note if note else ''}"
