"""Measure the coherence of every clip with the sonification of each layer's most active maps."""

from sonify.contracts import tables
from sonify.evaluation.stages.coherence import coherence_table
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say


def main() -> None:
    job = model_job(model_options(__doc__).parse_args())
    with job.progress("coherence") as bar:
        found = coherence_table(
            job.model,
            job.card,
            job.parts(),
            rules=job.settings["rules"],
            precision=job.settings["precision"],
            top_k=job.settings["top_k"],
            nperseg=job.settings["nperseg"],
            progress=bar.update,
            **job.running,
        )
    tables.write(found, job.out, "coherence")
    say(f"{job.named('coherence')}: {job.n_clips} clips, {found['layer'].max()} layers")


run(main)
