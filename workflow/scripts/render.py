"""Sonify every filter for each of the clips that activate it most."""

from pathlib import Path

from sonify import tables
from sonify.data.clips import load
from sonify.jobs import parser, run, say
from sonify.models import checkpoint
from sonify.models.device import pick_device
from sonify.progress import Progress
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.rendering import render_layers


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--top", type=Path, required=True, help="the model's top activations")
    options.add_argument("--out", type=Path, required=True)
    args = options.parse_args()
    device = pick_device(args.settings["device"], args.threads)
    model, card = checkpoint.load(args.model, device)
    top = tables.read(args.top, "top_activations")
    with Progress(len(top), f"sonify {card.model}", unit="sonifications") as bar:
        layers = render_layers(
            Sonifier(model),
            load(args.data, [args.settings["split"]]),
            top,
            max_samples=args.settings["batch_samples"],
            device=device,
            progress=bar.update,
        )
        tables.write_parts(layers, args.out, "sonifications")
    say(f"sonify {card.model}: {len(top)} sonifications, {int(top['dead'].sum())} of them dead")


run(main)
