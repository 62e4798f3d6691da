"""The console of `make run`, and how scripts fail."""

import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_sonify as plugin
from sonify.runtime import jobs


@pytest.fixture
def console(capsys):
    handler = plugin.LogHandler(SimpleNamespace(), None)

    def emit(level: int = logging.INFO, message: str | None = None, **extra) -> str:
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        record.__dict__.update(extra)
        handler.emit(record)
        return capsys.readouterr().err

    return emit


def started(jobid: int, rule: str, **wildcards) -> dict:
    return {"event": LogEvent.JOB_INFO, "jobid": jobid, "rule_name": rule, "wildcards": wildcards}


def test_a_finished_job_is_one_line_with_the_count(console):
    assert console(**started(7, "train", run="contrastive", seed="0")) == ""
    assert console(event=LogEvent.JOB_FINISHED, job_id=7) == ""
    line = console(event=LogEvent.PROGRESS, done=5, total=61)
    assert line == "[ 5/61] train contrastive-s0, 0 s\n"


def test_a_failed_job_names_its_log(console):
    console(**started(3, "prepare_fsd50k"))
    line = console(
        logging.ERROR, "x", event=LogEvent.JOB_ERROR, jobid=3, rule_name="r", log=["a.log"]
    )
    assert line == "failed: prepare fsd50k; its log: a.log\n"


def test_a_job_that_is_tried_again_is_named(console):
    console(**started(3, "mine", model="contrastive-s0"))
    again = "tried again: mine contrastive-s0\n"
    assert console(message="Trying to restart job 3.") == again


def test_a_job_that_failed_elsewhere_tells_the_last_error_of_its_logs(console, tmp_path):
    own, scheduler = tmp_path / "train.log", tmp_path / "14.log"
    own.write_text("epoch 1\nan error that was overcome\nerror: no clip has this label\nbye\n")
    killed = "slurmstepd-node2: error: Exceeded job memory limit"
    scheduler.write_text(f"{killed}\nsrun: error: node2: task 0: Killed\nError in rule train:\n")
    failed = {"event": LogEvent.JOB_ERROR, "jobid": 3, "rule_name": "train"}
    message = "SLURM-job '14' failed, SLURM status is: 'FAILED'."

    def told(*logs) -> list[str]:
        advice = "Detailed failure reason unavailable (x).For further error details see the logs."
        record = {**failed, "log": [*map(str, logs)], "rule_msg": f"{message} {advice}"}
        line = console(logging.ERROR, "x", **record)
        return line.splitlines()[1:]

    assert told(own, scheduler) == [f"  {message}", "  error: no clip has this label"]
    own.write_text("epoch 1\n")
    assert told(own, scheduler)[1:] == [f"  {killed}"]
    assert told(own, tmp_path / "nowhere") == [f"  {message}"]


def test_only_what_a_reader_needs_is_told(console):
    assert console(message="Building DAG of jobs...") == ""
    assert "Nothing to be done" in console(message="Nothing to be done (all present).")
    assert console(logging.WARNING, "disk is full") == "disk is full\n"
    echo = "RuleException:\nCalledProcessError in file ..."
    assert console(logging.ERROR, echo, event=LogEvent.ERROR) == ""
    assert console(logging.ERROR, "what went wrong", event=LogEvent.ERROR) == "what went wrong\n"


def test_scripts_end_on_bad_input_with_one_sentence():
    from sonify.training.schedule import learning_rate

    with pytest.raises(SystemExit, match=r"^error: warm-up of 2 steps does not fit into 1 steps$"):
        jobs.run(lambda: learning_rate(0, 1, 2, 0.1))
    with pytest.raises(SystemExit, match="error: No such file or directory: nowhere"):
        jobs.run(lambda: open("nowhere"))  # noqa: SIM115, PTH123
    with pytest.raises(ZeroDivisionError):  # a fault of ours keeps its traceback
        jobs.run(lambda: 1 / 0)


def test_settings_are_read_as_json():
    args = jobs.parser("x").parse_args(["--settings", '{"a": [1, null]}', "--threads", "2"])
    assert args.settings == {"a": [1, None]} and args.threads == 2
