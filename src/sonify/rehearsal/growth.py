"""Judge how the memory of stages grows with the number of clips, and name what would break first.

A rehearsal is `costs[n][stage]`, n the listed clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from sonify.rehearsal.measuring import Cost
from sonify.rehearsal.stages import BOUNDS, MB, Bound

# Peaks of one and the same job differ by this much from run to run: by when memory is given back.
NOISE_MB = 20.0
# Rises are judged from this size on. In smaller rehearsals not one part of the scored split is
# full, and what a part takes grows with them: see `sizes.full_parts`.
LEAST = 20_000

Costs = Mapping[int, Mapping[str, Cost]]


@dataclass(frozen=True)
class Rise:
    """The rise of a stage's peak from `few` to `many` listed clips, neighbouring sizes."""

    stage: str
    few: int
    many: int
    megabytes: float

    @property
    def bound(self) -> Bound:
        """The bound of the stage."""
        return BOUNDS[self.stage]

    @property
    def allowed_mb(self) -> float:
        """Return the rise that the bound's bytes a clip allow."""
        return self.bound.megabytes(self.many) - self.bound.megabytes(self.few)

    @property
    def per_clip(self) -> float:
        """Return the bytes for each further clip that counts; 0 if none does."""
        further = self.bound.clips(self.many) - self.bound.clips(self.few)
        return self.megabytes * MB / further if further else 0.0


@dataclass(frozen=True)
class Line:
    """The line through a stage's last two sizes, and its processor seconds for each listed clip."""

    last: Rise
    peak_mb: float
    s_per_clip: float

    def megabytes(self, n: int) -> float:
        """Return the peak that the line gives for `n` listed clips, of which no more take less."""
        more = self.last.bound.clips(n) - self.last.bound.clips(self.last.many)
        return self.peak_mb + more * max(0.0, self.last.per_clip) / MB

    def full_at(self, memory_mb: float) -> float:
        """Return the listed clips at which so much memory is full; infinite if it does not grow."""
        share = self.last.bound.clips(10**6) / 10**6
        slope = share * max(0.0, self.last.per_clip) / MB
        return self.last.many + (memory_mb - self.peak_mb) / slope if slope else float("inf")


def rises(costs: Costs, stage: str) -> list[Rise]:
    """Return the rises of a stage between neighbouring sizes from LEAST on."""
    peaks = {n: stages[stage].peak_mb for n, stages in costs.items() if stage in stages}
    sizes = sorted(n for n in peaks if n >= LEAST)
    return [Rise(stage, few, many, peaks[many] - peaks[few]) for few, many in pairwise(sizes)]


def line(costs: Costs, stage: str) -> Line | None:
    """Return the line through the last two sizes of a stage; None with fewer."""
    if not (found := rises(costs, stage)):
        return None
    last = found[-1]
    cost = costs[last.many][stage]
    return Line(last, cost.peak_mb, cost.cpu_s / last.many)


def verdict(costs: Costs, stage: str) -> str:
    """Say in a word whether all rises of a stage are within its bound's bytes a clip; "so far" if
    it has not been run with the largest number of clips."""
    found = rises(costs, stage)
    if not found:
        return "—"
    over = max(rise.megabytes - rise.allowed_mb for rise in found)
    word = "yes" if over <= 0 else "within the noise" if over <= NOISE_MB else "no"
    return word if found[-1].many == max(costs) else f"{word}, so far"


def faults(costs: Costs) -> list[str]:
    """Return a sentence for each stage that held more than its bound, or grew faster."""
    said = []
    for n, stages in sorted(costs.items()):
        for stage, cost in stages.items():
            most = BOUNDS[stage].megabytes(n)
            if cost.peak_mb > most:
                said.append(
                    f"{stage} held {cost.peak_mb:,.0f} MB with {n:,} clips, more than the "
                    f"{most:,.0f} MB that its bound ({_bound(stage)}) allows"
                )
    for stage in BOUNDS:
        for rise in rises(costs, stage):
            if rise.megabytes > rise.allowed_mb + NOISE_MB:
                said.append(
                    f"{stage} grew by {rise.megabytes:,.0f} MB from {rise.few:,} to {rise.many:,} "
                    f"clips, more than the {rise.allowed_mb:,.0f} MB that its bound "
                    f"({_bound(stage)}) allows"
                )
    return said


def first_to_break(costs: Costs, memory_mb: float) -> str:
    """Say what would break first with ten times as many clips, by the lines of all stages.

    Nothing is said before every stage has been run with the largest number of clips and another:
    one that was not might be the first.
    """
    lines = {stage: found for stage in BOUNDS if (found := line(costs, stage))}
    most = max(costs, default=0)
    if left := [stage for stage in BOUNDS if stage not in lines or lines[stage].last.many < most]:
        return (
            f"Nothing can be said before all {len(BOUNDS)} stages have been run with the largest "
            f"number of clips and another one of at least {LEAST:,}: {', '.join(left)} have not."
        )
    n = 10 * most
    first, slowest, largest = (
        min(lines, key=lambda stage: lines[stage].full_at(memory_mb)),
        max(lines, key=lambda stage: lines[stage].s_per_clip),
        max(lines, key=lambda stage: lines[stage].megabytes(n)),
    )
    at = lines[first].full_at(memory_mb)
    memory = f"this machine's {memory_mb / 1000:,.0f} GB"
    filled = (
        f"{first} would be the first to fill {memory}, with {at / 1e6:,.1f} million clips"
        if at < 1e12
        else f"no number of clips would fill {memory}"
    )
    return (
        f"Of all {len(BOUNDS)} stages, each run with {most:,} clips, {largest} would take most "
        f"memory with ten times as many, {lines[largest].megabytes(n) / 1000:,.1f} GB; {filled}. "
        f"{slowest} would take longest: {lines[slowest].s_per_clip * n / 3600:,.1f} processor "
        "hours with ten times as many, if time grows in proportion to the clips."
    )


def _bound(stage: str) -> str:
    bound = BOUNDS[stage]
    return f"{bound.fixed_mb} MB and {bound.per_clip:,} bytes a clip"
