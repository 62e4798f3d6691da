"""A concise console for Snakemake: one line per finished job, and every error in full.

Snakemake locates the plugin by name (`snakemake --logger sonify`, as in `make run`). Jobs print
their own progress and outcome; this adds the number of jobs done and the duration of each, and,
once a tenth of them is done, from time to time how long the rest will take.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_sonify.time_left import TimeLeft, in_words

# Beginnings of messages outside Snakemake's events that users need to see.
ESSENTIAL = ("Nothing to be done",)
OUR_ERROR = re.compile(r"(slurmstepd\S*: )?error: ")  # or Slurm's own, of those in a job's log
# Where executors begin to say that logs have more, of which the console shows the essence.
ADVICE = r"Detailed failure reason unavailable|For further error details"
AGAIN = re.compile(r"Trying to restart job (\d+)")
# Beginnings of messages that merely repeat a job's own error.
REDUNDANT = (
    "RuleException:\nCalledProcessError",
    "WorkflowError:\nAt least one job did not complete",
)
TOLD = "SONIFY_TOLD"  # set by workflow/alive.py once a signal ends the run
TENTH = 0.1  # of the jobs, before which nothing is said about the time left
PAUSE_S = 20.0  # between two times that something is
LOCKED = (
    "error: another run is making the same files here: wait until it has ended, or end it, and run "
    "again"
)


class LogHandler(LogHandlerBase):
    """Prints `[12/61] train contrastive-s0, 35 s` when a job ends."""

    def __post_init__(self) -> None:
        self.jobs: dict[int, tuple[str, float]] = {}
        self.ended: list[str] = []
        self.left, self.said = TimeLeft(), float("-inf")

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record if users need to see it."""
        line = self._line(record)
        if line:
            # In a single write, because other processes could write before the line ends.
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def _line(self, record: Any) -> str | None:
        # Snakemake adds its own fields to log records.
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            self.left.plan(record.stats)
            return None
        if event == LogEvent.JOB_INFO:
            # Approximates the start: jobs of a batch are announced shortly before they begin.
            self.jobs[record.jobid] = (_name(record), time.monotonic())
            self.left.start(record.jobid, record.rule_name, getattr(record, "log", None) or ())
            return None
        if event == LogEvent.JOB_FINISHED:
            self.left.end(record.job_id)
            name, started = self.jobs.get(record.job_id, ("job", time.monotonic()))
            self.ended.append(f"{name}, {time.monotonic() - started:.0f} s")
            return None
        if event == LogEvent.PROGRESS:
            ended, self.ended = self.ended, []
            width = len(str(record.total))
            lines = [f"[{record.done:{width}}/{record.total}] {job}" for job in ended]
            return "\n".join(lines) + self._time_left(record) if lines else None
        if event == LogEvent.JOB_ERROR:
            name, _ = self.jobs.get(record.jobid, (record.rule_name, 0))
            if TOLD in os.environ:
                return f"ended with the run, and goes on with the next: {name}"
            log = ", ".join(record.log) if record.log else "none"
            line = f"failed: {name}; its log: {log}"
            # A scheduler says what became of its job. What that printed was printed elsewhere.
            if message := getattr(record, "rule_msg", None):
                said = re.split(ADVICE, message)[0].strip()
                line = "\n".join([line, f"  {said}", *_last_error(record.log)])
            return line
        if event is None and (again := AGAIN.match(record.getMessage())):
            name, _ = self.jobs.get(int(again[1]), (f"job {again[1]}", 0.0))
            return f"tried again: {name}"
        if record.levelno >= logging.WARNING or (event is None and _is_essential(record)):
            message = record.getMessage()
            if message.startswith("LockException"):  # preflight has removed those of dead runs
                return LOCKED
            return None if message.startswith(REDUNDANT) else message
        return None

    def _time_left(self, record: Any) -> str:
        now = time.monotonic()
        done, total = record.done, record.total
        if not TENTH * total <= done < total or now - self.said < PAUSE_S:
            return ""
        self.said = now
        return f"; {in_words(*self.left.estimate())}"


def _name(record: Any) -> str:
    """A readable name for a job: its rule, and the wildcards that identify it."""
    wildcards = dict(record.wildcards or {})
    if "run" in wildcards and "seed" in wildcards:
        wildcards = {"model": f"{wildcards['run']}-s{wildcards['seed']}"}
    return " ".join([record.rule_name.replace("_", " "), *map(str, wildcards.values())])


def _last_error(logs: Iterable[str]) -> list[str]:
    """Return the last line with an error, in the first of a job's logs that has one, indented."""
    for log in logs:
        with suppress(OSError):
            lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
            said = [line for line in lines if OUR_ERROR.match(line)]
            if errors := said or [line for line in lines if "error" in line.lower()]:
                return [f"  {errors[-1].strip()}"]
    return []


def _is_essential(record: logging.LogRecord) -> bool:
    return record.getMessage().startswith(ESSENTIAL)
