"""Mining a whole split and sonifying what was found: tables in, tables out."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

from sonify.conventions import PCM_PEAK, RATE_HZ
from sonify.data.clips import Clips, length_buckets
from sonify.models.architecture import Architecture
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.mining import TopActivations, maxima

Counter = Callable[[int], None]  # told how many clips or requests are done


def mine(
    sonifier: Sonifier,
    clips: Clips,
    architecture: Architecture,
    *,
    top: int,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """The `top` clips of every filter of every layer: split, clip_id, layer, filter, rank,
    activation, frame, time_s, dead. Batches hold at most `max_samples` samples.
    """
    miner = TopActivations([b.conv.out_channels for b in sonifier.blocks], top)
    done = 0
    for indices in length_buckets(clips.lengths, max_samples):
        x = torch.from_numpy(clips.whole(indices)).to(device)
        miner.update(*maxima(sonifier, x), [clips.ids[i] for i in indices])
        done += len(indices)
        if progress:
            progress(done)
    table = miner.table()
    strides = np.array(architecture.strides)
    table["time_s"] = table["frame"] * strides[table["layer"] - 1] / RATE_HZ
    table["split"] = table["clip_id"].map(dict(zip(clips.ids, clips.splits, strict=True)))
    return table


def render_layers(
    sonifier: Sonifier,
    clips: Clips,
    top: pd.DataFrame,
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> Iterator[pd.DataFrame]:
    """Sonifications of the rows of a top_activations table, one frame a layer, in layer order.

    Each clip runs forward once a layer, however many filters want it; at most `max_samples` samples
    of sonifications are made at once. Adds scale_factor, peak, n_samples and pcm; dead maps are
    silence. Raises ValueError for a clip that is not among `clips`.
    """
    position = {clip: i for i, clip in enumerate(clips.ids)}
    unknown = set(top["clip_id"]) - set(position)
    if unknown:
        raise ValueError(f"clip {min(unknown)} was mined but is not in the split: mine again")
    done = 0
    for layer, rows in top.sort_values(["layer", "filter", "rank"]).groupby("layer"):
        parts = []
        for clip, wanted in rows.groupby("clip_id", sort=True):
            x = torch.from_numpy(clips.whole([position[clip]])).to(device)
            parts.append(_render_clip(sonifier, x, int(layer), wanted, max_samples))
            done += len(wanted)
            if progress:
                progress(done)
        yield pd.concat(parts).sort_values(["filter", "rank"])


def _render_clip(
    sonifier: Sonifier, x: torch.Tensor, layer: int, wanted: pd.DataFrame, max_samples: int
) -> pd.DataFrame:
    """Sonify the rows of one clip and layer out of one forward pass."""
    record = sonifier.forward(x, layer)
    filters = torch.tensor(wanted["filter"].tolist(), device=x.device)
    signals, scales, dead = [], [], []
    for some in filters.split(max(1, max_samples // x.shape[1])):
        found = sonifier.render_from(record, x, layer, torch.zeros_like(some), some)
        signals.append(found.signals.cpu().numpy())
        scales.append(found.scales.cpu().numpy())
        dead.append(found.dead.cpu().numpy())
    peaks, pcm = to_pcm(np.concatenate(signals))
    return wanted.assign(
        scale_factor=np.concatenate(scales).astype(np.float64),
        peak=peaks,
        n_samples=x.shape[1],
        dead=np.concatenate(dead),
        pcm=pcm,
    ).drop(columns=["activation", "frame", "time_s"])


def to_pcm(signals: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Peaks, (signal,), and 16-bit little-endian samples that use the full range, of each signal.

    signals is (signal, time); sample / 32767 * peak gives it back within half a step.
    """
    signals = signals.astype(np.float64)
    peaks = np.abs(signals).max(axis=1)
    steps = np.divide(PCM_PEAK, peaks, out=np.zeros_like(peaks), where=peaks > 0)
    return peaks, [row.tobytes() for row in np.rint(signals * steps[:, None]).astype("<i2")]
