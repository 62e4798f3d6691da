"""`make run`, disturbed: a real run of one job, which lasts until the test lets it end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from checkouts import ROOT, fresh_checkout

JOB = """
import os
import time
from pathlib import Path

from sonify.runtime.folders import whole_folder
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser("Wait, then write.")
    for name in ("--dataset", "--seed"):
        options.add_argument(name)
    options.add_argument("--out", type=Path)
    args = options.parse_args()
    with whole_folder(args.out) as out:
        Path("started").touch()
        while not Path("go").exists():
            time.sleep(0.02)
        (out / "corpus").write_text("whole")
    late = float(os.environ.get("LATE", "0"))
    if late:  # seen from another machine, the result is not there yet
        args.out.rename("later")
        if late < 30 and os.fork() == 0:
            for stream in (0, 1, 2):
                os.close(stream)
            time.sleep(late)
            os.rename("later", args.out)
            os._exit(0)


run(main)
"""
# A report plugin: what it is told of each job, a line of JSON each.
REPORTER = """
import json
import shlex
import sys

from snakemake_interface_report_plugins.reporter import ReporterBase


class Reporter(ReporterBase):
    def render(self):
        for record in self.jobs:
            told = {
                "rule": str(record.rule),
                "program": shlex.split(record.job.shellcmd)[0],
                "input": list(record.job.input),
                "output": list(record.output),
                "seconds": record.endtime - record.starttime,
            }
            sys.stderr.write(json.dumps(told) + "\\n")
"""
SMOKE = "workflow/configs/smoke.yaml"
TARGET = "results/data/raw/speech_commands-s0"
posix = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="the system has no /proc")


@pytest.fixture
def project(tmp_path) -> Path:
    """A clone of the project whose synthesis is that job."""
    folder = fresh_checkout(tmp_path / "project")
    shutil.copy2(ROOT / "Makefile", folder)
    (folder / "workflow" / "scripts" / "synthesise.py").write_text(JOB)
    return folder


def made(
    project: Path, question: str = "run", config: str = SMOKE, options: str = TARGET, **environment
) -> subprocess.Popen:
    """Start make in an environment that is set up."""
    command = ["make", "-o", "setup", question, f"VENV={sys.prefix}", f"ARGS={options}"]
    command += [f"CONFIG={config}"]
    unset = ("PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "XDG_CACHE_HOME")
    usual = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.Popen(
        command,
        cwd=project,
        env=usual | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where the tests run in the background of a shell, they ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def ended(run: subprocess.Popen, status: int | None = 0) -> list[str]:
    """What it printed, once it has ended; status: None if any but 0 is right."""
    printed, _ = run.communicate(timeout=120)
    assert (run.returncode == status) if status is not None else run.returncode, printed
    return [line for line in printed.splitlines() if not line.startswith("Using workflow specific")]


def until(true: Callable[[], bool]) -> None:
    """Wait for it, two minutes at most."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def at_work(folder: Path) -> list[int]:
    """The processes that are in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if place.readlink() == folder:
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.slow
@posix
def test_a_second_run_is_told_so_and_sigterm_to_make_ends_all_of_the_first(project):
    first = made(project)
    until((project / "started").exists)
    said = ended(made(project), None)
    assert said[:-1] == [
        "error: another run is making the same files here: wait until it has ended, or end it, and "
        "run again"
    ]
    for option in ("-n", "-np"):  # looks, whoever is at work
        said = ended(made(project, options=f"{TARGET} {option}"))
        beside = [line for line in said if line.startswith("another run is going on here")]
        assert len(beside) == 1 and not [line for line in said if "rror" in line], said
        assert "Job stats:" in said and any(line.startswith("synthesise") for line in said), said
    said = ended(made(project, "why", options=TARGET))
    assert said and not [line for line in said if "rror" in line], said
    first.send_signal(signal.SIGTERM)
    said = ended(first, None)
    assert not [line for line in said if "Traceback" in line or line.startswith("failed")], said
    told = "ended with the run, and goes on with the next: synthesise speech_commands 0"
    assert told in said
    until(lambda: not at_work(project))
    assert not (project / TARGET).exists()
    (project / "go").touch()
    again = ended(made(project))
    assert (project / TARGET / "corpus").read_text() == "whole", again
    assert not list((project / "results").rglob(".*.partial"))


@pytest.mark.slow
@posix
@pytest.mark.parametrize("alone", ["make", "snakemake"])
def test_sigint_to_make_or_snakemake_alone_ends_all(project, alone):
    """As process managers send it, and notebooks; more than once, if it takes long."""
    run = made(project)
    until((project / "started").exists)
    [snakemake] = [p for p in at_work(project) if parent(p) == run.pid]
    told = time.monotonic()
    for _ in range(3):
        os.kill(run.pid if alone == "make" else snakemake, signal.SIGINT)
        time.sleep(0.3)
    until(lambda: set(at_work(project)) <= {run.pid, snakemake})
    assert time.monotonic() - told < 10, "jobs are waited for no longer than they take to end"
    said = [line for line in ended(run, None) if not line.startswith("make: ")]
    assert said == ["ended with the run, and goes on with the next: synthesise speech_commands 0"]
    assert not at_work(project) and not (project / TARGET).exists()
    (project / "go").touch()
    again = ended(made(project))
    assert (project / TARGET / "corpus").read_text() == "whole", again
    assert not list((project / "results").rglob(".*.partial"))


@pytest.mark.parametrize(
    ("question", "options"), [("run", TARGET), ("run", "-n"), ("why", ""), ("verify", "")]
)
def test_a_faulty_configuration_is_one_sentence_whatever_is_asked(project, question, options):
    (project / "my.yaml").write_text("training: {warmth: 3}\n")
    said = ended(made(project, question, config="my.yaml", options=options), None)
    said = [line for line in said if not line.startswith(("make: ", "Config file "))]
    assert said == ["error: config: unknown key 'warmth' in training: did you mean 'watch'?"]


@pytest.mark.parametrize(
    ("options", "looks"),
    [
        (TARGET, False),
        ("--reporter rocrate", True),
        ("--reporter=rocrate", True),
        ("--report results/report.zip", True),
        ("--report=report.zip", True),
        ("--report report.zip --report-after-run", False),
        ("--report=report.zip --report-after-run", False),
        ("--report report.zip --report-after-run -n", True),
        ("-np", True),
        ("--rulegraph=mermaid-js", True),
        ("--dag=dot", True),
        ("-D", True),
    ],
)
def test_what_only_looks_prepares_no_run_and_keeps_the_console_of_snakemake(options, looks):
    command = ["make", "-n", "-o", "setup", "run", f"VENV={sys.prefix}", f"ARGS={options}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ("--look " in told, "--logger sonify" not in told) == (looks, looks)


@pytest.mark.slow
def test_a_report_plugin_is_told_of_each_job_and_what_it_took_and_made(project):
    plugin = project / "src" / "snakemake_report_plugin_told"
    plugin.mkdir()
    (plugin / "__init__.py").write_text(REPORTER)
    (project / "go").touch()
    target = "results/data/raw/audioset-s0"  # its settings hold numbers with points
    ended(made(project, options=target))
    (project / "started").unlink()
    said = ended(made(project, options=f"--reporter=told {target}"))
    assert not (project / "started").exists(), said
    job = json.loads(next(line for line in said if line.startswith("{")))
    assert 0 < job.pop("seconds") < 100
    # A plugin that packs the scripts of a run takes a first word with a point for the name of one.
    assert job.pop("program") == "export"
    assert job == {"rule": "synthesise", "input": [], "output": [target]}


@pytest.mark.slow
def test_a_result_that_appears_late_is_waited_for(project):
    """As on a network file system, by which other machines see files some seconds later."""
    (project / "go").touch()
    ended(made(project, LATE="2"))
    assert (project / TARGET / "corpus").read_text() == "whole"


@pytest.mark.slow
def test_a_result_that_never_appears_is_named(project):
    (project / "go").touch()
    said = "\n".join(ended(made(project, LATE="99"), None))
    assert "Traceback" not in said and TARGET in said and "--latency-wait" in said
    ended(made(project))
    assert (project / TARGET / "corpus").read_text() == "whole"


def test_results_on_a_link_and_no_home_to_write_to(project, tmp_path):
    """Results lie where the link points to; what other programs cache lies in the project."""
    (tmp_path / "elsewhere").mkdir()
    (project / "results").symlink_to(tmp_path / "elsewhere")
    file = project / "workflow" / "proof.py"  # its inputs, none, are recorded as those of pages are
    file.write_text(file.read_text().replace("LONGEST = 40_000", "LONGEST = -1"))
    (project / "go").touch()
    home = {"HOME": "/proc/nowhere"}
    said = ended(made(project, **home))
    assert not [line for line in said if "rror" in line or "arning" in line], said
    assert (tmp_path / "elsewhere" / "data/raw/speech_commands-s0/corpus").read_text() == "whole"
    assert (project / ".snakemake" / "cache").is_dir()
    record = project / "results/provenance/inputs/data/raw/speech_commands-s0.json"
    assert json.loads(record.read_text())["inputs"] == {}
    intact = "1 intact, 0 stale, 0 missing, 0 foreign, 0 damaged"
    alone = "Of the targets alone: whether other files are foreign was not looked at"
    assert ended(made(project, "verify", **home)) == [intact, alone]
