"""The worked examples of docs/extending.md: their files, and Snakemake with their overlay."""

import re
import shutil
import subprocess
from pathlib import Path

from checkouts import ROOT, Workflow, fresh_checkout

DOC = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(section: str) -> dict[str, tuple[str, str]]:
    """Files that a section of the page writes or changes, by path: the kind of block, its text."""
    text = DOC.split(f"## {section}\n")[1].split("\n## ")[0]
    return {path: (kind, block) for kind, path, block in BLOCK.findall(text)}


def write(checkout: Path, files: dict[str, tuple[str, str]]) -> None:
    for name, (kind, text) in files.items():
        if kind == "diff":
            apply = ["git", "apply", "--unidiff-zero", "-"]
            subprocess.run(apply, cwd=checkout, input=text, text=True, check=True)
        else:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_text(text, encoding="utf-8")


def extended(finished: Workflow, folder: Path, section: str, most: int) -> Workflow:
    """A copy of a finished smoke run, on a checkout that has a section's files."""
    files = files_of(section)
    assert 1 <= len(files) <= most, f"{section} takes {len(files)} files"
    shutil.copytree(finished.folder, folder / "work", symlinks=True)
    checkout = fresh_checkout(folder / "checkout")
    write(checkout, files)
    return Workflow(folder / "work", checkout, finished.snakemake)


def with_overlay(workflow: Workflow, *arguments: str) -> str:
    smoke = workflow.checkout / "workflow/configs/smoke.yaml"
    overlay = workflow.checkout / "my.yaml"
    return workflow(*arguments, "--configfile", str(smoke), str(overlay))


def results(workflow: Workflow) -> Path:
    return workflow.folder / "results"
