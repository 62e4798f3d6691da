"""Tables of the target `beyond` from which every number is known beforehand."""

from itertools import product

import numpy as np
import pandas as pd

from sonify.contracts import tables

REGIMES = ("contrastive", "supervised")
SOUNDS = ("clip", "sonification", "residual", "random_filter", "phase", "noise")


def keys(regime: str, seed: int, finetune: str = "none") -> dict:
    run = regime if finetune == "none" else f"fsd50k-{regime}-{finetune}"
    return {
        "model": f"{run}-s{seed}",
        "run": run,
        "regime": regime,
        "finetune": finetune,
        "architecture": "CNN12",
        "seed": seed,
    }


def stimulation(value, seeds=(0, 1, 2), layers=(1, 6, 11), clips=25) -> pd.DataFrame:
    """`value(regime, selection, sound, layer, seed)` is the mean response; half of the clips lie
    0.01 above it, half below, and one of an odd number at it. A filter leads where the response
    exceeds 0.5."""
    rows = []
    aside = np.resize([0.01, -0.01], clips - clips % 2).tolist() + [0.0] * (clips % 2)
    for regime, seed, layer in product(REGIMES, seeds, layers):
        for selection, sound in product(("most_active", "random"), SOUNDS):
            mean = value(regime, selection, sound, layer, seed)
            rows += [
                {
                    **keys(regime, seed),
                    "dataset": "audioset",
                    "split": "eval",
                    "clip_id": f"s{seed}-{i}",
                    "layer": layer,
                    "selection": selection,
                    "filter": 1,
                    "sound": sound,
                    "response": mean + by,
                    "filter_rank": 1.0 if mean > 0.5 else 3.0,
                    "leads": float(mean > 0.5),
                    "n_filters": 8,
                    "dead": False,
                }
                for i, by in enumerate(aside)
            ]
    return tables.checked(pd.DataFrame(rows), "stimulation").to_pandas()
