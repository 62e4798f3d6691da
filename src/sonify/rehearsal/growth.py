"""How the memory of stages grows with the number of clips, whether within bounds, and what breaks.

A rehearsal is `costs[n][stage]`, n the listed clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sonify.rehearsal.measuring import Cost
from sonify.rehearsal.stages import BOUNDS, MB

# Peaks of one and the same job differ by this much from run to run: by when memory is given back.
NOISE_MB = 40.0
# Slopes are of rehearsals from this size on: in smaller ones not even one part of 256 clips of the
# scored split is full, and what a batch takes grows with them.
LEAST = 20_000

Costs = Mapping[int, Mapping[str, Cost]]


@dataclass(frozen=True)
class Growth:
    """The line through a stage's peaks over the clips that count for it, and its wall seconds.

    per_clip: bytes; fixed_mb: where it starts; s_per_clip: of the largest rehearsal.
    """

    stage: str
    per_clip: float
    fixed_mb: float
    s_per_clip: float

    def megabytes(self, n: int) -> float:
        """Return the peak that the line gives for `n` listed clips."""
        return self.fixed_mb + BOUNDS[self.stage].clips(n) * self.per_clip / MB

    def full_at(self, memory_mb: float) -> float:
        """Return the listed clips at which so much memory is full; infinite if it does not grow."""
        per_listed = BOUNDS[self.stage].clips(10**6) / 10**6 * self.per_clip / MB
        return (memory_mb - self.fixed_mb) / per_listed if per_listed > 0 else float("inf")


def growth(costs: Costs) -> dict[str, Growth]:
    """Fit a line to each stage that was measured with two numbers of clips from LEAST on."""
    found = {}
    for stage, bound in BOUNDS.items():
        points = {n: costs[n][stage] for n in _large(costs, stage)}
        if len(points) < 2:
            continue
        x = [bound.clips(n) for n in points]
        y = [cost.peak_mb for cost in points.values()]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        slope /= sum((a - mean_x) ** 2 for a in x)
        most = max(points)
        seconds = points[most].wall_s / most
        found[stage] = Growth(stage, slope * MB, mean_y - slope * mean_x, seconds)
    return found


def faults(costs: Costs) -> list[str]:
    """Return a sentence for each stage that held more than its bound, or grew faster."""
    said = []
    for n, stages in sorted(costs.items()):
        for stage, cost in stages.items():
            most = BOUNDS[stage].megabytes(n)
            if cost.peak_mb > most:
                said.append(
                    f"{stage} held {cost.peak_mb:,.0f} MB with {n:,} clips, of {most:,.0f} that "
                    f"its bound ({_bound(stage)}) leaves it"
                )
    for stage in BOUNDS:
        sizes = _large(costs, stage)
        if len(sizes) < 2:
            continue
        few, many = sizes[0], sizes[-1]
        rise = costs[many][stage].peak_mb - costs[few][stage].peak_mb
        allowed = BOUNDS[stage].megabytes(many) - BOUNDS[stage].megabytes(few)
        if rise > allowed + NOISE_MB:
            said.append(
                f"{stage} grew by {rise:,.0f} MB from {few:,} to {many:,} clips, of "
                f"{allowed:,.0f} that its bound ({_bound(stage)}) leaves it"
            )
    return said


def first_to_break(costs: Costs, memory_mb: float) -> str:
    """Say what would break first with ten times as many clips, by the lines."""
    lines = growth(costs)
    if not lines:
        return f"Nothing can be said of more before two numbers of clips from {LEAST:,} on are run."
    n = 10 * max(costs)
    order = sorted(lines.values(), key=lambda line: line.full_at(memory_mb))
    first, slowest = order[0], max(lines.values(), key=lambda line: line.s_per_clip)
    most = max(lines.values(), key=lambda line: line.megabytes(n))
    breaks = f"this machine's {memory_mb / 1000:,.0f} GB are full first in the stage {first.stage}"
    at = first.full_at(memory_mb)
    when = f"with {at / 1e6:,.1f} million clips" if at < 1e12 else "never"
    return (
        f"With ten times as many clips, {n:,}, the stage {most.stage} would hold most, "
        f"{most.megabytes(n) / 1000:,.1f} GB; {breaks}, {when}. {slowest.stage} takes longest: "
        f"{slowest.s_per_clip * n / 3600:,.1f} hours by then, if time grows as the clips do."
    )


def _large(costs: Costs, stage: str) -> list[int]:
    return sorted(n for n, stages in costs.items() if stage in stages and n >= LEAST)


def _bound(stage: str) -> str:
    bound = BOUNDS[stage]
    return f"{bound.fixed_mb} MB and {bound.per_clip:,} bytes a clip"
