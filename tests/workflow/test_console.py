"""The console of `make run`, and how scripts fail."""

import logging
from collections import Counter
from types import SimpleNamespace

import alive
import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_sonify as plugin
from snakemake_logger_plugin_sonify.time_left import TimeLeft, _rules, in_words
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


@pytest.fixture
def timed(monkeypatch, tmp_path, capsys):
    """A console whose clock stands at `clock.now`, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(plugin.time, "monotonic", lambda: clock.now)
    handler = plugin.LogHandler(SimpleNamespace(), None)
    handler.left = TimeLeft(clock=lambda: clock.now)

    def emit(**extra) -> str:
        record = logging.LogRecord("snakemake", logging.INFO, "", 0, None, None, None)
        record.__dict__.update(extra)
        handler.emit(record)
        return capsys.readouterr().err

    return clock, emit


def test_once_a_tenth_is_done_the_time_left_is_told_now_and_then(timed):
    clock, emit = timed
    assert emit(event=LogEvent.RUN_INFO, stats={"train": 40, "all": 1, "total": 41}) == ""
    said = []
    for job in range(40):  # one at a time, of half a minute each
        emit(**started(job, "train", run="r", seed=str(job)))
        clock.now += 30
        emit(event=LogEvent.JOB_FINISHED, job_id=job)
        said.append(emit(event=LogEvent.PROGRESS, done=job + 1, total=41))
    assert said[3] == "[ 4/41] train r-s3, 30 s\n", "not a tenth yet"
    assert said[4] == "[ 5/41] train r-s4, 30 s; about 18 min left\n", "of 35 jobs"
    assert said[37].endswith("; about 1 min left\n") and said[39].endswith(
        "; under a minute left\n"
    )
    clock.now += 15
    emit(event=LogEvent.JOB_FINISHED, job_id=0)
    assert "left" not in emit(event=LogEvent.PROGRESS, done=40, total=41), "so soon after the last"
    clock.now += 15
    emit(event=LogEvent.JOB_FINISHED, job_id=0)
    assert "left" not in emit(event=LogEvent.PROGRESS, done=41, total=41), "all done"


def test_a_failed_job_names_its_log(console):
    console(**started(3, "prepare_fsd50k"))
    line = console(
        logging.ERROR, "x", event=LogEvent.JOB_ERROR, jobid=3, rule_name="r", log=["a.log"]
    )
    assert line == "failed: prepare fsd50k; its log: a.log\n"


def test_a_job_that_ends_because_the_run_is_told_to_has_not_failed(console, monkeypatch):
    assert plugin.TOLD == alive.TOLD
    console(**started(3, "train", run="contrastive", seed="0"))
    monkeypatch.setenv(plugin.TOLD, "SIGTERM")
    failed = {"event": LogEvent.JOB_ERROR, "jobid": 3, "rule_name": "train", "log": ["a.log"]}
    line = console(logging.ERROR, "x", **failed)
    assert line == "ended with the run, and goes on with the next: train contrastive-s0\n"


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

    with pytest.raises(SystemExit, match=r"^error: warm-up of 2 steps does not fit into 1 step$"):
        jobs.run(lambda: learning_rate(0, 1, 2, 0.1))
    with pytest.raises(SystemExit, match="error: No such file or directory: nowhere"):
        jobs.run(lambda: open("nowhere"))  # noqa: SIM115, PTH123
    with pytest.raises(ZeroDivisionError):  # a fault of ours keeps its traceback
        jobs.run(lambda: 1 / 0)


def test_settings_are_read_as_json():
    args = jobs.parser("x").parse_args(["--settings", '{"a": [1, null]}', "--threads", "2"])
    assert args.settings == {"a": [1, None]} and args.threads == 2


# --- the time left --------------------------------------------------------------------------------


class Run:
    """A run of fake jobs on some workers: told to `left` as they begin and end."""

    def __init__(self, left, clock, workers):
        self.left, self.clock, self.workers, self.free = left, clock, workers, [0.0] * workers

    def __call__(self, jobs, until=None):
        """Do (rule, name, seconds) in turn, each on the first free worker; return when all end."""
        events = []
        for number, (rule, name, seconds) in enumerate(jobs):
            begin = min(self.free)
            self.free[self.free.index(begin)] = begin + seconds
            log = f"results/logs/{rule}/{name}.log"
            events += [(begin, 1, number, rule, log), (begin + seconds, 0, number, rule, log)]
        for when, begins, number, rule, log in sorted(events):
            if until is not None and when > until:
                self.clock.now = until
                break
            self.clock.now = when
            self.left.start(number, rule, [log]) if begins else self.left.end(number)
        return max(self.free)


@pytest.fixture
def run(tmp_path):
    clock = SimpleNamespace(now=0.0)

    def make(jobs, workers=2, until=None, earlier=()):
        for rule, name, seconds in earlier:
            file = tmp_path / rule / f"{name}.tsv"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"s\tcpu_s\tpeak_mb\n{seconds:.2f}\t1.0\t1.0\n")
        left = TimeLeft(tmp_path, lambda: clock.now)
        stats = Counter(rule for rule, _, _ in jobs)
        left.plan({**stats, "all": 1, "total": len(jobs) + 1})
        end = Run(left, clock, workers)(jobs, until)
        return (*left.estimate(), end - clock.now)

    return make


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_jobs_alike_are_foreseen_to_the_second(run, workers):
    jobs = [("train", f"a-s{i}", 20) for i in range(100)]
    seconds, unknown, true = run(jobs, workers, until=200)
    assert unknown == 0 and seconds == pytest.approx(true, rel=0.01)


def test_kinds_that_were_never_timed_are_counted_and_not_guessed(run):
    jobs = [("train", f"a-s{i}", 20) for i in range(40)]
    jobs += [("score", f"a-s{i}", 2) for i in range(30)]
    seconds, unknown, true = run(jobs, until=300)
    assert unknown == 30 and seconds == pytest.approx(true - 30, abs=1)
    assert in_words(seconds, unknown) == "at least 2 min left: 30 jobs were never timed"
    assert in_words(8_000, 1) == "at least 2 h 15 min left: 1 job was never timed"
    assert in_words(0, 30) == "time left not known: 30 jobs were never timed"


def test_what_earlier_runs_took_counts_corrected_by_how_fast_this_one_is(run):
    """Long and short trainings, and a kind that this run has not come to: all as they were, times
    two and a half.
    """
    lengths = [40] * 10 + [4] * 30
    names = [f"long-s{i}" for i in range(10)] + [f"short-s{i}" for i in range(30)]
    jobs = [("train", name, 2.5 * s) for name, s in zip(names, lengths, strict=True)]
    jobs += [("score", f"a-s{i}", 2.5 * 7) for i in range(20)]
    earlier = [(rule, name, seconds / 2.5) for rule, name, seconds in jobs]
    without, unknown, true = run(jobs, until=450)
    assert unknown == 20 and without > 2 * true, "what ended were the long ones"
    seconds, unknown, true = run(jobs, until=450, earlier=earlier)
    assert unknown == 0 and seconds == pytest.approx(true, rel=0.03)


def test_the_longest_job_bounds_it_and_a_broken_record_does_not_count(run, tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "cut.tsv").write_text("s\tcpu")
    jobs = [("train", "long", 300), *(("train", f"b-s{i}", 1) for i in range(20))]
    seconds, _, true = run(jobs, until=100, earlier=[("train", "long", 300)])
    assert seconds == pytest.approx(true) == 200


def test_records_find_their_rules():
    """Folders are not always called as the rule is."""
    for record, rule in {
        "train/contrastive": "train",
        "prepare/fsd50k": "prepare_fsd50k",
        "prepare/speech_commands": "prepare_speech_commands",
        "gather/coherence": "gather",
        "reporting/table_A1": "table",
        "reporting/figure_B3": "figure_B3",
        "coherence_by_filter/contrastive": "coherence_by_filter",
    }.items():
        assert rule in _rules(record) and "coherence" not in _rules(record)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (8, "under a minute left"),
        (95, "about 2 min left"),
        (3_500, "about 58 min left"),
        (3_590, "about 1 h 00 min left"),
        (8_000, "about 2 h 15 min left"),
        (90_000, "about 25 h 00 min left"),
    ],
)
def test_the_time_left_is_told_no_finer_than_it_is_known(seconds, words):
    assert in_words(seconds, 0) == words
