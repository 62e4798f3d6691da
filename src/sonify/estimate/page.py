"""The page docs/costs.md, made from the command: `make docs`, or `python -m sonify.estimate.page`.

Stands in the root of the repository: it reads overlays and finished comparisons there.
"""

import json
from pathlib import Path

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.estimate.bill import Bill, Line, bill
from sonify.estimate.devices import named, names
from sonify.estimate.words import text
from sonify.plan.plan import Plan
from sonify.runtime.errors import one_sentence_errors

ROOT = Path(__file__).resolve().parents[3]
BILLS = {"A laboratory's night": ("paper", "lab"), "The paper": ("paper",)}
COMPARED = {"The miniature": "estimate_mini"}
ON = "h200"
HEAD = """\
# What a run costs

<!-- Made by `make docs` from the configurations and src/sonify/estimate/devices.toml: run that. -->

`make estimate CONFIG="one.yaml two.yaml"` says, before anything is downloaded or computed, what a
configuration takes, stage by stage: jobs, floating-point operations, hours, the longest job, memory
of a process (on a GPU, of that) and disk; then how much is to be downloaded, how long all of it
takes on a number of devices, which chain of jobs no number of devices shortens, and what it costs.

```sh
make estimate                                                    # this machine, timed first
make estimate CONFIG=my.yaml ARGS="--devices 4 --bandwidth 500"  # four at a time; 500 Mbit/s
make estimate CONFIG=my.yaml ARGS="--device h200 --price 3.5"    # another, from stated numbers
make estimate ARGS="--devices 2 --measured results/benchmarks"   # beside a finished run
```

`--json FILE` writes it for programs. The target `beyond` is not counted.

## How it is counted

Jobs are those of the plan that Snakemake runs. Operations are counted from each network's layers,
the lengths of crops and clips, batches, steps and epochs; a test compares them with PyTorch's own
counter. A run through a network takes seconds for each call, for each operation and for each value
of a feature map, since small layers wait for memory, not for arithmetic. The rest (decoding,
resampled metrics, spectra, drawing, the start of a job) is counted in clips, scores and seconds of
sound. Clips are the published numbers; FSD50K's durations are taken as exponentially distributed.
Downloads run one after another beside everything else.
"""
BESIDE = """\
## Beside what was measured

All jobs of a stage together, in seconds; `times off` is the longer of estimate and measurement over
the shorter. A test holds every stage to a factor of 1.5. Measured are processor seconds. How the
table came about matters: the rates were fitted in part to this very run. A first calibration
missed 1.5 in four stages (evolution 1.85, mine 1.95, gather 1.67, prepare 1.60); what was counted
was then refined, twice. Two calibrations of a busy machine differ by up to 1.6, so that one of
yours may miss in a stage. The smoke configuration was compared before the last refinement, on a
busy machine: there layer_importance and removal missed by 2.6, five stages by 1.7 to 1.8.
"""
DEVICES = """\
## Devices

Rates are in [`devices.toml`](../src/sonify/estimate/devices.toml), with their source. No whole run
on a GPU has been compared with them: take the bills below for an order of magnitude.
"""


@one_sentence_errors()
def main() -> None:
    """Print the page."""
    print("\n".join([HEAD, BESIDE, *_compared(), DEVICES, *_devices(), *_bills()]).rstrip())


def made(overlays: tuple[str, ...], device: str = ON) -> Bill:
    """Return the bill of the default configuration under some overlays, nothing downloaded yet."""
    files = [ROOT / "workflow" / "configs" / f"{name}.yaml" for name in overlays]
    return bill(Plan(load(overlaid(files))), named(device))


def comparison(name: str) -> dict[str, list[Line]]:
    """Return the stages of a finished comparison, and what it is of."""
    found = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))
    return {found["source"]: [Line(**line) for line in found["lines"]]}


def _compared() -> list[str]:
    shown = []
    for title, name in COMPARED.items():
        for source, lines in comparison(name).items():
            shown += [f"### {title}\n", f"Rates: {source}.\n"]
            shown += ["| stage | jobs | estimated, s | measured, s | times off |"]
            shown += ["| -- | --: | --: | --: | --: |"]
            shown += [
                f"| {line.stage} | {line.jobs} | {line.seconds:,.1f} | {line.measured_s or 0:,.1f} "
                f"| {line.off or 0:.2f} |"
                for line in lines
            ]
            shown += [""]
    return shown


def _devices() -> list[str]:
    rows = [f"| {name} | {named(name).source} |" for name in names()]
    return ["| device | where its numbers are from |", "| -- | -- |", *rows, ""]


def _bills() -> list[str]:
    shown = []
    for title, overlays in BILLS.items():
        files = " ".join(f"workflow/configs/{name}.yaml" for name in overlays)
        shown += [f"## {title}\n", f'`make estimate CONFIG="{files}" ARGS="--device {ON}"`\n']
        shown += [text(made(overlays))]
    return shown


if __name__ == "__main__":
    main()
