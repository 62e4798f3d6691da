"""Estimate how much longer a run will take, from the durations of its jobs and of earlier runs'.

A rule's jobs are expected to take what its finished jobs took, or what earlier runs recorded,
corrected by how much faster or slower this run is. Jobs of rules that were never timed are counted,
not guessed.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

RECORDS = Path("results/benchmarks")
COMPARED = 5  # jobs whose kind an earlier run has timed, before both are compared
# Rules that only name what is to be made.
TARGETS = ("all", "data", "training", "sonification", "evaluation", "reporting", "beyond")


@dataclass
class _Job:
    rule: str
    kind: str
    started: float
    took: float | None = None


class TimeLeft:
    """The time that is left of a run, from reports of its events; `clock` is in seconds."""

    def __init__(
        self, records: Path = RECORDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self.clock = records, clock
        self.planned: dict[str, int] = {}
        self.earlier: dict[str, list[float]] = {}
        self.jobs: dict[int, _Job] = {}

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Note how many jobs of each rule there will be, and what earlier runs wrote down."""
        left_out = ("total", *TARGETS)
        self.planned = {rule: n for rule, n in jobs.items() if rule not in left_out}
        self.earlier = _read(self.folder)

    def start(self, job: int, rule: str, logs: Sequence[str] = ()) -> None:
        """Note that a job begins; its cost is written down under the name of its first log."""
        self.jobs[job] = _Job(rule, _kind(Path(logs[0])) if logs else rule, self.clock())

    def end(self, job: int) -> None:
        """Note that a job has ended."""
        if job in self.jobs:
            self.jobs[job].took = self.clock() - self.jobs[job].started

    def estimate(self) -> tuple[float, int]:
        """Return the seconds left, and the number of jobs left that these do not count.

        The former are what is left to compute over how many jobs there have been at a time, and no
        less than what the longest of them takes.
        """
        now, pace = self.clock(), self._pace()
        left: list[float] = []
        unknown = 0
        for rule, planned in self.planned.items():
            own = [job for job in self.jobs.values() if job.rule == rule]
            running = [job for job in own if job.took is None]
            waiting = max(planned - len(own), 0)
            usual = self._usual(rule, own, pace)
            if usual is None:
                unknown += waiting + len(running)
                continue
            for job in running:
                earlier = self.earlier.get(job.kind)
                takes = pace * fmean(earlier) if earlier else usual
                left.append(max(takes - (now - job.started), 0.0))
            left += [usual] * waiting
        if not left:
            return 0.0, unknown
        return max(sum(left) / min(self._at_once(now), len(left)), max(left)), unknown

    def _pace(self) -> float:
        """Return the factor by which jobs take longer in this run than in earlier ones."""
        both = [
            (job.took, fmean(self.earlier[job.kind]))
            for job in self.jobs.values()
            if job.took is not None and job.kind in self.earlier
        ]
        now, earlier = (sum(pair[i] for pair in both) for i in (0, 1))
        return now / earlier if len(both) >= COMPARED and now and earlier else 1.0

    def _usual(self, rule: str, own: Sequence[_Job], pace: float) -> float | None:
        """Seconds of a job of a rule that has not begun; None if no job of the rule was timed.

        By earlier runs, the mean of what they had and this one has not begun; `own` are its jobs.
        """
        begun = Counter(job.kind for job in own)
        earlier = {kind: some for kind, some in self.earlier.items() if rule in _rules(kind)}
        waiting = [
            mean
            for kind, some in earlier.items()
            for mean in [fmean(some)] * (len(some) - begun[kind])
        ]
        ended = [job.took for job in own if job.took is not None]
        if ended and not waiting:
            return fmean(ended)
        every = [s for some in earlier.values() for s in some]
        return pace * fmean(waiting or every) if every else None

    def _at_once(self, now: float) -> float:
        """Return how many jobs have run at a time, on average; at least 1."""
        first = min((job.started for job in self.jobs.values()), default=now)
        busy = sum(now - j.started if j.took is None else j.took for j in self.jobs.values())
        return max(busy / (now - first), 1.0) if now > first else 1.0


def in_words(seconds: float, uncounted: int) -> str:
    """Return the estimate as text, no finer than it is known: `about 12 min left`.

    With jobs that it does not count it is only the least: a first run's are many, and long.
    """
    minutes = round(seconds / 60)
    jobs = "1 job was" if uncounted == 1 else f"{uncounted} jobs were"
    if minutes < 1:
        return f"time left not known: {jobs} never timed" if uncounted else "under a minute left"
    if minutes < 60:
        time_left = f"{minutes} min left"
    else:
        hours, rest = divmod(5 * round(minutes / 5), 60)
        time_left = f"{hours} h {rest:02d} min left"
    return f"at least {time_left}: {jobs} never timed" if uncounted else f"about {time_left}"


def _kind(file: Path) -> str:
    """Return what the jobs of all seeds share, by the log or the record of one: <folder>/<name>."""
    return f"{file.parent.name}/{re.sub('-s[0-9]+', '', file.stem)}"


def _rules(kind: str) -> tuple[str, ...]:
    """Return what the rule of jobs of a kind may be called.

    As their folder; with the dataset, as prepare_fsd50k is; or as the job itself, which of tables
    has a number after it, where rules share a folder.
    """
    folder, _, name = kind.partition("/")
    if folder == "reporting":
        return name, name.partition("_")[0]
    return folder, f"{folder}_{name}"


def _read(folder: Path) -> dict[str, list[float]]:
    """Seconds of all records below `folder`, by kind; those cut short are left out."""
    found: dict[str, list[float]] = {}
    for file in sorted(folder.glob("*/*.tsv")):
        rows = file.read_text(encoding="utf-8").splitlines()
        try:
            seconds = dict(zip(*(row.split("\t") for row in rows[:2]), strict=True))["s"]
            found.setdefault(_kind(file), []).append(float(seconds))
        except (KeyError, TypeError, ValueError):
            continue
    return found
