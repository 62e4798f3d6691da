"""What jobs find around them."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import frozen
import pandas as pd
import pytest
import surroundings
import yaml
from surroundings import FEW_JOBS, shell_prefix, start_warm, stop_timers
from warm import THREADS, WORKFLOW, Warm, possible

from sonify.contracts import tables
from sonify.plan.resources import Needs


def snakemake(jobs: int = FEW_JOBS, **changed):
    """What is asked of a workflow."""
    usual = {
        "is_main_process": True,
        "executor_plugin": SimpleNamespace(name="local"),
        "deployment_settings": SimpleNamespace(deployment_method=set()),
        "dag": SimpleNamespace(needrun_jobs=lambda: iter(range(jobs))),
    }
    return SimpleNamespace(**(usual | changed))


def test_a_gpu_that_is_not_there_is_missed_before_any_job(monkeypatch):
    def jobs(gpu: int):
        return SimpleNamespace(needrun_jobs=lambda: [SimpleNamespace(resources={"gpu": gpu})])

    asked: list[str] = []

    def answer(status: int):
        def run(command, check):
            asked.append(command[-1])
            return SimpleNamespace(returncode=status)

        return SimpleNamespace(run=run)

    monkeypatch.setattr(surroundings, "subprocess", answer(3))
    said = surroundings.missing_device("cuda", snakemake(dag=jobs(1)))
    assert said is not None and said.startswith("device is 'cuda', which this machine, or its")
    assert "torch.cuda.is_available()" in asked.pop()
    assert surroundings.missing_device("mps", snakemake(dag=jobs(1))) is not None
    assert "torch.backends.mps.is_available()" in asked.pop()
    for device, workflow in (
        ("auto", snakemake(dag=jobs(1))),
        ("cuda", snakemake(dag=jobs(0))),
        ("cuda", snakemake(dag=jobs(1), executor_plugin=SimpleNamespace(name="slurm"))),
    ):
        assert surroundings.missing_device(device, workflow) is None and not asked
    monkeypatch.setattr(surroundings, "subprocess", answer(0))
    assert surroundings.missing_device("cuda", snakemake(dag=jobs(1))) is None


@pytest.mark.parametrize(("there", "number"), [(None, 0), ("/usr/bin/nvidia-smi", 1)])
def test_a_job_asks_for_a_gpu_that_is_named_or_there(monkeypatch, there, number):
    monkeypatch.setattr(shutil, "which", lambda name: there)
    assert surroundings.gpus("auto") == number
    assert surroundings.gpus("cuda") == surroundings.gpus("mps") == 1
    assert surroundings.gpus("cpu") == 0


def test_a_job_that_failed_asks_for_twice_the_memory():
    resources = surroundings.asked(lambda wildcards: Needs(1_500, wildcards.minutes))
    some = SimpleNamespace(minutes=60)
    assert [resources["mem_mb"](some, attempt=n) for n in (1, 2, 3)] == [1_500, 3_000, 6_000]
    assert resources["runtime"](some) == 60


def test_a_placeholder_in_the_command_of_a_profile_is_refused():
    profile = yaml.safe_load((WORKFLOW.parent / "profiles/generic/config.yaml").read_text())
    command = profile["cluster-generic-submit-cmd"]
    resources = SimpleNamespace(
        _parsed_default_resources=profile["default-resources"], _parsed_overwrite_resources={}
    )

    def said(command: str) -> str | None:
        settings = SimpleNamespace(submit_cmd=command, status_cmd=None)
        given = {"resource_settings": resources, "executor_settings": settings}
        return surroundings.unfilled(SimpleNamespace(**given))

    assert (said(command) or "").startswith("the profile has submit_cmd: qsub -V -q <queue> ")
    assert said(command.replace("<queue>", "long")) is None
    assert said("sh <in >out 2>&1") is None, "a shell's redirections are no placeholders"


def test_more_processes_than_there_is_room_for_are_told_before_any_job(monkeypatch):
    def jobs(*rules: str):
        found = [SimpleNamespace(rule=SimpleNamespace(name=rule)) for rule in rules]
        return SimpleNamespace(needrun_jobs=lambda: found)

    def said(device: str, threads: int, processes: int, rule: str = "train", **changed):
        usual = {"cores": 4, "dag": jobs("mine", rule)} | changed
        return surroundings.too_many_processes(device, threads, processes, snakemake(**usual))

    assert said("cpu", 2, 2) is said("cpu", 8, 1) is said("cpu", 9, 9, rule="render") is None
    assert said("cpu", 9, 9, executor_plugin=SimpleNamespace(name="slurm")) is None
    assert said("cpu", 2, 3) == (
        "training.processes is 3 with 2 threads each, which are 6 processors, but this run has 4: "
        "lower it or threads, or raise --cores"
    )
    assert (said("cpu", 1, 5) or "").startswith("training.processes is 5 with 1 thread each, which")
    there = SimpleNamespace(run=lambda *_, **__: SimpleNamespace(stdout="2\n"))
    monkeypatch.setattr(surroundings, "subprocess", there)
    assert said("cuda", 8, 2) is None, "processors are not what a GPU waits for"
    few = "training.processes is 3, but PyTorch finds 2 GPUs here: lower it"
    assert said("cuda", 1, 3) == few
    monkeypatch.setattr(surroundings, "gpus", lambda device: 1)
    assert said("auto", 1, 3) == few
    there.run = lambda *_, **__: SimpleNamespace(stdout="1\n")
    assert said("cuda", 1, 3) == few.replace("2 GPUs", "1 GPU")
    there.run = lambda *_, **__: SimpleNamespace(stdout="0\n")
    assert said("auto", 1, 3) is None and "9 processors" in said("auto", 1, 9)
    assert said("cuda", 1, 2).startswith("training.processes is 2, but PyTorch finds 0 GPUs here")


def test_a_tool_that_is_to_show_trainings_is_missed_before_any_job(monkeypatch):
    def jobs(rule: str):
        return SimpleNamespace(
            needrun_jobs=lambda: [SimpleNamespace(rule=SimpleNamespace(name=rule))]
        )

    monkeypatch.setattr("sonify.training.watch.find_spec", lambda name: None)
    said = surroundings.missing_tool(["wandb"], snakemake(dag=jobs("train")))
    assert said == (
        "training.watch names wandb, which is not installed: pip install wandb, or leave it out"
    )
    elsewhere = snakemake(dag=jobs("train"), executor_plugin=SimpleNamespace(name="slurm"))
    assert surroundings.missing_tool(["wandb"], elsewhere) is None, "jobs have another environment"
    assert surroundings.missing_tool(["wandb"], snakemake(dag=jobs("score"))) is None
    assert surroundings.missing_tool([], snakemake(dag=jobs("train"))) is None


@pytest.fixture
def shell(tmp_path):
    """Run a command as Snakemake runs a job's."""

    def shell(command: str, **more: str) -> subprocess.CompletedProcess:
        whole = shell_prefix(snakemake()).format() + command
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), **more}
        del environment["PYTHONPATH"]
        return subprocess.run(
            ["bash", "-c", whole],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    (tmp_path / "results" / "logs" / "gather").mkdir(parents=True)
    return shell


GATHER = 'job results/logs/gather/a.log gather.py --table attrition --out "a b.parquet" --parts '


@pytest.fixture
def warm():
    warm = Warm("pandas", "pyarrow.parquet")
    if possible():
        warm.start()
        while not warm.socket.exists():
            assert warm.interpreter.poll() is None
    yield warm
    warm.stop()


def test_a_job_has_its_log_its_cost_and_its_status(shell, tmp_path, warm):
    row = {"dataset": "fsd50k", "corpus": "fsd50k-s0", "split": "val", "label": ""}
    part = pd.DataFrame([row | {"listed": 1, "obtained": 1, "used": 1, "rejected": 0}])
    tables.write(part, tmp_path / "part.parquet", "attrition")
    folder = str(warm.folder) if possible() else ""
    for found in ({}, {"SONIFY_WARM_FOLDER": folder}):
        done = shell(GATHER + "part.parquet", **found)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "a b.parquet").is_file()
        cost = tmp_path / "results" / "benchmarks" / "gather" / "a.tsv"
        seconds, processor, peak = map(float, cost.read_text().splitlines()[1].split("\t"))
        assert 0 < processor < 60 and 0 < seconds < 600 and 30 < peak < 2_000
        cost.unlink()
        failed = shell(GATHER + "nothing.parquet", **found)
        assert failed.returncode == 1 and not cost.exists()
        log = tmp_path / "results" / "logs" / "gather" / "a.log"
        assert "error: " in failed.stdout == log.read_text()


@pytest.mark.parametrize("fork", [True, False])
def test_a_job_of_a_run_refuses_code_that_was_edited_meanwhile(shell, tmp_path, warm, fork):
    """Even on this machine, where nothing of the run reads the workflow again."""
    (tmp_path / "done.py").write_text("print('done')")
    job = f"SCRIPTS={tmp_path}; job results/logs/gather/a.log done.py"
    where = {"SONIFY_WARM_FOLDER": str(warm.folder)} if fork and possible() else {}
    frozen.freeze({}, True, noted := {})
    unedited = shell(job, **where, **noted)
    assert (unedited.returncode, unedited.stdout) == (0, "done\n"), unedited.stderr
    begun = json.loads(noted[frozen.VARIABLE])
    (at,) = (i for i, name in enumerate(frozen._code(frozen.ROOT)) if name == "workflow/warm.py")
    marks = begun["files"][: 6 * at] + "edited" + begun["files"][6 * at + 6 :]
    begun |= {"code": "of a script that was edited", "files": marks}
    edited = shell(job, **where, **{frozen.VARIABLE: json.dumps(begun)})
    assert edited.returncode == 1
    assert edited.stdout == (
        "error: the code (workflow/warm.py) changed after this run began: let it stop, then run it "
        "again, which makes whatever the change affects\n"
    )
    assert (tmp_path / "results/logs/gather/a.log").read_text() == edited.stdout


def test_a_job_by_hand_has_its_status_too(shell, tmp_path):
    """A shell of one's own has no pipefail, and goes on."""
    (tmp_path / "seven.py").write_text("raise SystemExit(7)")
    job = "job results/logs/gather/a.log seven.py; echo $?"
    assert shell(f"set +euo pipefail; SCRIPTS={tmp_path}; {job}").stdout == "7\n"


def test_jobs_use_the_interpreter_that_runs_snakemake(shell):
    done = shell("type -P python; echo $SCRIPTS; echo $PYTHONPATH $MPLBACKEND", MPLBACKEND="other")
    found = [str(Path(sys.executable).parent / "python"), str(WORKFLOW / "scripts")]
    assert done.stdout.splitlines() == [*found, f"{WORKFLOW.parent / 'src'} agg"]
    deployed = snakemake(deployment_settings=SimpleNamespace(deployment_method={"conda"}))
    assert "PATH" not in shell_prefix(deployed)


def test_folders_of_the_workflow_and_of_python_may_have_any_name(shell, tmp_path, monkeypatch):
    here = tmp_path / 'my "$(touch ran)" `touch ran` \'and {x}'
    shutil.copytree(WORKFLOW / "scripts", here / "scripts")
    shutil.copy(WORKFLOW / "job.sh", here)
    monkeypatch.setattr(surroundings, "WORKFLOW", here)
    monkeypatch.setattr(sys, "executable", str(here / "python"))
    done = shell('echo "$SCRIPTS"; echo "${PATH%%:*}"; ls')
    assert done.stdout.splitlines() == [str(here / "scripts"), str(here), here.name, "results"]


@pytest.mark.parametrize(
    ("changed", "set_to", "starts"),
    [
        ({}, None, True),
        ({}, "second", True),
        ({}, "0", False),
        ({"jobs": FEW_JOBS - 1}, None, False),
        ({"is_main_process": False}, None, False),
        ({"executor_plugin": SimpleNamespace(name="slurm")}, None, False),
        ({"deployment_settings": SimpleNamespace(deployment_method={"conda"})}, None, False),
    ],
)
def test_jobs_are_forked_where_that_can_be_and_pays(monkeypatch, changed, set_to, starts):
    started = []
    warm = SimpleNamespace(start=lambda: started.append(True), folder="/tmp/sonify-x")
    monkeypatch.delenv("SONIFY_WARM", raising=False)
    monkeypatch.setenv("SONIFY_WARM_FOLDER", "")
    monkeypatch.setattr(surroundings, "possible", lambda: True)
    if set_to:
        monkeypatch.setenv("SONIFY_WARM", set_to)
    start_warm(warm, snakemake(**changed))
    assert bool(started) == starts
    assert os.environ["SONIFY_WARM_FOLDER"] == ("/tmp/sonify-x" if starts else "")


def test_no_timer_is_left_to_wait_for():
    started = [threading.Timer(600, lambda: None) for _ in range(2)]
    for timer in started:
        timer.start()
    stop_timers()
    for timer in started:
        timer.join(timeout=10)
        assert not timer.is_alive()
