"""Sonify every filter for each of the clips that activate it most."""

from sonify.contracts import tables
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say
from sonify.sonification.methods import build_explainer
from sonify.sonification.rendering import render_layers
from sonify.sonification.settings import RenderingSettings


def main() -> None:
    args = model_options(__doc__, RenderingSettings).parse_args()
    job = model_job(args)
    top = job.table("top_activations")
    with job.progress("sonify", job.share_of(len(top)), unit="sonifications") as bar:
        explainer = build_explainer(
            job.settings.method, job.model, precision=job.settings.precision
        )
        how = {"progress": bar.update, "kept": job.kept(), **job.running}
        layers = render_layers(explainer, job.stored(), top, **how)
        if job.share:
            for _ in layers:
                pass
            return job.hand_over(*args.out)
        tables.write_parts(layers, *args.out, "sonifications")
    job.discard_work()
    dead = int(top["dead"].sum())
    say(f"{job.named('sonify')}: {len(top)} sonifications, {dead} of them dead")


run(main)
