"""Tables of the target `beyond` from which every number is known beforehand."""

from itertools import product

import numpy as np
import pandas as pd
from built import built_once

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


def filters(values, seeds=(0, 1, 2), layers=(1, 6, 11)) -> pd.DataFrame:
    """A filter of each layer, with the values of each sound."""
    return pd.DataFrame(
        {**keys("contrastive", seed), "layer": layer, "sound": sound, "dead": False, **measured}
        for seed, layer, (sound, measured) in product(seeds, layers, values.items())
    )


def removal_controls(value, seeds=(0, 1, 2), layers=(1, 6, 11), fractions=(0.1, 0.8)):
    """`value(finetune, sound, fraction, layer, seed)` is the mAP left; 0.5 of the clips whole."""
    sounds = ("sonification", "random_filter", "other_clip", "phase", "rolled", "untrained")
    rows = []
    for finetune, seed in product(("fconly", "full"), seeds):
        conditions = [("clip", 0.0, 0)]
        conditions += [(s, 0.0, layer) for s in (*sounds, "noise") for layer in layers]
        swept = product(("sonification", "noise"), fractions, layers)
        conditions += list(swept)
        for sound, fraction, layer in conditions:
            left = 0.5 if sound == "clip" else value(finetune, sound, fraction, layer, seed)
            rows.append(
                {
                    **keys("contrastive", seed, finetune),
                    "dataset": "fsd50k",
                    "split": "eval",
                    "sound": sound,
                    "target_fraction": fraction,
                    "layer": layer,
                    "metric": "mAP",
                    "value": left,
                    "replicates": left + np.resize([0.01, -0.01], 200),
                    "n_clips": 250,
                    "removed": 0.3,
                    "n_silent": 0,
                }
            )
    return tables.checked(pd.DataFrame(rows), "removal_controls").to_pandas()


def by_clip(name, column, value, sounds, more, seeds=(0, 1, 2), layers=(1, 6, 11), clips=25):
    """A table with a row a clip, layer and sound: `value(regime, sound, layer, seed)` of each."""
    rows = [
        {
            **keys(regime, seed),
            "dataset": "audioset",
            "split": "eval",
            "clip_id": f"s{seed}-{i}",
            "layer": layer,
            "sound": sound,
            column: value(regime, sound, layer, seed),
            **more,
        }
        for regime, seed, layer, sound in product(REGIMES, seeds, layers, sounds)
        for i in range(clips)
    ]
    return tables.checked(pd.DataFrame(rows), name).to_pandas()


def coherence_controls(value, **how):
    more = {"floor": 0.02, "flatness": 0.3, "active_fraction": 0.9, "dead": False}
    sounds = ("sonification", "phase", "untrained", "noise", "top_1", "bottom_4")
    return by_clip("coherence_controls", "coherence", value, sounds, more, **how)


def stems(value, **how):
    more = {"n_sources": 3, "si_sdr_db": 4.0, "auc_time": 0.7, "auc_bins": 0.8, "dead": False}
    sounds = ("clip", "sonification", "phase", "untrained", "random_filter")
    return by_clip("stems", "best_share", value, sounds, more, **how)


METHODS = ("deconvnet", "gradient_times_input", "random_signal")


@built_once
def rivals(value, seeds=(0, 1, 2), layers=(1, 6, 11), clips=25) -> pd.DataFrame:
    """`value(finetune, method, sound, layer, seed)` is what every column of a sound has."""
    sounds = ("sonification", "phase", "untrained")
    rows = []
    for finetune, seed, method in product(("fconly", "full"), seeds, METHODS):
        for layer, sound, clip in product(layers, sounds, range(clips)):
            of = value(finetune, method, sound, layer, seed)
            own = of if sound == "sonification" else None
            measured = ("response", "coherence", "best_share", "sparseness", "complexity")
            measured += ("faithfulness", "faithfulness_logit", "average_drop", "average_increase")
            measured += ("average_increase_logit", "average_gain", "fidelity")
            alone = ("delay_correlation", "randomised_correlation", "cost")
            rows.append(
                {
                    **keys("contrastive", seed, finetune),
                    **{"dataset": "fsd50k", "split": "eval", "clip_id": f"s{seed}-{clip}"},
                    **{"method": method, "layer": layer, "sound": sound, "filter": 1},
                    **dict.fromkeys(measured, of),
                    **dict.fromkeys(alone, own),
                    **{"leads": 1.0, "dead": False},
                }
            )
    return tables.checked(pd.DataFrame(rows), "rivals").to_pandas()


@built_once
def rivals_removal(value, seeds=(0, 1, 2), layers=(1, 6, 11)) -> pd.DataFrame:
    """`value(finetune, method, sound, layer, seed)` is the mAP left; 0.5 of the clips whole."""
    rows = []
    for finetune, seed in product(("fconly", "full"), seeds):
        conditions = [("deconvnet", "clip", 0)]
        conditions += product(METHODS, ("sonification", "phase", "untrained"), layers)
        for method, sound, layer in conditions:
            left = 0.5 if sound == "clip" else value(finetune, method, sound, layer, seed)
            rows.append(
                {
                    **keys("contrastive", seed, finetune),
                    **{"dataset": "fsd50k", "split": "eval", "metric": "mAP", "n_clips": 24},
                    **{"method": method, "layer": layer, "sound": sound},
                    **{"value": left, "replicates": left + np.resize([0.01, -0.01], 200)},
                }
            )
    return tables.checked(pd.DataFrame(rows), "rivals_removal").to_pandas()
