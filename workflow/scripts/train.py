"""Train one run of config.yaml with one seed."""

from pathlib import Path

import msgspec

from sonify.data.stored import stored
from sonify.evaluation.metrics.ranking import selection_score
from sonify.models import checkpoint
from sonify.models.device import pick_device
from sonify.runtime.jobs import parser, run, say
from sonify.runtime.progress import Progress
from sonify.training.resume import Saver
from sonify.training.run import train_run
from sonify.training.settings import TrainingSettings
from sonify.training.together import together
from sonify.training.watch import watching


def main() -> None:
    options = parser(__doc__, msgspec.json.Decoder(TrainingSettings).decode)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--start", type=Path, help="folder of the model to start from")
    options.add_argument("--out", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--work", type=Path, required=True, help="folder for unfinished work")
    options.add_argument("--code", default="", help="hash of the training code")
    options.add_argument("--processes", type=int, default=1, help="that share job and threads")
    options.add_argument("--watch", nargs="*", default=[], help="tools that show the training")
    args = options.parse_args()
    settings = args.settings
    val_split = settings.recipe.validated_split
    model = f"{settings.run.name}-s{args.seed}"
    saver = Saver(args.work, args.code)
    device = pick_device(settings.device, max(1, args.threads // args.processes))
    shared = together(args.processes, device)
    bar = Progress(settings.recipe.epochs, f"train {model}", unit="epochs")
    with bar, saver, shared as ranks, watching(args.watch if ranks.first else [], model) as watch:
        trained = train_run(
            settings.run,
            args.seed,
            settings.recipe,
            stored(args.data, settings.run.splits),
            architecture=None if args.start else settings.architecture,
            start=checkpoint.load(args.start) if args.start else None,
            val_clips=stored(args.data, [val_split]) if val_split else None,
            score=selection_score,
            device=device,
            progress=bar.update,
            saver=saver,
            ranks=ranks,
            watch=watch,
        )
        if ranks.first:
            trained.save(args.out, saver)
            say(f"train {model}: {trained.summary}")


run(main)
