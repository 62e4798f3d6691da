"""Sonification of the mined clips: tables in, tables out."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial

import numpy as np
import pandas as pd
import torch

from sonify.data.audio.pcm import decode, encode_each
from sonify.data.clips import Clips, Part, in_memory
from sonify.data.kept import Kept
from sonify.data.mined import centres
from sonify.sonification.explainer import Explainer

_MINED = ["score", "activation", "frame", "time_s"]  # columns of top_activations alone


def render_layers(
    explainer: Explainer,
    parts: Iterable[Clips | Part],
    top: pd.DataFrame,
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
    kept: Kept | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the sonifications of a top_activations table, one frame per layer, in layer order.

    `parts` are those of the mined split; only the mined clips, or their centres if those were
    mined, are kept in memory. Clips of equal length are sonified together, at most `max_samples`
    samples of sonifications at a time. Adds scale_factor, peak, n_samples and pcm; dead maps are
    silence. `progress` is called with the number of sonifications done. Layers that `kept` has are
    not sonified again; a share sonifies every n-th batch of a layer. Raises SonifyError as
    `centres` does.
    """
    held = kept or Kept()
    count = progress or (lambda done: None)

    @cache
    def waveforms() -> dict[str, np.ndarray]:
        return centres(map(in_memory, parts), top.set_index("clip_id")["n_samples"])

    def sonified(layer: int, rows: pd.DataFrame, done: int) -> pd.DataFrame:
        batches = []
        lengths = rows["clip_id"].map(lambda clip: len(waveforms()[clip]))
        for n, alike in rows.groupby(lengths, sort=True):
            alike, size = alike.sort_values("clip_id", kind="stable"), max(1, max_samples // n)
            batches += [alike[first : first + size] for first in range(0, len(alike), size)]
        made = [rows[:0].assign(scale_factor=0.0, peak=0.0, pcm=b"").drop(columns=_MINED)]
        for number, wanted in enumerate(batches):
            if held.owns(number):
                made.append(_rendered(explainer, waveforms(), layer, wanted, device))
                done += len(wanted)
                count(done)
        return pd.concat(made[1:] or made).sort_values(["filter", "rank"])

    before = 0
    for layer, rows in top.sort_values(["layer", "filter", "rank"]).groupby("layer"):
        make = partial(sonified, int(layer), rows, before // held.step)
        made = [
            held.table(name, "sonifications", make) for name in held.pieces(f"layer-{layer:02d}")
        ]
        yield pd.concat(made).sort_values(["filter", "rank"])
        before += len(rows)


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
    ).drop(columns=_MINED)
