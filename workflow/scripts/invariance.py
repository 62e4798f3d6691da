"""Measure how exactly sonifications follow a delay of the input."""

from pathlib import Path

from sonify.contracts import tables
from sonify.evaluation.stages.invariance import invariance_tables
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say


def main() -> None:
    options = model_options(__doc__)
    options.add_argument(
        "--example", type=Path, required=True, help="table of Figure B.3's signals"
    )
    args = options.parse_args()
    job = model_job(args)
    with job.progress("invariance", job.settings["clips"]) as bar:
        found = invariance_tables(
            job.model,
            job.card,
            job.sizes,
            clips=job.settings["clips"],
            shifts=job.settings["shifts"],
            shown_shift=job.settings["shown_shift"],
            rule=job.settings["rule"],
            precision=job.settings["precision"],
            progress=bar.update,
            **job.running,
        )
    tables.write(found.table, job.out, "invariance")
    tables.write(found.example, args.example, "invariance_example")
    n_clips = found.table["clip_id"].nunique()
    say(f"{job.named('invariance')}: {n_clips} clips, {len(job.settings['shifts'])} shifts")


run(main)
