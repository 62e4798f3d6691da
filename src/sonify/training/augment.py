"""Waveform augmentations of appendix A (Table A.1) and mixup (A.3).

Batches are (clip, time) in [-1, 1]. Each function draws its few numbers per clip from `rng`, then
applies them; strengths are config keys because the paper gives none.
"""

import numpy as np
import torch
from torch import Tensor

from sonify.training.recipe import Augmentation, Range


def augment(x: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """`x` after every augmentation that is on; `x` itself is left as it was.

    Background comes first, so that its signal-to-noise ratio is that of the clips as recorded.
    """
    if augmentation.background_snr_db is not None:
        x = mix_background(x, augmentation.background_snr_db, rng)
    if augmentation.gain_db is not None:
        x = random_gain(x, augmentation.gain_db, rng)
    if augmentation.noise_amplitude is not None:
        x = gaussian_noise(x, augmentation.noise_amplitude, rng)
    if augmentation.time_mask is not None:
        x = mask_time(x, augmentation.time_mask, rng)
    return x


def random_gain(x: Tensor, gain_db: Range, rng: np.random.Generator) -> Tensor:
    """Every clip times its own gain, uniform in dB."""
    return x * _column(10 ** (rng.uniform(*gain_db, len(x)) / 20), x)


def gaussian_noise(x: Tensor, amplitude: Range, rng: np.random.Generator) -> Tensor:
    """Every clip plus white noise of its own standard deviation."""
    seeded = torch.Generator(device=x.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(x.shape, generator=seeded, device=x.device, dtype=x.dtype)
    return x + noise * _column(rng.uniform(*amplitude, len(x)), x)


def mask_time(x: Tensor, largest: float, rng: np.random.Generator) -> Tensor:
    """Every clip with one stretch of up to `largest` of its length silenced."""
    n = x.shape[1]
    length = rng.uniform(0, largest, len(x)) * n
    start = rng.uniform(0, 1, len(x)) * (n - length)
    at = torch.arange(n, device=x.device)
    first = _column(start, x)
    inside = (at >= first) & (at < first + _column(length, x))
    return x.masked_fill(inside, 0.0)


def mix_background(x: Tensor, snr_db: Range, rng: np.random.Generator) -> Tensor:
    """Every clip plus another clip of the batch, at a signal-to-noise ratio uniform in dB.

    Partners are the batch rolled by a random number of places, never a clip itself; a batch of one
    is returned unmixed. A silent clip or background leaves the pair as it is.
    """
    if len(x) < 2:
        return x
    background = x.roll(int(rng.integers(1, len(x))), dims=0)
    power, noise_power = x.square().mean(1, keepdim=True), background.square().mean(1, keepdim=True)
    wanted = power / _column(10 ** (rng.uniform(*snr_db, len(x)) / 10), x)
    scale = torch.where(noise_power > 0, wanted / noise_power.clamp_min(1e-20), 0.0).sqrt()
    return x + background * scale


def mixup(x: Tensor, y: Tensor, alpha: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Convex mixtures of clips and of their targets with weights from Beta(alpha, alpha).

    x is (clip, time), y (clip, class) in [0, 1]. Partners are a random permutation of the batch.
    """
    weight = rng.beta(alpha, alpha, len(x))
    partner = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    wx, wy = _column(weight, x), _column(weight, y)
    return wx * x + (1 - wx) * x[partner], wy * y + (1 - wy) * y[partner]


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    """One value per clip as a (clip, 1) tensor of the kind of `like`."""
    return torch.as_tensor(values, dtype=like.dtype, device=like.device).unsqueeze(1)
