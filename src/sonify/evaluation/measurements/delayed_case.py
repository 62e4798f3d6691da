"""The case of Figure B.3: one map of one clip, sonified with and without zeros before the clip.

Unlike in the measurement of shift invariance, the clip loses as many samples at its end as are put
before it, so the map may die and the scale may change: each sonification is scaled separately. The
test is the lag of their largest cross-correlation with the original clip: 0, and minus the delay.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sonify.contracts import tables
from sonify.data.audio.pcm import encode_each
from sonify.evaluation.measurements.invariance import drawn
from sonify.evaluation.metrics.lags import best_lag
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT, build_explainer


@torch.no_grad()
def case_table(
    model: SoundModel,
    card: ModelCard,
    sizes: dict[Path, int],
    *,
    clips: int,
    shift: int,
    case: tuple[int, int] | None,
    method: str = DEFAULT,
    precision: str = "exact",
    device: torch.device | str = "cpu",
) -> pd.DataFrame:
    """Return table invariance_case of one model: no rows if `case`, (layer, filter), is None.

    Takes the clip of `invariance.drawn` that excites the map most, by its mean over time, among
    clips at least twice as long as `shift`, in samples. Raises SonifyError if there is none.
    """
    if case is None:
        return tables.contract("invariance_case").schema.empty_table().to_pandas()
    layer, index = case
    explainer = build_explainer(method, model, precision=precision, layers=layer)
    best: tuple[float, dict, np.ndarray] | None = None
    for part, i in drawn(sizes, clips):
        x = part.waveform(i)
        if len(x) < 2 * shift:
            continue
        *_, maps = explainer.maps(torch.from_numpy(x)[None].to(device))
        value = float(maps[0, index].mean())
        if best is None or value > best[0]:
            keys = {"dataset": part.dataset, "split": part.splits[i], "clip_id": part.ids[i]}
            best = value, keys, x
    if best is None:
        raise SonifyError(
            f"of the {clips} clips drawn, none has {2 * shift} samples, twice the shown_shift: "
            "lower evaluation.invariance.shown_shift, raise clips, or set case to null"
        )
    _, keys, x = best
    s, delayed = delayed_pair(explainer, x, layer, index, shift, device)
    peaks, pcm = encode_each(np.stack([x, s, delayed]))
    return pd.DataFrame(
        {
            **keys,
            **card.keys,
            "layer": layer,
            "filter": index,
            "signal": ["input", "sonification", "delayed"],
            "shift": [0, 0, shift],
            "lag": [np.nan, best_lag(x, s), best_lag(x, delayed)],
            "peak": peaks,
            "n_samples": len(x),
            "pcm": pcm,
        }
    )


def delayed_pair(
    explainer: Explainer,
    x: np.ndarray,
    layer: int,
    index: int,
    shift: int,
    device: torch.device | str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Sonify one map of x, (time,), and of x behind `shift` zeros, cut to its length: (time,)."""
    behind = np.concatenate([np.zeros(shift, x.dtype), x[: len(x) - shift]])
    both = torch.from_numpy(np.stack([x, behind])).to(device)
    chosen = torch.tensor([0, 1], device=device), torch.tensor([index, index], device=device)
    s, delayed = explainer.render(both, layer, *chosen).signals.cpu().numpy()
    return s, delayed
