"""Write the findings of a rehearsal as tables in Markdown and as CSV."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise

from sonify.rehearsal.growth import LEAST, NOISE_MB, Costs, faults, first_to_break, rises, verdict
from sonify.rehearsal.measuring import Cost
from sonify.rehearsal.sizes import MINED, MISSING_EVERY, PER_PART, SAMPLES, full_parts, listed
from sonify.rehearsal.stages import BOUNDS

HEAD = f"""\
# Rehearsal at full size

<!-- Made by `make rehearse ARGS="... --out docs/rehearsal.md"`: run that. -->

`make rehearse` runs the workflow's own scripts, one after another, on an AudioSet of any number of
listed clips whose sounds are tiny, and reports what each stage takes as the number of clips grows.

```sh
make rehearse                                  # 2,000 clips: a quick look
make rehearse ARGS="20000 200000 2084320"      # up to AudioSet's own number; about 6 GB of disk
make rehearse ARGS="20000 --folder /data/rehearsal --out rehearsal.md"
```

Finished stages stay in the folder (`rehearsal`), so that an interrupted call resumes at the stage
that it had reached; `--again STAGE` measures a stage again. The call fails, with a sentence, if a
stage takes more memory than its bound.

- **The corpus** has the form of a downloaded AudioSet: segment lists, and recordings harvested from
  shards; 527 classes, two labels per clip, ids and addresses as long as the published ones. One
  clip in {MISSING_EVERY} has no audio. A clip is one of 1,024 sounds of {SAMPLES} samples (64 ms).
  The split that is mined and scored has a tenth of the clips, ten times its share in AudioSet.
- **The network** is CNN12 at 1/64 of its width, trained for one whole epoch without labels
  (`pretrain`) and for one with labels on the balanced split (`classify`). Its convolutions are
  zero-padded, since without padding a clip under 0.3 s yields no frame. The network that is mined,
  sonified, described and shown in the gallery is an untrained one of full width: {MINED // 3:,}
  filters, as the authors' has.
- **`list`** is the first part of `prepare`, measured once more by itself; `record` fingerprints the
  corpus, as the end of every run does. The page has one of its six tables, no claim and no figure.
- **Memory** is the peak of any one process of a stage (`ru_maxrss`), including its interpreter,
  PyTorch and pandas. A process of 11 MB starts it, since the system adds what the parent held at
  the fork. With recordings of 10 s, a few times the size of a part of {PER_PART} clips, 41 MB,
  would be added, but nothing to what grows with the number of clips.
- **Time**: wall-clock seconds include pauses and the time taken by other programs. Processor
  seconds do not, but a processor does less in each while others share its caches and cores.
- **Disk** is what a stage leaves behind when it ends.
- **Not rehearsed**: a corpus of audio files, whose names are looked up in an index of all; the
  download; Snakemake itself; other datasets, which are smaller.
"""
COLUMNS = ("clips", "stage", "wall_s", "cpu_s", "peak_mb", "disk_mb")


def page(
    costs: Costs,
    made: Mapping[str, str],
    memory_mb: float,
    widths: Mapping[int, float] | None = None,
) -> str:
    """Return the page of the rehearsals; `made` says when, where and of which commit.

    memory_mb: of this machine, for what would break first. widths: of the network that was shown,
    by the number of clips; 1 is full width, for which the bounds hold.
    """
    lines = [
        HEAD,
        f"Written on {made['date']}, commit {made['commit']}, {made['machine']}. Stages that were "
        "measured before\nstand as they were.\n",
    ]
    lines += [
        f"With {n:,} clips the network that is shown had {width:g} times full width (`--width`), "
        "so that what it took says nothing of the bounds below.\n"
        for n, width in sorted((widths or {}).items())
        if width != 1
    ]
    lines += ["## Bounds of memory, and what was measured\n", *_slopes(costs)]
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
        "A bound is a fixed number of megabytes plus a number of bytes for every clip that counts:",
        "all that are listed, those of the split that is mined and scored (eval), or of these only",
        f"as many as can be mined, {MINED:,}, three for each filter. No peak below may exceed it.",
        "Nor may a peak rise by more than the bytes from one number of clips to the next, from",
        f"{LEAST:,} on, except for {NOISE_MB:.0f} MB of noise, by which two runs of one job can",
        "differ. Smaller rehearsals do not count, since jobs read that split in parts of",
        f"{PER_PART} clips, none of which is full there. Full parts: {'; '.join(full)}.\n",
        "One bound was corrected after numbers had been seen: render's counted all clips of the",
        "split, 100 bytes each. What it holds depends on how many different clips are mined: 1,324",
        "of 20,000, and 1,763 of 200,000, with which it took 22 to 82 MB more in six comparisons;",
        "of 2,084,320 they are 1,762 again, and it took 4 MB more at most.\n",
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
