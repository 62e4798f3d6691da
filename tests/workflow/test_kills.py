"""A run that is killed again and again ends with what an undisturbed one has."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from alive import RUN
from checkouts import ROOT, digests

KILLS = int(os.environ.get("SONIFY_KILLS", "20"))
# Files laid over config.yaml: none, "", is the miniature, of which a kill repeats a smaller share.
CONFIG = os.environ.get("SONIFY_KILLS_CONFIG", str(ROOT / "workflow/configs/smoke.yaml")).split()
SNAKEMAKE = [
    *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
    *(("--configfile", *CONFIG) if CONFIG else ()),
    *("--rerun-incomplete", "--workflow-profile", str(ROOT / "profiles/default")),
]


def begun(folder: Path) -> subprocess.Popen:
    """`make run`, in another folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    options = {"cwd": folder, "env": environment, "stdout": subprocess.DEVNULL}
    check = [sys.executable, str(ROOT / "workflow/preflight.py")]
    with (folder / "said").open("a") as said:
        subprocess.run(check, stderr=said, check=True, **options)
        return subprocess.Popen(SNAKEMAKE, stderr=said, **options)


def jobs_of(process: int) -> list[int]:
    """The processes of a run's jobs."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{RUN}={process}".encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
        except OSError:
            continue
    return found


def processor_s(run: int) -> float:
    """Processor seconds that the living processes of a run's jobs have taken.

    Not those of the interpreter that forks them: its imports are a part of every start.
    """
    ticks = 0
    for process in jobs_of(run):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            forks = "warm.py" in Path(f"/proc/{process}/cmdline").read_text()
        except OSError:
            continue
        if not (forks and int(fields[1]) == run):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def spent_s(folder: Path) -> float:
    """Processor seconds of a run's jobs, as their benchmarks have them."""
    files = folder.glob("results/benchmarks/**/*.tsv")
    return sum(pd.read_csv(file, sep="\t")["cpu_s"].sum() for file in files)


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system has no /proc")
def test_killed_at_random_moments_it_ends_with_the_same_tables_and_weights(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
    start = time.monotonic()
    assert begun(undisturbed).wait() == 0
    whole = time.monotonic() - start
    draw, kills, lost, start = random.Random(20241), 0, 0.0, time.monotonic()
    while True:
        run = begun(killed)
        try:
            pause = draw.uniform(0.5, 1.5) * whole / KILLS + 5 if kills < KILLS else None
            assert run.wait(pause) == 0, (killed / "said").read_text()
            break
        except subprocess.TimeoutExpired:
            lost += processor_s(run.pid)
            run.kill()
            run.wait()
            kills += 1
            end = time.monotonic() + 60
            while jobs_of(run.pid) and time.monotonic() < end:
                time.sleep(0.05)
            assert not jobs_of(run.pid), "jobs outlive their run"
    took = time.monotonic() - start
    print(f"\n{kills} kills: {took:.0f} s instead of {whole:.0f} s")
    spent, alone = lost + spent_s(killed), spent_s(undisturbed)  # killed jobs have no benchmark
    print(
        f"jobs took {spent:.0f} processor s instead of {alone:.0f} s: {spent / alone - 1:.0%} more"
    )
    expected, found = digests(undisturbed), digests(killed)
    assert kills and expected.keys() == found.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    assert not [f for f in killed.glob("results/unfinished/**/*") if f.is_file()]
