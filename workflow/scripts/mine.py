"""Find the clips that activate every filter of every layer most."""

from sonify import tables
from sonify.jobs import run, say
from sonify.model_job import model_job
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.rendering import mine


def main() -> None:
    job = model_job(__doc__)
    with job.progress("mine") as bar:
        found = mine(
            Sonifier(job.model),
            job.clips,
            job.card.architecture,
            top=job.settings["top"],
            progress=bar.update,
            **job.running,
        )
    found = found.assign(dataset=job.clips.dataset, **job.card.keys)
    tables.write(found, job.out, "top_activations")
    say(f"{job.named('mine')}: {len(found)} top activations over {len(job.clips)} clips")


run(main)
