"""Surrogates: sounds that share a sonification's energy and some other property, clip by clip.

All random draws are from generators named after the clip, so that every model and layer is compared
with the same ones, however clips are batched.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sonify.runtime.seeds import generator


def energy(x: Tensor) -> Tensor:
    """Return the sum of squares over time, in float64: (..., time) to (...,)."""
    return x.double().square().sum(-1)


def matched(sounds: Tensor, energies: Tensor) -> Tensor:
    """Scale sounds, (..., time), to `energies`, (...,); silence stays silent."""
    own = energy(sounds)
    factors = torch.where(own > 0, energies / own.clamp_min(torch.finfo(own.dtype).tiny), 0.0)
    return (sounds.double() * factors.sqrt().unsqueeze(-1)).to(sounds.dtype)


def phase_randomised(sounds: Tensor, phases: Tensor) -> Tensor:
    """Return sounds with the same power spectrum and other phases, (..., clip, time).

    phases, (clip, bin), replace those of all bins except the real ones: 0 Hz and, with an even
    number of samples, half the sampling rate (Theiler et al. 1992). A sonification becomes noise in
    its bands.
    """
    n = sounds.shape[-1]
    spectra = torch.fft.rfft(sounds.double())
    turned = torch.polar(spectra.abs(), phases.double().expand(spectra.shape))
    turned[..., 0] = spectra[..., 0]
    if n % 2 == 0:
        turned[..., -1] = spectra[..., -1]
    return torch.fft.irfft(turned, n=n).to(sounds.dtype)


def projection(x: Tensor, sounds: Tensor) -> Tensor:
    """Return the multiple of each sound that leaves the least of its clip: αs, α = <x, s> / <s, s>.

    x is (clip, time), sounds (..., clip, time); silence stays silent.
    """
    own = energy(sounds)
    common = (x.double() * sounds.double()).sum(-1)
    factors = torch.where(own > 0, common / own.clamp_min(torch.finfo(own.dtype).tiny), 0.0)
    return (sounds.double() * factors.unsqueeze(-1)).to(sounds.dtype)


def draw_phases(dataset: str, clip_ids: Sequence[str], n_samples: int) -> Tensor:
    """Return phases for `phase_randomised` of clips of one length, (clip, bin), in float64."""
    draws = [
        _named("phases", dataset, clip).uniform(-np.pi, np.pi, n_samples // 2 + 1)
        for clip in clip_ids
    ]
    return torch.from_numpy(np.stack(draws))


def draw_noise(dataset: str, clip_ids: Sequence[str], n_samples: int) -> Tensor:
    """Return white Gaussian noise for each clip, (clip, time), in float64."""
    draws = [_named("noise", dataset, clip).standard_normal(n_samples) for clip in clip_ids]
    return torch.from_numpy(np.stack(draws))


def draw_places(dataset: str, clip_ids: Sequence[str], n: int) -> Tensor:
    """Return n numbers in [0, 1) for each clip, (clip, n): which filters are drawn, by layer."""
    draws = [_named("filters", dataset, clip).random(n) for clip in clip_ids]
    return torch.from_numpy(np.stack(draws))


def draw_partner(dataset: str, clip_id: str, others: Sequence[str]) -> int:
    """Return the index of a clip among `others` that is not `clip_id`, which may be among them."""
    candidates = [i for i, other in enumerate(others) if other != clip_id]
    return candidates[int(_named("partner", dataset, clip_id).integers(len(candidates)))]


def _named(purpose: str, dataset: str, clip_id: str) -> np.random.Generator:
    return generator("controls", purpose, dataset, clip_id)
