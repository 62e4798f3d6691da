"""Shift invariance: how exactly sonifications follow a delayed input (section 3.2, Figure B.3).

The recording is placed in silence: before and after it lie more silent samples than any output of
the network depends on, and a delay moves it within them. So a clip of any length can be delayed by
any shift without losing any of it, and all of it is compared, free of edge effects. Since a
sonification's scale depends on the whole of it, raw deconvolutions are compared, times the scale
factor of the sonification without delay.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from sonify.data.audio.pcm import encode_each
from sonify.data.clips import Clips, load_part
from sonify.evaluation.measurements.scoring import Counter
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator
from sonify.sonification.activity import strongest
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT, build_explainer

# Delays rendered together, as long as the greatest of them needs: silence costs as much as sound.
AT_ONCE = 4


class Invariance(NamedTuple):
    """The tables invariance and invariance_example."""

    table: pd.DataFrame
    example: pd.DataFrame


class Returned(NamedTuple):
    """Sonifications of one delayed clip, shifted back: `signals`, (shift, layer, time), of the same
    `filters`, (layer,); `dead`, (layer,): whether the map is zero everywhere at the first shift.
    """

    signals: np.ndarray
    filters: np.ndarray
    dead: np.ndarray


def invariance_tables(
    model: SoundModel,
    card: ModelCard,
    sizes: dict[Path, int],
    *,
    clips: int,
    shifts: Sequence[int],
    shown_shift: int,
    rule: str,
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> Invariance:
    """Return both tables of one model, of `clips` clips of one split delayed by each of `shifts`.

    Shifts are in samples. Clips are drawn alike for every model, all if there are fewer; `sizes`
    are the parts of the split (`part_sizes`).

    A row compares, for one clip, layer and shift, the sonification of the layer's most active map
    with that of the same map for the delayed clip. The example shows the middle layer, for the clip
    whose sonification has the most energy there. Raises SonifyError unless `shown_shift` is among
    the shifts.
    """
    if shown_shift not in shifts:
        raise SonifyError(f"shown_shift is {shown_shift}: it must be one of {list(shifts)}")
    explainer = build_explainer(method, model, precision=precision)
    strides = np.array(card.architecture.strides)
    middle = (explainer.n_layers + 1) // 2
    margin = silence_margin(card.architecture)
    rows, example, most = [], None, -1.0
    for done, (part, i) in enumerate(drawn(sizes, clips), start=1):
        x, delays = part.waveform(i), [0, *shifts]
        delayed = returned(explainer, x, delays, margin, rule, max_samples, device)
        clip = {"dataset": part.dataset, "split": part.splits[i], "clip_id": part.ids[i]}
        keys = {**clip, **card.keys}
        sonification, others = delayed.signals[0], delayed.signals[1:]
        for shift, signals in zip(shifts, others, strict=True):
            measured = {
                **keys,
                "layer": range(1, explainer.n_layers + 1),
                "filter": delayed.filters,
                "shift": shift,
                "on_stride": shift % strides == 0,
                "sdr_db": sdr_db(sonification, signals),
                "correlation": correlation(sonification, signals),
                "dead": delayed.dead,
            }
            rows.append(pd.DataFrame(measured))
        energy = np.square(sonification[middle - 1]).mean()
        if energy > most:
            shown = delayed.signals[1 + list(shifts).index(shown_shift), middle - 1]
            signals = np.stack([x, sonification[middle - 1], shown])
            at = {"layer": middle, "filter": delayed.filters[middle - 1]}
            example, most = _example({**keys, **at}, signals, shown_shift), energy
        if progress:
            progress(done)
    return Invariance(pd.concat(rows, ignore_index=True), example)


@torch.no_grad()
def returned(
    explainer: Explainer,
    x: np.ndarray,
    shifts: Sequence[int],
    margin: int,
    rule: str,
    max_samples: int,
    device: torch.device | str = "cpu",
) -> Returned:
    """Sonify x, (time,), delayed by each shift, and shift the sonifications back.

    The maps are those most active for the first shift, whose scale factors hold for all. `margin`
    samples of silence stay on either side; runs at most `max_samples` samples, or one shift, at a
    time.
    """
    ends = [margin + shift + len(x) + margin for shift in shifts]
    delayed = np.zeros((len(shifts), max(ends)), x.dtype)
    for row, shift in zip(delayed, shifts, strict=True):
        row[margin + shift :][: len(x)] = x
    waveforms = torch.from_numpy(delayed).to(device)
    filters = torch.cat([strongest(m, rule) for m in explainer.maps(waveforms[:1, : ends[0]])])
    layers = torch.arange(1, explainer.n_layers + 1, device=device)
    at_once = min(AT_ONCE, max(1, max_samples // max(ends)))
    back, scales, dead = [], [], []
    for i in range(0, len(shifts), at_once):
        some = waveforms[i : i + at_once, : max(ends[i : i + at_once])]
        clips = torch.arange(len(some), device=device).repeat_interleave(len(layers))
        made = explainer.render(some, layers.repeat(len(some)), clips, filters.repeat(len(some)))
        signals = made.signals.view(len(some), len(layers), -1)
        for wide, shift in zip(signals, shifts[i : i + at_once], strict=True):
            back.append(wide[:, margin + shift :][:, : len(x)].cpu().numpy())
        scales.append(made.scales.double().cpu().numpy().reshape(len(some), -1))
        dead.append(made.dead.cpu().numpy().reshape(len(some), -1))
    of_all = np.concatenate(scales)
    factors = np.divide(of_all[0], of_all, out=np.zeros_like(of_all), where=of_all > 0)
    compared = np.stack(back).astype(np.float64) * factors[..., None]
    return Returned(compared, filters.cpu().numpy(), dead[0][0])


def sdr_db(s: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Energy of s over that of s - other, in dB, (signal,), of signals (signal, time).

    Infinite where both are equal, NaN where s is silent.
    """
    energy, difference = np.square(s).sum(-1), np.square(s - other).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(energy > 0, 10 * np.log10(energy / difference), np.nan)


def correlation(s: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlation, (signal,) in [-1, 1], of signals (signal, time).

    NaN where s is silent, 0 where only the other is.
    """
    s, other = (v - v.mean(-1, keepdims=True) for v in (s, other))
    product = np.sqrt(np.square(s).sum(-1) * np.square(other).sum(-1))
    values = np.divide((s * other).sum(-1), product, out=np.zeros_like(product), where=product > 0)
    return np.where(s.any(-1), np.clip(values, -1, 1), np.nan)  # rounding may pass 1 by an ulp


def silence_margin(architecture: Architecture) -> int:
    """Return the samples of silence that keep the convolutions' padding out of the comparison.

    A sample of a sonification depends on less than a receptive field either side. It is a whole
    number of frames of the last layer, so that pooling windows fall as in the clip itself.
    """
    stride = architecture.pool_stride
    return -(-architecture.receptive_field // stride) * stride


def drawn(sizes: dict[Path, int], n: int) -> Iterator[tuple[Clips, int]]:
    """Draw `n` clips of a split, each as the part that holds it and its index there."""
    total = sum(sizes.values())
    draw = np.sort(generator("invariance", "clips").permutation(total)[:n])
    first = 0
    for file, size in sizes.items():
        here = draw[(draw >= first) & (draw < first + size)] - first
        if len(here):
            part = load_part(file)
            yield from ((part, int(i)) for i in here)
        first += size


def _example(keys: dict, signals: np.ndarray, shift: int) -> pd.DataFrame:
    """The example's rows, of signals (input, sonification, returned) x (time,)."""
    peaks, pcm = encode_each(signals)
    return pd.DataFrame(
        {
            **keys,
            "signal": ["input", "sonification", "returned"],
            "shift": [0, 0, shift],
            "peak": peaks,
            "n_samples": signals.shape[1],
            "pcm": pcm,
        }
    )
