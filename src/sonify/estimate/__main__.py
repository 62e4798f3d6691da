"""Estimate what a configuration costs: `make estimate CONFIG="one.yaml two.yaml"`, or `python -m
sonify.estimate [FILE...]`.

Prints, for each stage of the workflow, its jobs, floating-point operations, hours, memory and disk,
and what the whole takes. Without --device this machine is timed first, for half a minute or so, on
small pieces of the same work.
"""

import argparse
import csv
import json
from pathlib import Path

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.estimate.bill import bill
from sonify.estimate.devices import Device, named
from sonify.estimate.words import text
from sonify.plan.plan import Plan
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.options import check_place, check_positive

BITS = 8


@one_sentence_errors()
def main(arguments: list[str] | None = None) -> None:
    """Print the bill; a fault ends it with one sentence and exit status 1."""
    args = _parser().parse_args(arguments)
    for name in ("bandwidth", "price", "devices"):
        value = getattr(args, name)
        if value is not None:
            check_positive(name, value)
    if args.json:  # known before a minute of timing
        check_place("json", args.json)
    plan = Plan(load(overlaid(args.files)))
    device = _device(args.device, plan)
    made = bill(
        plan,
        device,
        devices=args.devices,
        bandwidth_bytes=args.bandwidth * 1e6 / BITS,
        price=args.price,
        measured=_measured(args.measured, device) if args.measured else None,
    )
    print(text(made), end="")
    if args.json:
        args.json.write_text(json.dumps(made.as_dict(), indent=1) + "\n", encoding="utf-8")


def _device(name: str | None, plan: Plan) -> Device:
    if name is not None:
        return named(name)
    from sonify.estimate.calibration import calibrate

    return calibrate(plan)


def _measured(folder: Path, device: Device) -> dict[str, float]:
    """Seconds of the jobs of a finished run, by rule and name, from its results/benchmarks.

    On a processor those that it has computed, since others may have had it meanwhile. Raises
    SonifyError for a folder without any.
    """
    costs = {file: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*/*.tsv"))}
    if not costs:
        raise SonifyError(
            f"--measured is {folder}, which holds no times of jobs: name results/benchmarks of a "
            "finished run"
        )
    rows = {
        f"{file.parent.name}/{file.stem}": next(csv.DictReader(text.splitlines(), delimiter="\t"))
        for file, text in costs.items()
    }
    column = "s" if device.gpu else "cpu_s"
    return {name: float(row[column]) for name, row in rows.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sonify.estimate",
        description="Estimate what a configuration costs before anything is downloaded or made.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="later ones on top")
    parser.add_argument("--device", help="a device of devices.toml (default: time this machine)")
    parser.add_argument(
        "--devices", type=int, default=1, metavar="N", help="devices, or processor cores (1)"
    )
    parser.add_argument(
        "--bandwidth", type=float, default=1000, metavar="MBIT", help="megabits a second (1000)"
    )
    parser.add_argument("--price", type=float, metavar="P", help="of one device for an hour")
    parser.add_argument(
        "--measured",
        type=Path,
        metavar="FOLDER",
        help="results/benchmarks of a finished run, to set its times beside the estimate",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the bill there as well")
    return parser


if __name__ == "__main__":
    main()
