"""Train one run of config.yaml with one seed."""

from pathlib import Path

from sonify.data.stored import stored
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.device import pick_device
from sonify.plan.runs import Run
from sonify.runtime.jobs import parser, run, say
from sonify.runtime.progress import Progress
from sonify.training.recipe import recipe_from
from sonify.training.run import train_run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--start", type=Path, help="folder of the model to start from")
    options.add_argument("--out", type=Path, required=True, help="folder of the trained model")
    args = options.parse_args()
    spec, recipe = Run(**args.settings["run"]), recipe_from(args.settings["recipe"])
    name = f"train {spec.name}-s{args.seed}"
    with Progress(recipe.epochs, name, unit="epochs") as bar:
        trained = train_run(
            spec,
            args.seed,
            recipe,
            stored(args.data, spec.splits),
            architecture=None if args.start else Architecture(**args.settings["architecture"]),
            start=checkpoint.load(args.start) if args.start else None,
            device=pick_device(args.settings["device"], args.threads),
            progress=bar.update,
            keep=checkpoint.keeper(args.out),
        )
    trained.save(args.out)
    say(f"{name}: {trained.summary}")


run(main)
