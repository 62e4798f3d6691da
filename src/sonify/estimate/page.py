"""The page docs/costs.md, made from the command: `make docs`, or `python -m sonify.estimate.page`.

Stands in the root of the repository: it reads overlays and finished comparisons there.
"""

import json
from pathlib import Path

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.estimate.bill import READY_S, Bill, Line, bill
from sonify.estimate.devices import named, names
from sonify.estimate.words import text
from sonify.plan.plan import Plan
from sonify.runtime.errors import one_sentence_errors

ROOT = Path(__file__).resolve().parents[3]
BILLS = {"One night in a lab": ("paper", "lab"), "The paper": ("paper",)}
COMPARED = {
    "The miniature": "estimate_mini",
    "The smoke configuration": "estimate_smoke",
    "The miniature on another processor": "estimate_mini_avx512",
}
ON = "h200"
HEAD = f"""\
# What a run costs

<!-- Made by `make docs` from the configurations and src/sonify/estimate/devices.toml: run that. -->

`make estimate CONFIG="one.yaml two.yaml"` estimates, before anything is downloaded or computed,
what a configuration takes, stage by stage: jobs, floating-point operations, hours, the longest job,
memory of a process (on a GPU, the GPU's) and disk. It then gives the size of all downloads, the
time that everything takes on a given number of devices, the chain of jobs that no number of devices
can shorten, and the cost.

```sh
make estimate                                                    # this machine, timed first
make estimate CONFIG=my.yaml ARGS="--devices 4 --bandwidth 500"  # four at a time; 500 Mbit/s
make estimate CONFIG=my.yaml ARGS="--device h200 --price 3.5"    # another device, from stored rates
make estimate ARGS="--devices 2 --measured results/benchmarks"   # beside a finished run
```

`--json FILE` also writes the estimate as JSON. The target `beyond` is not counted.

## How it is counted

Jobs are those of the plan that Snakemake runs. Operations are counted from each network's layers,
the lengths of crops and clips, batches, steps and epochs; a test compares them with PyTorch's own
counter. A pass through a network is charged by the call, by the operation and by the value of a
feature map, since small layers are limited by memory, not by arithmetic. The rest (decoding,
resampled metrics, spectra, drawing) is charged by the clip, the score, the class or the second of
sound, and every job by its start and the networks that it builds. Jobs are taken to be forks of
an interpreter that is ready after {READY_S} s; where each job is a process of its own (on a
cluster, with conda, with `SONIFY_WARM=0`, in a run of fewer than five jobs), it takes half a second
to three of a processor more than its estimate. Numbers of clips are the published ones; FSD50K's
durations are assumed to be exponentially distributed. Downloads run one after another, alongside
everything else. A training that several processes share (`training.processes`) is counted as if one
made it, on one device. What surrounds the steps of a training, beside a loop written by hand, is
measured in [`loop.md`](../benchmarks/results/loop.md).
"""
BESIDE = """\
## Compared with a measurement

Seconds are those of all jobs of a stage together; measured ones are processor seconds. `times off`
is the longer of estimate and measurement divided by the shorter; a test holds it to 1.5 in every
stage. Bear in mind that the rates were fitted in part to the first of the runs below: a first
calibration exceeded 1.5 in four stages (evolution 1.85, mine 1.95, gather 1.67, prepare 1.60), and
the counting was then refined, twice. Two calibrations of a busy machine differ by up to 1.6, so
yours may exceed 1.5 in some stage.

In the smoke configuration, what a job takes whatever its size weighs most: its start, each
network that it builds, its first step, the ranking of each class, and the interpreters of the
first jobs, which start before there is one to fork from. These were not counted apart at first,
and removal, prepare and layer_importance were off by 1.6 to 2.7 beside the other stages. This
comparison is no independent test either. The three rates that its source below names as set
afterwards replaced calibrated ones, since timing within one process misses imports: those of starts
and networks are from jobs of an earlier, busier run, scaled by eye to an idle machine, and the
seconds of an interpreter's start were chosen with the ratios below in view. With the rates as first
calibrated, 7 of the 15 stages were off by more than 1.5: mine 2.24, synthesise 2.07, evolution
1.87, score 1.86, invariance 1.81, layer_importance 1.61 and one more. The other rates were timed
just before the run below.

The third comparison is independent: its run was on another kind of processor, whose trainings
compute in bfloat16, and no rate and no count was changed with it in view. It was calibrated once,
by `make estimate` as anybody calls it. A run of the smoke configuration there, compared in the same
way, took longer than estimated by 2.1 in mine, 2.0 in score, 1.9 in invariance and 1.5 in removal,
and all other stages were within 1.3: the stored seconds of a start and of a network were scaled by
0.57, as arithmetic is, while a start took as long as stored. A calibration now times a start, in
forks like those of jobs, and these follow it: beside the same run that gave 1.6 in invariance, 1.5
in mine and removal, 1.3 in score. So trust an estimate of a few seconds a stage less than one of
minutes.
"""
DEVICES = """\
## Devices

Rates are in [`devices.toml`](../src/sonify/estimate/devices.toml), with their sources. They have
not been compared with a whole run on a GPU: take the estimates below as orders of magnitude.
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
    return ["| device | source of its rates |", "| -- | -- |", *rows, ""]


def _bills() -> list[str]:
    shown = []
    for title, overlays in BILLS.items():
        files = " ".join(f"workflow/configs/{name}.yaml" for name in overlays)
        shown += [f"## {title}\n", f'`make estimate CONFIG="{files}" ARGS="--device {ON}"`\n']
        shown += [text(made(overlays))]
    return shown


if __name__ == "__main__":
    main()
