"""Run the workflow with disjoint sets of seeds, and write docs/reproducibility.md.

Usage: `make reproducibility [CONFIG="one.yaml"] [ARGS="--sets 3"]`. Each set runs in a folder of
its own below --folder; what is finished stays, so that an interrupted call resumes where it was.
The first set has the seeds of the configuration; each further set has as many, numbered on from
there. Other options go to Snakemake.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from alive import remove_dead

from sonify.config.__main__ import overlaid
from sonify.contracts import tables
from sonify.reporting.reproducibility import SeedSet, page
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import named_file
from sonify.runtime.machine import processor

ROOT = Path(__file__).resolve().parents[1]
CLAIMS = Path("results/reporting/claims.parquet")
OWN = ("seeds.yaml", "made.json")  # files of a set beside its results


def overlay(config: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return what to lay over `config` for set `number`, from 0: every seed moved on."""
    seeds = config["training"]["seeds"]
    step = number * (max(seeds) + 1)
    return {"training": {"seeds": [seed + step for seed in seeds]}}


def prepare(config: Mapping[str, Any], number: int, base: Path) -> Path:
    """Make the folder of a set, named after its first and last seed, with its overlay."""
    changes = overlay(config, number)
    seeds = changes["training"]["seeds"]
    folder = base / f"{min(seeds)}-{max(seeds)}"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / OWN[0], yaml.safe_dump(changes).encode())
    return folder


def command(folder: Path, overlays: Sequence[Path], options: Sequence[str]) -> list[str]:
    """Return the Snakemake call that makes the claims of a set."""
    files = [str(file.resolve()) for file in (*overlays, folder / OWN[0])]
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(folder), "--workflow-profile", str(ROOT / "profiles/default")),
        *("--configfile", *files, "--rerun-incomplete", *options, "--", str(CLAIMS)),
    ]


def run(folder: Path, overlays: Sequence[Path], options: Sequence[str]) -> None:
    """Run a set, and add the time to what it took before; a finished set stays as it is.

    Raises SonifyError if it fails.
    """
    remove_dead(folder / ".snakemake")
    started, begun = time.time(), time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    try:
        done = subprocess.run(command(folder, overlays, options), env=environment, check=False)
    finally:
        claims = folder / CLAIMS
        made_now = not claims.is_file() or claims.stat().st_mtime >= started
        if made_now and not _is_dry(options):
            _record(folder / OWN[1], time.monotonic() - begun, overlays)
    if done.returncode:
        raise SonifyError(f"the run in {folder} failed, see above: correct the cause and run again")


def _is_dry(options: Sequence[str]) -> bool:
    return any(
        option in ("--dry-run", "--dryrun") or re.fullmatch(r"-[a-zA-Z]*n[a-zA-Z]*", option)
        for option in options
    )


def _record(file: Path, seconds: float, overlays: Sequence[Path]) -> None:
    """Note how a set was made, beside its results."""
    before = json.loads(file.read_text(encoding="utf-8"))["seconds"] if file.is_file() else 0.0
    made = {"seconds": before + seconds, **_here(overlays)}
    write_whole(file, json.dumps(made).encode())


def _here(overlays: Sequence[Path]) -> dict[str, str]:
    """Return commit, machine and configuration in words."""
    version = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=9"]
    found = subprocess.run(version, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "commit": found or "unknown",
        "machine": f"{os.cpu_count()} × {processor()}",
        "configuration": " + ".join(["config.yaml", *(file.name for file in overlays)]),
    }


def finished(folder: Path) -> SeedSet:
    """Read a set; raises SonifyError if it has no claims yet."""
    if not (folder / CLAIMS).is_file():
        raise SonifyError(f"{folder} has no {CLAIMS} yet: run make reproducibility to its end")
    changes = yaml.safe_load((folder / OWN[0]).read_text(encoding="utf-8"))
    made = json.loads((folder / OWN[1]).read_text()) if (folder / OWN[1]).is_file() else {}
    claims = tables.read(folder / CLAIMS, "claims")
    return SeedSet(tuple(changes["training"]["seeds"]), claims, made)


@one_sentence_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sets and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    words = "laid over config.yaml"
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help=words)
    parser.add_argument("--sets", type=int, default=3, help="sets of seeds")
    parser.add_argument("--folder", type=Path, default=Path("seed_sets"))
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reproducibility.md")
    parser.add_argument("--write", action="store_true", help="run nothing: write the page anew")
    words = "further claims to show, NAME=claims.parquet"
    parser.add_argument("--beside", type=named_file, nargs="*", default=[], help=words)
    args, options = parser.parse_known_args(arguments)
    config = overlaid(args.configfile)
    folders = [prepare(config, number, args.folder) for number in range(args.sets)]
    if not args.write:
        for folder in folders:
            run(folder, args.configfile, options)
    if _is_dry(options):
        return
    others = {name: tables.read(file, "claims") for name, file in args.beside}
    args.out.write_text(page([finished(folder) for folder in folders], others), encoding="utf-8")
    print(f"wrote {args.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
