"""Runs the workflow's scripts on an AudioSet of any number of clips whose sounds are tiny.

Usage: `make rehearse [ARGS="20000 200000 --folder DIR --out rehearsal.md"]`: the numbers of listed
clips, 2,000 by default. Writes what each stage took to rehearsal.csv in the folder and to --out,
and fails if a stage held more memory than its bound. What is finished stays: a call that was cut
off goes on with the stage it was at.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sonify.rehearsal.growth import Costs, faults
from sonify.rehearsal.measuring import Cost, measure
from sonify.rehearsal.page import page, table
from sonify.rehearsal.sizes import disk_bytes, listed
from sonify.rehearsal.stages import BOUNDS, SHOWN_CARD, Stages
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.folders import write_whole
from sonify.runtime.machine import processor
from sonify.runtime.options import check_place, check_positive

ROOT = Path(__file__).resolve().parents[1]
SHELL = ROOT / "workflow" / "job.sh"
MEASURED = "measured.json"


def rehearse(
    clips: int, folder: Path, width: float, wanted: Sequence[str], again: Sequence[str]
) -> None:
    """Run those of the `wanted` stages that are not finished, or are named in `again`.

    What each took is noted as it ends. Raises SonifyError for too few clips, too little disk, and
    stages finished with a network of another width.
    """
    listed(clips)
    folder.mkdir(parents=True, exist_ok=True)
    costs = finished(folder)
    if "mine" in costs and (other := shown_width(folder)) != width:
        raise SonifyError(
            f"{folder} has stages that were run with --width {other:g}, not {width:g}: give the "
            "same --width, or another --folder"
        )
    if not costs and shutil.disk_usage(folder).free < disk_bytes(clips):
        raise SonifyError(
            f"{clips} clips need {disk_bytes(clips) / 1e9:.1f} GB of disk space, more than is free "
            f"in {folder}: name another --folder, or fewer clips"
        )
    for stage in Stages(clips, width).all():
        if stage.name in again or (stage.name in wanted and stage.name not in costs):
            print(f"{clips:,} clips: {stage.name}", file=sys.stderr, flush=True)
            left = costs[stage.name].disk_mb if stage.name in costs else 0.0
            costs[stage.name] = measure(stage, folder, SHELL, left)
            kept = {name: asdict(costs[name]) for name in BOUNDS if name in costs}
            write_whole(folder / MEASURED, (json.dumps(kept, indent=1) + "\n").encode())


def finished(folder: Path) -> dict[str, Cost]:
    """Return what the finished stages in a folder took."""
    file = folder / MEASURED
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {stage: Cost(**cost) for stage, cost in kept.items()}


def shown_width(folder: Path) -> float:
    """Return the width of the network that is shown in a folder, 1 if it has none yet."""
    file = folder / SHOWN_CARD
    if not file.is_file():
        return 1.0
    return float(json.loads(file.read_text(encoding="utf-8"))["architecture"]["width"])


def rehearsed(base: Path) -> Costs:
    """Return what all rehearsals below a folder took, by their number of clips."""
    folders = [file.parent for file in base.glob(f"*/{MEASURED}")]
    return {int(folder.name): finished(folder) for folder in folders if folder.name.isdecimal()}


def here() -> dict[str, str]:
    """Return date, commit and machine in words."""
    version = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=9"]
    found = subprocess.run(version, capture_output=True, text=True, check=False).stdout.strip()
    machine = f"{os.cpu_count()} × {processor()}, {memory_mb() / 1000:.0f} GB"
    return {"date": time.strftime("%d %B %Y"), "commit": found or "unknown", "machine": machine}


def memory_mb() -> float:
    """Return the memory of this machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6


def check(width: float, clips: Sequence[int], out: Path | None, written: Path | None) -> None:
    """Raise SonifyError for what would stop a call only after hours.

    written: the folder of finished rehearsals, for a call that only writes the page anew.
    """
    check_positive("width", width)
    if out:
        check_place("out", out)
    if written and not written.is_dir():
        raise SonifyError(f"--folder is {written}, where nothing was rehearsed: leave --write out")
    for number in clips:
        listed(number)


@one_sentence_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the rehearsals, write what they took, and fail if a stage held too much."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("clips", type=int, nargs="*", default=[2_000], help="listed clips")
    parser.add_argument("--folder", type=Path, default=Path("rehearsal"))
    parser.add_argument("--out", type=Path, help="the page (<folder>/rehearsal.md)")
    parser.add_argument("--until", choices=BOUNDS, help="the last stage to run")
    words = "stages to run, whose inputs are there"
    parser.add_argument("--only", choices=BOUNDS, nargs="+", help=words)
    parser.add_argument("--again", choices=BOUNDS, nargs="*", default=[], help="stages to run anew")
    words = "of the network that is shown: 1 has the paper's number of filters"
    parser.add_argument("--width", type=float, default=1.0, help=words)
    parser.add_argument("--write", action="store_true", help="run nothing: write the page anew")
    args = parser.parse_args(arguments)
    out = args.out or args.folder / "rehearsal.md"
    check(args.width, args.clips, args.out, args.folder if args.write else None)
    stages = list(BOUNDS)
    wanted = args.only or stages[: stages.index(args.until or stages[-1]) + 1]
    for clips in () if args.write else sorted(args.clips):
        place = (args.folder / str(clips)).resolve()
        rehearse(clips, place, args.width, wanted, args.again)
    costs = rehearsed(args.folder)
    widths = {clips: shown_width(args.folder / str(clips)) for clips in costs}
    out.write_text(page(costs, here(), memory_mb(), widths), encoding="utf-8")
    (args.folder / "rehearsal.csv").write_text(table(costs), encoding="utf-8")
    print(f"wrote {out} and {args.folder / 'rehearsal.csv'}", file=sys.stderr)
    if found := faults(costs):
        raise SonifyError("; ".join(found) + ": reduce what it holds, see docs/rehearsal.md")


if __name__ == "__main__":
    main()
