"""Score a classifier on the whole clips of a split."""

from pathlib import Path

from sonify import tables
from sonify.data.clips import load
from sonify.evaluation.scoring import metrics_table
from sonify.jobs import parser, run, say
from sonify.models import checkpoint
from sonify.models.device import pick_device
from sonify.progress import Progress


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--out", type=Path, required=True)
    args = options.parse_args()
    device = pick_device(args.settings["device"], args.threads)
    model, card = checkpoint.load(args.model, device)
    clips = load(args.data, [args.settings["split"]])
    with Progress(len(clips), f"score {card.model}", unit="clips") as bar:
        found = metrics_table(
            model,
            card,
            clips,
            max_samples=args.settings["batch_samples"],
            device=device,
            progress=bar.update,
        )
    tables.write(found, args.out, "metrics")
    best = found.set_index("metric").loc["mAP"]
    say(f"score {card.model}: mAP {best['value']:.3f}, by chance {best['prevalence']:.3f}")


run(main)
