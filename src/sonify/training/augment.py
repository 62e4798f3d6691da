"""Waveform augmentations of appendix A (Table A.1) and mixup (A.3).

Batches are (clip, time) in [-1, 1]. Each function draws its few numbers per clip from `rng`, then
applies them; strengths are config keys because the paper's text gives none. At probability 1 every
crop is changed, and no further random number is drawn.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from sonify.training.recipe import Augmentation, Range


def augment(
    x: Tensor,
    augmentation: Augmentation,
    rng: np.random.Generator,
    noises: Sequence[np.ndarray] | None = None,
) -> Tensor:
    """`x` after every augmentation that is on; `x` itself is left as it was.

    `noises` are recordings, (time,) in [-1, 1], to take backgrounds from instead of other clips.
    Background comes first, so that its signal-to-noise ratio is that of the clips as recorded, or
    after gain and noise, as the authors have it.
    """
    a = augmentation

    def with_background(x: Tensor) -> Tensor:
        if a.background_snr_db is None or (noises is None and len(x) < 2):
            return x
        background = other_clips(x, rng) if noises is None else crops_of(noises, x, rng)
        mix = mix_background if a.background_mixing == "power_ratio" else mix_convexly
        return _some(mix(x, background, a.background_snr_db, rng), x, a.background_probability, rng)

    if a.background == "first":
        x = with_background(x)
    if a.gain_db is not None:
        x = _some(random_gain(x, a.gain_db, rng), x, a.gain_probability, rng)
    if a.noise_amplitude is not None:
        x = _some(gaussian_noise(x, a.noise_amplitude, rng), x, a.noise_probability, rng)
    if a.background == "after_noise":
        x = with_background(x)
    if a.limit_peak:
        x = limit_peak(x)
    if a.time_mask is not None:
        x = mask_time(x, a.time_mask, rng, a.time_masks)
    return x


def random_gain(x: Tensor, gain_db: Range, rng: np.random.Generator) -> Tensor:
    """Every clip times its own gain, uniform in dB."""
    return x * _column(10 ** (rng.uniform(*gain_db, len(x)) / 20), x)


def gaussian_noise(x: Tensor, amplitude: Range, rng: np.random.Generator) -> Tensor:
    """Every clip plus white noise of its own standard deviation."""
    seeded = torch.Generator(device=x.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(x.shape, generator=seeded, device=x.device, dtype=x.dtype)
    return x + noise * _column(rng.uniform(*amplitude, len(x)), x)


def mask_time(
    x: Tensor, largest: float, rng: np.random.Generator, stretches: tuple[int, int] = (1, 1)
) -> Tensor:
    """Every clip with stretches of up to `largest` of its length each silenced.

    `stretches` are the fewest and the most of a clip, all numbers equally likely.
    """
    n, (fewest, most) = x.shape[1], stretches
    count = rng.integers(fewest, most + 1, len(x)) if fewest < most else np.full(len(x), most)
    at = torch.arange(n, device=x.device)
    for stretch in range(most):
        length = rng.uniform(0, largest, len(x)) * n
        start = rng.uniform(0, 1, len(x)) * (n - length)
        first = _column(start, x)
        last = first + _column(np.where(stretch < count, length, 0.0), x)
        x = x.masked_fill((at >= first) & (at < last), 0.0)
    return x


def limit_peak(x: Tensor) -> Tensor:
    """Every clip divided by its peak, if that is above 1."""
    return x / x.abs().amax(1, keepdim=True).clamp_min(1.0)


def other_clips(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A background for every clip: the batch rolled by a random number of places, so that none is
    the clip itself. There must be two clips or more.
    """
    return x.roll(int(rng.integers(1, len(x))), dims=0)


def crops_of(noises: Sequence[np.ndarray], x: Tensor, rng: np.random.Generator) -> Tensor:
    """A background for every clip: a crop at random of a recording at random, repeated to length
    where it is shorter.
    """
    crops, n = np.empty(x.shape, np.float32), x.shape[1]
    for crop, chosen in zip(crops, rng.integers(0, len(noises), len(x)).tolist(), strict=True):
        noise = noises[chosen]
        long = noise if len(noise) >= n else np.resize(noise, n)
        start = int(rng.integers(0, len(long) - n + 1))
        crop[:] = long[start : start + n]
    return torch.from_numpy(crops).to(x.device, x.dtype)


def mix_background(
    x: Tensor, background: Tensor, snr_db: Range, rng: np.random.Generator
) -> Tensor:
    """Every clip plus its background, at a signal-to-noise ratio uniform in dB.

    A silent clip or background leaves the pair as it is.
    """
    power, noise_power = x.square().mean(1, keepdim=True), background.square().mean(1, keepdim=True)
    wanted = power / _column(10 ** (rng.uniform(*snr_db, len(x)) / 10), x)
    scale = torch.where(noise_power > 0, wanted / noise_power.clamp_min(1e-20), 0.0).sqrt()
    return x + background * scale


def mix_convexly(x: Tensor, background: Tensor, snr_db: Range, rng: np.random.Generator) -> Tensor:
    """Convex mixtures of clips and backgrounds, by the authors' formula.

    With q uniform in `snr_db` and g = 10^(q/10), x g/(1+g) + background/(1+g). Levels are not
    measured, and g is a ratio of amplitudes: at equal levels the background is 2q dB below.
    """
    g = _column(10 ** (rng.uniform(*snr_db, len(x)) / 10), x)
    return (x * g + background) / (1 + g)


def mixup(
    x: Tensor,
    y: Tensor,
    alpha: float,
    rng: np.random.Generator,
    targets: Literal["clip", "batch_mean"] = "clip",
) -> tuple[Tensor, Tensor]:
    """Convex mixtures of clips and of their targets with weights from Beta(alpha, alpha).

    x is (clip, time), y (clip, class) in [0, 1]. Partners are a random permutation of the batch.
    With "batch_mean" targets are mixed by the mean of the weights, as by the authors' code for one
    label a clip: its two cross-entropies are means over the batch before they are weighted.
    """
    weight = rng.beta(alpha, alpha, len(x))
    partner = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    if targets == "batch_mean":
        wx, wy = _column(weight, x), _column(np.full(len(y), weight.mean()), y)
    else:
        wx, wy = _column(weight, x), _column(weight, y)
    return wx * x + (1 - wx) * x[partner], wy * y + (1 - wy) * y[partner]


def _some(changed: Tensor, x: Tensor, probability: float, rng: np.random.Generator) -> Tensor:
    """`changed` in the clips that a coin of this probability falls on, `x` in the others."""
    if probability == 1:
        return changed
    chosen = torch.from_numpy(rng.random(len(x)) < probability).to(x.device)
    return torch.where(chosen.unsqueeze(1), changed, x)


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    """One value per clip as a (clip, 1) tensor of the kind of `like`."""
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).unsqueeze(1)
