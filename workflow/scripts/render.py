"""Sonify every filter for each of the clips that activate it most."""

from sonify import tables
from sonify.jobs import run, say
from sonify.model_job import model_job
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.rendering import render_layers


def main() -> None:
    job = model_job(__doc__, with_top=True)
    top = tables.read(job.top, "top_activations")
    with job.progress("sonify", len(top), unit="sonifications") as bar:
        layers = render_layers(
            Sonifier(job.model), job.clips, top, progress=bar.update, **job.running
        )
        tables.write_parts(layers, job.out, "sonifications")
    dead = int(top["dead"].sum())
    say(f"{job.named('sonify')}: {len(top)} sonifications, {dead} of them dead")


run(main)
