"""Find the clips that activate every filter of every layer most."""

from pathlib import Path

from sonify import tables
from sonify.data.clips import load
from sonify.jobs import parser, run, say
from sonify.models import checkpoint
from sonify.models.device import pick_device
from sonify.progress import Progress
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.rendering import mine


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--out", type=Path, required=True)
    args = options.parse_args()
    device = pick_device(args.settings["device"], args.threads)
    model, card = checkpoint.load(args.model, device)
    clips = load(args.data, [args.settings["split"]])
    with Progress(len(clips), f"mine {card.model}", unit="clips") as bar:
        found = mine(
            Sonifier(model),
            clips,
            card.architecture,
            top=args.settings["top"],
            max_samples=args.settings["batch_samples"],
            device=device,
            progress=bar.update,
        )
    found = found.assign(dataset=clips.dataset, **card.keys)
    tables.write(found, args.out, "top_activations")
    say(f"mine {card.model}: {len(found)} top activations over {len(clips)} clips")


run(main)
