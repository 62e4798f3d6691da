"""Measure the coherence of every clip with the sonification of each layer's most active map."""

from pathlib import Path

from sonify import tables
from sonify.data.clips import load
from sonify.evaluation.similarity import coherence_table
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
    with Progress(len(clips), f"coherence {card.model}", unit="clips") as bar:
        found = coherence_table(
            model,
            card,
            clips,
            rule=args.settings["rule"],
            top_k=args.settings["top_k"],
            nperseg=args.settings["nperseg"],
            max_samples=args.settings["batch_samples"],
            device=device,
            progress=bar.update,
        )
    tables.write(found, args.out, "coherence")
    say(f"coherence {card.model}: {len(clips)} clips, {found['layer'].max()} layers")


run(main)
