"""Sonifications of whole clips, and their controls: sounds of the same energy, clip by clip.

sonification: s of the most active map. random_filter, least_active: s of another living filter of
the layer. other_clip: s of the most active map of another clip, cut or repeated to the length of
this one. phase: s with random phases, which is noise in its bands. noise: white noise. untrained:
s of the most active map of an untrained network. rolled: s rolled by half the clip.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonify.data.audio.pcm import decode
from sonify.data.clips import Clips, cut
from sonify.evaluation.measurements.scoring import Counter, whole_clips
from sonify.evaluation.metrics import surrogates
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.models.untrained import untrained
from sonify.runtime.errors import SonifyError
from sonify.sonification.explainer import Explainer, Sonifications
from sonify.sonification.methods import build_explainer
from sonify.sonification.selected import LEAST_ACTIVE, MOST_ACTIVE, RANDOM, sonify_selected

SONIFICATION = "sonification"
CONTROLS = (
    "random_filter",
    "least_active",
    "other_clip",
    "phase",
    "noise",
    "untrained",
    "rolled",
)


@dataclass(frozen=True)
class Heard:
    """One batch of clips of one length, its sonifications and their controls.

    ids: of the clips. x: (clip, time). made: by (selection, layer, clip), selections most_active,
    least_active, random. sounds: by name, sonification first, (layer, clip, time), each with the
    energy of the sonification, or silent. A control is silent where the sonification is, where
    there is no other living filter, or where its own sonification is silence.
    """

    clips: Clips
    indices: np.ndarray
    x: Tensor
    made: Sonifications
    sounds: dict[str, Tensor]

    @property
    def ids(self) -> list[str]:
        """The clips' names."""
        return [self.clips.ids[i] for i in self.indices]


def explainers(
    model: SoundModel, card: ModelCard, method: str, precision: str, device: torch.device | str
) -> tuple[Explainer, Explainer]:
    """Return the explainers of a model and of an untrained network of its architecture."""
    trained, fresh = (
        build_explainer(method, network, precision=precision)
        for network in (model, untrained(card, device))
    )
    return trained, fresh


@torch.no_grad()
def heard_with_controls(
    explainer: Explainer,
    fresh: Explainer,
    parts: Iterable[Clips],
    *,
    rule: str,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> Iterator[Heard]:
    """Yield batches of clips, their sonifications and all controls.

    `fresh` is built on an untrained network.

    Raises SonifyError for an unknown rule, and for a split of a single clip, which has no other.
    """
    for clips, indices, x, others in _with_others(parts, max_samples, device, progress):
        ids = [clips.ids[i] for i in indices]
        places = surrogates.draw_places(clips.dataset, ids, explainer.n_layers)
        selections = (MOST_ACTIVE, LEAST_ACTIVE, RANDOM)
        made = sonify_selected(explainer, x, selections, rule, places)
        sounds = {SONIFICATION: made.signals[0]}
        sounds |= matched_controls(
            made.signals[0],
            {
                "random_filter": made.signals[2],
                "least_active": made.signals[1],
                "other_clip": _strongest(explainer, others, rule, places),
                "untrained": _strongest(fresh, x, rule, places),
            },
            clips.dataset,
            ids,
        )
        yield Heard(clips, indices, x, made, sounds)


def matched_controls(
    s: Tensor, sonified: dict[str, Tensor], dataset: str, ids: Sequence[str]
) -> dict[str, Tensor]:
    """Return controls with the energy of the sonifications s, (layer, clip, time), by name.

    sonified: the controls that are sonifications themselves, of the same shape; the others are made
    here.
    """
    n = s.shape[-1]
    phases = surrogates.draw_phases(dataset, ids, n).to(s.device)
    noise = surrogates.draw_noise(dataset, ids, n).to(s.device, s.dtype)
    every = sonified | {
        "phase": surrogates.phase_randomised(s, phases),
        "noise": noise.expand(s.shape),
        "rolled": s.roll(n // 2, dims=-1),
    }
    energies = surrogates.energy(s)
    return {name: surrogates.matched(every[name], energies) for name in CONTROLS}


def _strongest(explainer: Explainer, x: Tensor, rule: str, places: Tensor) -> Tensor:
    return sonify_selected(explainer, x, (MOST_ACTIVE,), rule, places).signals[0]


def _with_others(
    parts: Iterable[Clips], max_samples: int, device: torch.device | str, progress: Counter | None
) -> Iterator[tuple[Clips, np.ndarray, Tensor, Tensor]]:
    """Yield batches as `whole_clips`, and other clips of the same lengths, (clip, time)."""
    pool: Clips | None = None
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        pool = clips if pool is None or len(clips) > 1 else pool
        others = [_other(clips.ids[i], pool, x.shape[1]) for i in indices]
        yield clips, indices, x, torch.from_numpy(np.stack(others)).to(device)


def _other(clip_id: str, pool: Clips, n_samples: int) -> np.ndarray:
    if set(pool.ids) == {clip_id}:
        raise SonifyError(
            f"{pool.dataset} has one clip, {clip_id}, in the split measured: controls need another"
        )
    partner = surrogates.draw_partner(pool.dataset, clip_id, pool.ids)
    return decode(cut(pool.pcm(partner), 0, n_samples))
