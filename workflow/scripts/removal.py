"""Remove each layer's most active sonification from every clip and score what is left."""

from sonify.contracts import tables
from sonify.evaluation.stages.removal import Condition, removal_table
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say


def main() -> None:
    job = model_job(model_options(__doc__).parse_args())
    with job.progress("removal") as bar:
        found = removal_table(
            job.model,
            job.card,
            job.parts(),
            conditions=[Condition(**condition) for condition in job.settings["conditions"]],
            precision=job.settings["precision"],
            progress=bar.update,
            **job.running,
        )
    tables.write(found, job.out, "removal")
    say(f"{job.named('removal')}: {job.n_clips} clips, {found['layer'].max()} layers")


run(main)
