"""Label purity and its controls: an untrained network's filters, and clips drawn at random."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch

from sonify.data.clips import Clips
from sonify.evaluation.measurements.scoring import Counter, whole_clips
from sonify.evaluation.metrics.label_agreement import chances, purity
from sonify.models.checkpoint import ModelCard
from sonify.models.untrained import untrained
from sonify.runtime.errors import SonifyError
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.mining.top_activations import TopActivations, observe

_OWN = ["layer", "filter"]


@torch.no_grad()
def label_controls_table(
    card: ModelCard,
    parts: Iterable[Clips],
    top: pd.DataFrame,
    *,
    rule: str,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the label_controls table of one model: a row for each filter and network.

    `top` is the model's top_activations; `parts` are the mined clips of the split (`data.mined`),
    on which the untrained network is mined by the same `rule`, for as many clips per filter.
    Filters active on fewer than two of their top clips have no purity. Raises SonifyError for a top
    clip that is not in `parts`.
    """
    explainer = build_explainer(DEFAULT, untrained(card, device))
    miner = TopActivations(explainer.filters, int(top["rank"].max()))
    labelled: dict[str, np.ndarray] = {}
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        ids = [clips.ids[i] for i in indices]
        observe(miner, explainer, x, ids, rule)
        labelled.update(zip(ids, clips.targets[indices], strict=True))
    if missing := set(top["clip_id"]) - set(labelled):
        raise SonifyError(f"clip {min(missing)} was mined but is not in the split: mine it again")
    drawn = miner.table()
    drawn = drawn.assign(dead=drawn["activation"] <= 0)
    every = np.stack([labelled[clip] for clip in sorted(labelled)])
    networks = {"sonification": top, "untrained": drawn}
    rows = [_purities(of, labelled).assign(sound=name) for name, of in networks.items()]
    table = pd.concat(rows, ignore_index=True)
    table["chance_purity"] = table["n_living"].map(chances(every, table["n_living"]))
    where = {name: top[name].iloc[0] for name in ("dataset", "split")}
    return table.drop(columns="n_living").assign(**where, **card.keys)


def _purities(top: pd.DataFrame, labelled: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return layer, filter, label_purity, dead and n_living, the top clips that activate it."""
    rows = []
    for (layer, index), own in top.groupby(_OWN):
        living = own.loc[~own["dead"], "clip_id"]
        targets = np.stack([labelled[clip] for clip in living]) if len(living) else np.empty((0, 1))
        rows.append((layer, index, purity(targets), not len(living), len(living)))
    return pd.DataFrame(rows, columns=[*_OWN, "label_purity", "dead", "n_living"])
