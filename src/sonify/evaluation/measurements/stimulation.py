"""Stimulation: does a sonification, played to the network, excite the filter it was made from?

The paper says that removal "alters feature map activity" (section 4.1) and does not measure it.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.clips import Clips
from sonify.evaluation.measurements.controls import (
    SONIFICATION,
    Heard,
    explainers,
    heard_with_controls,
)
from sonify.evaluation.measurements.scoring import Counter
from sonify.evaluation.metrics import surrogates
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT
from sonify.sonification.selected import MOST_ACTIVE, RANDOM, clip_activity, layer_activity

# Controls that are played to the most active filter, besides its sonification and the residual.
HEARD = ("random_filter", "other_clip", "phase", "noise", "untrained")


@torch.no_grad()
def stimulation_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    *,
    rule: str,
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the stimulation table of one model on the parts of one split.

    For each clip and layer, the most active filter by `rule` and a random other living one hear the
    clip, their own sonification of it, the clip without that, and surrogates of its energy.
    response is their activity relative to that on the clip. Raises SonifyError as
    `heard_with_controls`.
    """
    explainer, fresh = explainers(model, card, method, precision, device)
    rows = [
        _measured(explainer, batch, rule)
        for batch in heard_with_controls(
            explainer,
            fresh,
            parts,
            rule=rule,
            max_samples=max_samples,
            device=device,
            progress=progress,
        )
    ]
    return pd.concat(rows, ignore_index=True).assign(**card.keys)


def _measured(explainer: Explainer, batch: Heard, rule: str) -> pd.DataFrame:
    x = batch.x.expand(explainer.n_layers, *batch.x.shape)
    s, names = batch.sounds[SONIFICATION], batch.ids
    own = batch.made.signals[2]  # of the filter drawn at random
    whole = clip_activity(explainer, batch.x, rule)
    heard = {"clip": whole, SONIFICATION: layer_activity(explainer, s, rule)}
    heard |= {"residual": layer_activity(explainer, x - s, rule)}
    heard |= {name: layer_activity(explainer, batch.sounds[name], rule) for name in HEARD}
    frames = [responses(heard, whole, batch.made.filters[0], MOST_ACTIVE)]
    phases = surrogates.draw_phases(batch.clips.dataset, names, x.shape[-1]).to(x.device)
    noise = surrogates.draw_noise(batch.clips.dataset, names, x.shape[-1]).to(x.device, x.dtype)
    energies = surrogates.energy(own)
    alike = {
        "phase": surrogates.matched(surrogates.phase_randomised(own, phases), energies),
        "noise": surrogates.matched(noise.expand(own.shape), energies),
    }
    heard = {"clip": whole, SONIFICATION: layer_activity(explainer, own, rule)}
    heard |= {"residual": layer_activity(explainer, x - own, rule)}
    heard |= {name: layer_activity(explainer, sound, rule) for name, sound in alike.items()}
    frames += [responses(heard, whole, batch.made.filters[2], RANDOM)]
    of = {"clip_id": np.array(names), "split": [batch.clips.splits[i] for i in batch.indices]}
    table = pd.concat(frames, ignore_index=True)
    for column, values in of.items():
        table[column] = np.asarray(values)[table["at"]]
    return table.drop(columns="at").assign(dataset=batch.clips.dataset)


def responses(
    heard: dict[str, list[Tensor]], whole: list[Tensor], filters: Tensor, selection: str
) -> pd.DataFrame:
    """Return a row for each sound, layer and clip: how active a filter is on that sound.

    heard: activity, (clip, filter) by layer, on each sound; whole: the same on the clip. filters:
    by layer and clip, -1 for none. `at` is the index of the clip in the batch.
    """
    frames = []
    for layer, chosen in enumerate(filters, start=1):
        index = chosen.clamp_min(0).unsqueeze(1)
        on_clip = whole[layer - 1].gather(1, index).squeeze(1).double()
        known = (chosen >= 0) & (on_clip > 0)
        for sound, layers in heard.items():
            every = layers[layer - 1]
            answered = answer(every, index, on_clip, known)
            leads = (answered["filter_rank"] == 1).double()
            columns = {
                "filter": chosen.clamp_min(0),
                **answered,
                "leads": torch.where(known, leads, torch.nan),
            }
            frame = pd.DataFrame({name: v.cpu().numpy() for name, v in columns.items()})
            frame["at"] = np.arange(len(frame))
            frames.append(
                frame.assign(
                    selection=selection, sound=sound, layer=layer, n_filters=every.shape[1]
                )
            )
    return pd.concat(frames, ignore_index=True)


def answer(every: Tensor, index: Tensor, on_clip: Tensor, known: Tensor) -> dict[str, Tensor]:
    """Return response, filter_rank and dead of filters to sounds, (sound,) each.

    every: activity of the layer's filters, (sound, filter); index: the filters in question, (sound,
    1); on_clip: their activity on the sounds' clips. Where that is not `known`, response and rank
    are NaN.
    """
    active = every.gather(1, index)
    return {
        "response": torch.where(known, active.squeeze(1).double() / on_clip, torch.nan),
        "filter_rank": torch.where(known, (every > active).sum(1) + 1.0, torch.nan),
        "dead": ~known,
    }
