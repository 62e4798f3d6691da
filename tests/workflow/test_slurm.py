"""The smoke run on a Slurm cluster of this machine, where jobs are lost: `pytest -m slurm`.

Nothing of this is in the other runs of the tests: it needs Slurm, and takes as long as every job
takes to start two Pythons more. With `-s` it prints which jobs had to be run again, and how.
"""

import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import slurm
from checkouts import Workflow, digests, fresh_checkout

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(4 * 3_600)]
LITTLE_MB = 500  # too little to mine in; twice that is enough
TARGET = os.environ.get("SONIFY_SLURM_TARGET", "all")  # a stage takes less time


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if lacks := slurm.missing():
        pytest.skip(lacks)
    with slurm.Cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, snakemake) -> Workflow:
    """A workflow in which mining asks for too little."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "work").mkdir()
    workflow = Workflow(folder / "work", fresh_checkout(folder / "checkout"), snakemake)
    asked = "asked(lambda w: needs.mining(w.model))"  # by the rule mine, and after it by render
    little = asked.replace("needs.mining(w.model)", f"type(needs.mining(w.model))({LITTLE_MB}, 60)")
    workflow.edit("workflow/rules/sonification.smk", asked, little)
    return workflow


@pytest.fixture(scope="module")
def alone(request, tmp_path_factory, snakemake) -> Workflow:
    """The same without Slurm."""
    if TARGET == "all":
        return request.getfixturevalue("finished_run")
    folder = tmp_path_factory.mktemp("alone")
    (folder / "work").mkdir()
    workflow = Workflow(folder / "work", fresh_checkout(folder / "checkout"), snakemake)
    workflow(TARGET)
    return workflow


def begun(workflow: Workflow, cluster: slurm.Cluster) -> subprocess.Popen:
    """`make run ARGS="--workflow-profile profiles/slurm"`, on the cluster and in a hurry."""
    command = [
        *(sys.executable, "-m", "snakemake", TARGET, "--logger", "sonify"),
        *("--snakefile", str(workflow.checkout / "Snakefile")),
        *("--configfile", str(workflow.checkout / "workflow/configs/smoke.yaml")),
        *("--workflow-profile", str(workflow.checkout / "profiles/slurm")),
        *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"),
    ]
    spec = find_spec(slurm.PLUGIN)
    assert spec is not None and spec.origin is not None
    found = [workflow.checkout / "src", Path(spec.origin).parents[1]]
    environment = {**cluster.environment, "PYTHONPATH": os.pathsep.join(map(str, found))}
    with (workflow.folder / "said").open("w") as said:
        options = {"cwd": workflow.folder, "env": environment, "stdout": said, "stderr": said}
        return subprocess.Popen(command, **options)


@pytest.fixture(scope="module")
def run(cluster, elsewhere) -> list[slurm.Job]:
    """The Slurm jobs of a whole run of which one was killed."""
    process, killed = begun(elsewhere, cluster), None
    try:
        while process.poll() is None:
            time.sleep(1)
            training = [job for job in cluster.jobs() if job.name.startswith("rule_train_")]
            if not killed and (job := next((j for j in training if j.state == "RUNNING"), None)):
                time.sleep(5)
                cluster.kill(killed := job)
    finally:
        process.kill()
    assert process.returncode == 0, (elsewhere.folder / "said").read_text()[-5_000:]
    assert killed
    jobs = cluster.jobs()
    print(*log(jobs, killed), sep="\n")
    assert next(job.state for job in jobs if job.number == killed.number) != "COMPLETED"
    return jobs


def tries(jobs: list[slurm.Job], rule: str = "") -> dict[str, list[slurm.Job]]:
    """The Slurm jobs of each job of the workflow, in turn."""
    found = defaultdict(list)
    for job in jobs:
        if job.name.startswith(f"rule_{rule}"):
            found[job.name].append(job)
    return found


def log(jobs: list[slurm.Job], killed: slurm.Job) -> Iterator[str]:
    """What the run was, in lines: jobs, nodes, and every job that was more than one of Slurm."""
    nodes = Counter(job.node for job in jobs)
    on = " and ".join(f"{count} on {node}" for node, count in sorted(nodes.items()))
    yield f"\n{len(tries(jobs))} jobs of the workflow were {len(jobs)} of Slurm, {on}"
    for name, same in tries(jobs).items():
        if len(same) > 1:
            each = (
                f"{job.number} with {job.mem_mb} MB {job.state}"
                f"{' (killed here)' if job.number == killed.number else ''}"
                for job in same
            )
            yield f"{name}: {', '.join(each)}"


def test_every_job_was_one_of_slurm_and_ended_well(run, elsewhere):
    planned = elsewhere.planned("--forceall", TARGET)
    planned.pop(TARGET)
    last = [same[-1].state for same in tries(run).values()]
    assert last == ["COMPLETED"] * sum(planned.values())


def test_a_job_that_was_killed_was_run_again(run, elsewhere):
    killed = [same for same in tries(run, "train_").values() if len(same) > 1]
    assert len(killed) == 1
    first, second = killed[0]
    assert second.mem_mb == 2 * first.mem_mb
    said = (elsewhere.folder / "said").read_text()
    assert f"SLURM-job '{first.number}' failed" in said and "failed: train " in said


def test_jobs_that_ran_out_of_memory_got_twice_as_much(run, elsewhere):
    mined = tries(run, "mine_")
    assert mined
    for same in mined.values():
        assert [job.mem_mb for job in same] == [LITTLE_MB * 2**n for n in range(len(same))]
        assert len(same) > 1
    assert "memory limit" in (elsewhere.folder / "said").read_text()


def test_tables_and_weights_are_those_of_a_run_on_this_machine_alone(run, elsewhere, alone):
    expected, found = digests(alone.folder), digests(elsewhere.folder)
    assert found.keys() == expected.keys() and len(found) > 10
    assert [name for name in found if found[name] != expected[name]] == []
