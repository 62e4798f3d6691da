"""Show what a rehearsal found, as tables in Markdown and as CSV."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise

from sonify.rehearsal.growth import LEAST, NOISE_MB, Costs, faults, first_to_break, rises, verdict
from sonify.rehearsal.measuring import Cost
from sonify.rehearsal.sizes import MISSING_EVERY, PER_PART, SAMPLES, full_parts, listed
from sonify.rehearsal.stages import BOUNDS

HEAD = f"""\
# Rehearsal at full size

<!-- Made by `make rehearse ARGS="... --out docs/rehearsal.md"`: run that. -->

`make rehearse` runs the workflow's own scripts, one after another, on an AudioSet of any number of
listed clips whose sounds are tiny, and says what each stage takes, against the number of clips.

```sh
make rehearse                                  # 2,000 clips: a quick look
make rehearse ARGS="20000 200000 2084320"      # up to AudioSet's own number; about 6 GB of disk
make rehearse ARGS="20000 --folder /data/rehearsal --out rehearsal.md"
```

What is finished stays in the folder (`rehearsal`), so that a call that was cut off goes on with the
stage it was at; `--again STAGE` measures a stage anew. The call fails, with a sentence, if a stage
holds more than its bound.

- **The corpus** has the form in which a download leaves AudioSet: segment lists, and recordings
  harvested from shards; 527 classes, two labels a clip, ids and addresses as long as the published
  ones. One clip in {MISSING_EVERY} has no audio. A clip has {SAMPLES} samples (64 ms), of 1,024
  sounds in all. A tenth is the split that is mined and scored, ten times AudioSet's share.
- **The network** is CNN12 at 1/64 of its width, trained for one whole epoch without labels
  (`pretrain`) and for one with labels on the balanced split (`classify`). It is padded with zeros,
  since without padding no clip under 0.3 s leaves it a frame. Mined, sonified, described and shown
  in the gallery is an untrained network of full width: 6,080 filters, the paper's number.
- **`list`** is the first part of `prepare`, measured once more by itself; `record` fingerprints the
  corpus, as the end of every run does. The page has one of its six tables, no claim and no figure.
- **Memory** is the largest that one process of a stage held (`ru_maxrss`), with its interpreter,
  PyTorch and pandas. A process of 11 MB starts it, since the system adds what a parent held when
  it was forked. Recordings of 10 s add what a part of {PER_PART} of them takes, 41 MB, a few times
  over; they do not add to what grows with the number of clips.
- **Time**: wall seconds count what other programs took of the machine, and pauses. Those of a
  processor do not, but it does less in one of them while others share its caches and cores.
- **Disk** is what a stage has left there when it has ended.
- **Not rehearsed**: a corpus of audio files, whose names are looked up in an index of all; the
  download; Snakemake itself; other datasets, which are smaller.
"""
COLUMNS = ("clips", "stage", "wall_s", "cpu_s", "peak_mb", "disk_mb")


def page(costs: Costs, made: Mapping[str, str], memory_mb: float) -> str:
    """Return the page of the rehearsals; `made` says when, where and of which commit.

    memory_mb: of this machine, for what would break first.
    """
    lines = [HEAD, f"Made on {made['date']}, commit {made['commit']}, {made['machine']}.\n"]
    lines += ["## What may be held, and what was\n", *_slopes(costs)]
    found = faults(costs)
    lines += [*(f"- {sentence}." for sentence in found), ""] if found else []
    lines += ["## What breaks first\n", first_to_break(costs, memory_mb), ""]
    for n, stages in sorted(costs.items()):
        lines += [f"## {n:,} listed clips\n", *_table(n, stages)]
    return "\n".join(lines).rstrip() + "\n"


def table(costs: Costs) -> str:
    """Return the rehearsals as CSV, a line for each number of clips and stage."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for n, stages in sorted(costs.items()):
        for stage, cost in stages.items():
            values = {name: f"{value:.2f}" for name, value in asdict(cost).items()}
            rows.writerow({"clips": n, "stage": stage, **values})
    return text.getvalue()


def _slopes(costs: Costs) -> list[str]:
    pairs = list(pairwise(n for n in sorted(costs) if n >= LEAST))
    full = [f"{full_parts(n):,} with {n:,}" for n in sorted(costs)]
    shown = [
        "A bound is a fixed number of megabytes and a number of bytes for every clip that counts:",
        "all that are listed, or those of the split that is mined and scored. Both are held",
        "against every peak below, and the bytes against what peaks rise by from one number of",
        f"clips to the next, from {LEAST:,} on, with {NOISE_MB:.0f} MB for noise: so much two runs",
        "of one job differ. Smaller rehearsals do not count, since jobs work through parts of",
        f"{PER_PART} clips of that split, of which so many are full: {'; '.join(full)}.\n",
        _row(
            "stage",
            "clips that count",
            "bound: MB",
            "bound: bytes a clip",
            *map(_span, pairs),
            "met",
        ),
        _row("--", "--", "--:", "--:", *("--:" for _ in pairs), "--"),
    ]
    for stage, bound in BOUNDS.items():
        found = {(rise.few, rise.many): f"{rise.per_clip:,.0f}" for rise in rises(costs, stage)}
        slopes = (found.get(pair, "—") for pair in pairs)
        least = f"{bound.fixed_mb}", f"{bound.per_clip:,}"
        shown.append(_row(stage, bound.of, *least, *slopes, verdict(costs, stage)))
    return [*shown, ""]


def _span(pair: tuple[int, int]) -> str:
    return f"{pair[0]:,} to {pair[1]:,}: bytes a clip"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(n: int, stages: Mapping[str, Cost]) -> list[str]:
    shown = [
        f"{listed(n).eval:,} of them in the split that is mined and scored.\n",
        "| stage | wall, s | processor, s | peak, MB | bound, MB | disk, MB |",
        "| -- | --: | --: | --: | --: | --: |",
    ]
    for stage, cost in stages.items():
        shown.append(
            f"| {stage} | {cost.wall_s:,.1f} | {cost.cpu_s:,.1f} | {cost.peak_mb:,.0f} "
            f"| {BOUNDS[stage].megabytes(n):,.0f} | {cost.disk_mb:,.1f} |"
        )
    left = [stage for stage in BOUNDS if stage not in stages]
    shown += [f"\nNot run: {', '.join(left)}."] if left else []
    return [*shown, ""]
