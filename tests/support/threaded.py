"""Train, mine, sonify and measure with a number of threads: `threaded.py CLIPS THREADS OUT`.

CLIPS is a folder of stored clips with a split "eval"; OUT gets the arrays of all results by name.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sonify.data.clips import load_part, part_sizes
from sonify.data.stored import stored
from sonify.evaluation.measurements.coherence import coherence_table
from sonify.evaluation.measurements.scoring import score_tables
from sonify.models.architecture import Architecture, Layout
from sonify.models.device import pick_device
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.parts import mine_parts
from sonify.sonification.rendering import render_layers
from sonify.sonification.settings import Mining
from sonify.training.recipe import Augmentation, Recipe
from sonify.training.run import train_run
from sonify.training.settings import Run

SHAPE = Architecture(layout=Layout((16, 16, 32, 32, 64), (7, 5, 5, 3, 3), (4, 4, 2, 2, 1)))
RECIPE = Recipe(
    objective="multilabel",
    epochs=2,
    batch_size=8,
    crop_s=0.5,
    learning_rate=1e-3,
    weight_decay=0.0,
    warmup_epochs=1,
    shuffle_clips=100,
    mixup_alpha=0.2,
    augmentation=Augmentation((-6, 6), (0.001, 0.01), 0.1, None),
)
RUN = Run("fsd50k-scratch", "fsd50k", "fsd50k", ("eval",), "supervised", "none", None, "CNN12")


def made(folder: Path, threads: int) -> dict[str, np.ndarray]:
    """Every number that the jobs would write, by name."""
    device = pick_device("cpu", threads)
    sizes = part_sizes(folder, ["eval"])
    of = {"max_samples": 30_000, "device": device}
    clips = stored(folder, ["eval"])
    trained = train_run(RUN, 7, RECIPE, clips, architecture=SHAPE, device=device)
    model, card = trained.model.eval(), trained.card
    explainer = Sonifier(model)
    parts = [load_part(file) for file in sizes]
    top = mine_parts(explainer, card, parts, top=3, mining=Mining(), **of)
    sounds = pd.concat(render_layers(explainer, parts, top, **of))
    coherence = coherence_table(model, card, parts, rules=("mean",), **of)
    scores = score_tables(model, card, parts, **of)[0]
    weights = [value.numpy().ravel() for value in model.state_dict().values()]
    return {
        "weights": np.concatenate(weights),
        "loss": trained.history["loss"].to_numpy(),
        "mined": top["clip_id"].to_numpy(str),
        "activation": top["activation"].to_numpy(),
        "sonifications": np.concatenate([np.frombuffer(pcm, "<i2") for pcm in sounds["pcm"]]),
        "coherence": coherence["coherence"].to_numpy(),
        "metrics": scores["value"].to_numpy(),
    }


if __name__ == "__main__":
    np.savez(sys.argv[3], **made(Path(sys.argv[1]), int(sys.argv[2])))
