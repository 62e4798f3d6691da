"""A calm console for Snakemake: one line per finished job, and every error in full.

Snakemake finds it by its name (`snakemake --logger sonify`; `make run` does that). Jobs print their
own progress and outcome; this adds how many of all jobs are done, and how long each took.
"""

import logging
import sys
import time
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

# What Snakemake says outside its events that a reader needs.
TOLD = ("Nothing to be done",)
# What it says on top of a job's own error, of no use to a reader.
ECHOES = ("RuleException:\nCalledProcessError", "WorkflowError:\nAt least one job did not complete")


class LogHandler(LogHandlerBase):
    """Prints `[12/61] train contrastive-s0, 35 s` when a job ends."""

    def __post_init__(self) -> None:
        self.jobs: dict[int, tuple[str, float]] = {}
        self.ended: list[str] = []

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, if it is one that a reader needs."""
        line = self._line(record)
        if line:
            # In one write: others write to the console too, and would come before the line end.
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def _line(self, record: Any) -> str | None:
        # Snakemake adds fields of its own to its records.
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            # The start, though jobs of one batch are announced a moment before they begin.
            self.jobs[record.jobid] = (_name(record), time.monotonic())
            return None
        if event == LogEvent.JOB_FINISHED:
            name, started = self.jobs.get(record.job_id, ("job", time.monotonic()))
            self.ended.append(f"{name}, {time.monotonic() - started:.0f} s")
            return None
        if event == LogEvent.PROGRESS:
            ended, self.ended = self.ended, []
            width = len(str(record.total))
            return "\n".join(f"[{record.done:{width}}/{record.total}] {job}" for job in ended)
        if event == LogEvent.JOB_ERROR:
            name, _ = self.jobs.get(record.jobid, (record.rule_name, 0))
            log = ", ".join(record.log) if record.log else "none"
            return f"failed: {name}; its log: {log}"
        if record.levelno >= logging.WARNING or (event is None and _told(record)):
            message = record.getMessage()
            return None if message.startswith(ECHOES) else message
        return None


def _name(record: Any) -> str:
    """A job as a person would call it: its rule and what tells it from the rule's other jobs."""
    what = dict(record.wildcards or {})
    if "run" in what and "seed" in what:
        what = {"model": f"{what['run']}-s{what['seed']}"}
    return " ".join([record.rule_name.replace("_", " "), *map(str, what.values())])


def _told(record: logging.LogRecord) -> bool:
    return record.getMessage().startswith(TOLD)
