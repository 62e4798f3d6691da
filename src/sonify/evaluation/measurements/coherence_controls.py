"""Controls for coherence: the scores of sounds that training has not shaped (Figure 7).

Besides the controls of `controls`: top_k and bottom_k, sonifications of the most active map of the
network with its last or first k layers replaced by untrained ones.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.clips import Clips
from sonify.evaluation.measurements.controls import explainers, heard_with_controls
from sonify.evaluation.measurements.scoring import Counter
from sonify.evaluation.metrics.coherence import mean_topk_coherence, noise_floor
from sonify.evaluation.metrics.peaks import active_fraction
from sonify.evaluation.metrics.segments import NPERSEG
from sonify.evaluation.metrics.spectra import spectral_shape
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.models.untrained import randomised
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT, build_explainer


@torch.no_grad()
def coherence_controls_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    *,
    rule: str,
    cascade: Sequence[int],
    top_k: int = 5,
    nperseg: int = NPERSEG,
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the coherence_controls table of one model on the parts of one split.

    For each clip, layer and sound, its coherence with the clip, its spectral flatness and active
    fraction. Silence has coherence and active fraction 0 and no flatness. `cascade`: numbers of
    layers to randomise, from either end; randomising the last layers changes only those layers' own
    sounds. Raises SonifyError as `heard_with_controls` and `mean_topk_coherence` do.
    """
    explainer, fresh = explainers(model, card, method, precision, device)
    n = explainer.n_layers
    mixed: dict[str, tuple[Explainer, int]] = {}  # with the first layer that differs
    for k in (k for k in cascade if k < n):
        ends = {f"top_{k}": range(n - k + 1, n + 1), f"bottom_{k}": range(1, k + 1)}
        for name, layers in ends.items():
            network = randomised(model, card, layers, device)
            mixed[name] = (build_explainer(method, network, precision=precision), layers[0])
    rows = []
    for batch in heard_with_controls(
        explainer,
        fresh,
        parts,
        rule=rule,
        max_samples=max_samples,
        device=device,
        progress=progress,
    ):
        x = batch.x.cpu().numpy()
        where = {
            "clip_id": np.array(batch.ids),
            "split": np.array([batch.clips.splits[i] for i in batch.indices]),
        }
        floor = noise_floor(x.shape[1], top_k, nperseg)
        sounds = {name: (signals, 1) for name, signals in batch.sounds.items()}
        for name, (other, first) in mixed.items():
            sounds[name] = other.most_active(batch.x, rule).signals, first
        for name, (signals, first) in sounds.items():
            for layer in range(first, n + 1):
                measures = _measures(x, signals[layer - 1], top_k, nperseg)
                rows.append(
                    pd.DataFrame(where | measures).assign(
                        sound=name, layer=layer, floor=floor, dataset=batch.clips.dataset
                    )
                )
    return pd.concat(rows, ignore_index=True).assign(**card.keys)


def _measures(x: np.ndarray, signals: Tensor, top_k: int, nperseg: int) -> dict[str, np.ndarray]:
    s = signals.cpu().numpy()
    return {
        "coherence": mean_topk_coherence(x, s, top_k, nperseg),
        "flatness": spectral_shape(s, nperseg).flatness,
        "active_fraction": np.array([active_fraction(signal) for signal in s]),
        "dead": np.asarray(~s.any(axis=1)),
    }
