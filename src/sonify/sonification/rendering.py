"""Sonification of the mined clips: tables in, tables out."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch

from sonify.data.audio.pcm import decode, encode_each
from sonify.data.clips import Clips
from sonify.data.kept import Kept
from sonify.data.mined import centres
from sonify.sonification.explainer import Explainer


def render_layers(
    explainer: Explainer,
    parts: Iterable[Clips],
    top: pd.DataFrame,
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
    kept: Kept | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the sonifications of a top_activations table, one frame per layer, in layer order.

    `parts` are those of the mined split, of which only the mined clips, or their centres if those
    were mined, are kept in memory. Clips of
    equal length are sonified together, at most `max_samples` samples of sonifications at a time.
    Adds scale_factor, peak, n_samples and pcm; dead maps are silence. `progress` is called with the
    number of sonifications done. Layers that `kept` has are not sonified again. Raises SonifyError
    as `centres` does.
    """
    kept = kept or Kept()
    waveforms = centres(parts, top.set_index("clip_id")["n_samples"])
    count = progress or (lambda done: None)
    done = 0

    def sonified(layer: int, rows: pd.DataFrame) -> pd.DataFrame:
        made, before = [], done
        lengths = rows["clip_id"].map(lambda clip: len(waveforms[clip]))
        for n, alike in rows.groupby(lengths, sort=True):
            alike, size = alike.sort_values("clip_id", kind="stable"), max(1, max_samples // n)
            for first in range(0, len(alike), size):
                wanted = alike[first : first + size]
                made.append(_rendered(explainer, waveforms, layer, wanted, device))
                before += len(wanted)
                count(before)
        return pd.concat(made).sort_values(["filter", "rank"])

    for layer, rows in top.sort_values(["layer", "filter", "rank"]).groupby("layer"):
        make = partial(sonified, int(layer), rows)
        yield kept.table(f"layer-{layer:02d}", "sonifications", make)
        done += len(rows)


def _rendered(
    explainer: Explainer,
    waveforms: dict[str, np.ndarray],
    layer: int,
    wanted: pd.DataFrame,
    device: torch.device | str,
) -> pd.DataFrame:
    """Sonify the rows of one layer, of clips of one length."""
    clips, names = pd.factorize(wanted["clip_id"])
    x = decode(np.stack([waveforms[clip] for clip in names]))
    filters = torch.tensor(wanted["filter"].to_numpy(), dtype=torch.int64)
    made = explainer.render(torch.from_numpy(x).to(device), layer, torch.tensor(clips), filters)
    peaks, pcm = encode_each(made.signals.cpu().numpy())
    return wanted.assign(
        scale_factor=made.scales.cpu().numpy().astype(np.float64),
        peak=peaks,
        n_samples=x.shape[1],
        dead=made.dead.cpu().numpy(),
        pcm=pcm,
    ).drop(columns=["score", "activation", "frame", "time_s"])
