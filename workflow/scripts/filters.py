"""Describe every filter: how often it is active, what its top clips share, how it sounds."""

from pathlib import Path

from sonify.contracts import tables
from sonify.evaluation.stages.filters import filters_table
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say


def main() -> None:
    options = model_options(__doc__)
    options.add_argument("--top", type=Path, required=True, help="the model's top activations")
    options.add_argument("--sonifications", type=Path, required=True, help="their sonifications")
    args = options.parse_args()
    job, top = model_job(args), tables.read(args.top, "top_activations")
    with job.progress("filters", job.n_clips + len(top), unit="sounds") as bar:
        found = filters_table(
            job.model,
            job.card,
            job.parts(),
            top,
            tables.read_parts(args.sonifications, "sonifications", rows=16),
            top_k=job.settings["top_k"],
            nperseg=job.settings["nperseg"],
            progress=bar.update,
            **job.running,
        )
    tables.write(found, job.out, "filters")
    dead = int(found["dead"].sum())
    say(f"{job.named('filters')}: {len(found)} filters, {dead} of them dead")


run(main)
