"""A checkout of the workflow that tests may edit, and Snakemake on it."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml
from warm import Warm

ROOT = Path(__file__).resolve().parents[2]
TOLD = ("results/logs", "results/benchmarks", "results/unfinished")  # how it went, which differs
PARTS = ("Snakefile", "config.yaml", "profiles", "src", "workflow", "envs")


class Workflow:
    """Snakemake with the smoke configuration on a checkout, working in `folder`.

    Its process is forked from `snakemake`, once that is ready.
    """

    def __init__(self, folder: Path, checkout: Path, snakemake: Warm) -> None:
        self.folder = folder
        self.checkout = checkout
        self.snakemake = snakemake

    def __call__(self, *arguments: str, fails: bool = False) -> str:
        """Run snakemake; everything it printed."""
        command = [
            *(*self.snakemake.command, "-m", "snakemake"),
            *("--snakefile", str(self.checkout / "Snakefile")),
            *("--configfile", str(self.checkout / "workflow" / "configs" / "smoke.yaml")),
            *("--directory", str(self.folder)),
            *("--workflow-profile", str(self.checkout / "profiles" / "default")),
            *arguments,
        ]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        # A script that does not import what it needs, say, cannot hide.
        environment["SONIFY_WARM"] = "second"
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, printed
        return printed

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a dry run lists, by rule."""
        return jobs_listed(self("--dry-run", *arguments))

    def overlay(self, changes: dict) -> None:
        """Lay further values over the smoke configuration."""
        file = self.checkout / "workflow" / "configs" / "smoke.yaml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        for block, values in changes.items():
            if isinstance(values, dict):
                settings.setdefault(block, {}).update(values)
            else:
                settings[block] = values
        file.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a source file of the checkout."""
        path = self.checkout / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} no longer has {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


def jobs_listed(printed: str) -> dict[str, int]:
    """Jobs by rule, in what a dry run has printed."""
    table = printed.partition("Job stats:")[2]
    jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    jobs.pop("total", None)
    return jobs


def fresh_checkout(folder: Path) -> Path:
    """The sources of the workflow in `folder`, so that a test may edit them."""
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        folder.mkdir(parents=True, exist_ok=True)
        copy(source, folder / part)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Every table and every weight, by its bytes."""
    files = [f for kind in ("parquet", "safetensors", "csv") for f in folder.rglob(f"*.{kind}")]
    names = {str(f.relative_to(folder)): f for f in files}
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()
        for name, file in names.items()
        if not name.startswith(TOLD) and not file.name.startswith("time")
    }
