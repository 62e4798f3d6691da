"""Remove each layer's most active sonification from every clip and score what is left."""

from pathlib import Path

from sonify import tables
from sonify.data.clips import load
from sonify.evaluation.removal import removal_table
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
    with Progress(len(clips), f"removal {card.model}", unit="clips") as bar:
        found = removal_table(
            model,
            card,
            clips,
            rule=args.settings["rule"],
            rescale=args.settings["rescale_residual"],
            max_samples=args.settings["batch_samples"],
            device=device,
            progress=bar.update,
        )
    tables.write(found, args.out, "removal")
    say(f"removal {card.model}: {len(clips)} clips, {found['layer'].max()} layers")


run(main)
