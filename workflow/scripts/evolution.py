"""Sonify randomly drawn filters at every kept checkpoint of a model's training."""

from functools import partial
from pathlib import Path

from sonify.contracts import tables
from sonify.evaluation.stages.evolution import evolution_table
from sonify.models import checkpoint
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say


def main() -> None:
    options = model_options(__doc__)
    options.add_argument("--top", type=Path, required=True, help="the model's top activations")
    args = options.parse_args()
    job, top = model_job(args), tables.read(args.top, "top_activations")
    epochs = checkpoint.kept(args.model)
    with job.progress("evolution", len(epochs), unit="checkpoints") as bar:
        found = evolution_table(
            partial(checkpoint.load_kept, args.model, device=job.device),
            epochs,
            top,
            job.parts,
            layers=job.settings["layers"],
            filters_per_layer=job.settings["filters_per_layer"],
            precision=job.settings["precision"],
            progress=bar.update,
            **job.running,
        )
    tables.write(found, job.out, "evolution")
    say(f"{job.named('evolution')}: {len(found)} sonifications at {len(epochs)} checkpoints")


run(main)
