"""Train and score classifiers on the first layers of a pretrained encoder."""

from functools import partial
from pathlib import Path

from sonify.contracts import tables
from sonify.data.clips import part_sizes, parts
from sonify.data.stored import stored
from sonify.evaluation.stages.layer_importance import layer_importance_table, passes
from sonify.models import checkpoint
from sonify.models.device import pick_device
from sonify.runtime.jobs import parser, run, say
from sonify.runtime.progress import Progress
from sonify.training.probes import probing_from


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--start", type=Path, required=True, help="folder of the encoder's model")
    options.add_argument("--data", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--out", type=Path, required=True, help="table to write")
    args = options.parse_args()
    settings, probing = args.settings, probing_from(args.settings)
    split, name = [settings["split"]], f"probe {probing.model}"
    n_clips = sum(part_sizes(args.data, split).values())  # fails before the training, not after it
    with Progress(passes(probing), name, unit="passes") as bar:
        found = layer_importance_table(
            probing,
            checkpoint.load(args.start),
            stored(args.data, probing.run.splits),
            partial(parts, args.data, split),
            max_samples=settings["batch_samples"],
            device=pick_device(settings["device"], args.threads),
            progress=bar.update,
        )
    tables.write(found, args.out, "layer_importance")
    best = found[found["metric"] == "mAP"].nlargest(1, "value").iloc[0]
    say(f"{name}: {n_clips} clips, mAP {best['value']:.3f} at best, after layer {best['layer']}")


run(main)
