"""Suggest a gain for recordings that are not at the scale that a model was trained on."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonify.sonification.trace.chain import padding_of

# How much a first layer's outputs vary, in units of its biases. Measured on noise, tones, a street
# and clips that are mostly silent: 1 to 100 in trained networks on the waveforms they expect
# (SoundNet, CREPE, CNN12), 0.16 to 5 in untrained ones, and 0.004 to 0.045 in SoundNet on waveforms
# in [-1, 1], where it expects 256 times as much.
HEARD = 0.05  # below it, a layer's outputs are little but its biases
USUAL = 5.0


@torch.no_grad()
def suggested_gain(conv: nn.Conv1d, gain: float, x: Tensor) -> float | None:
    """Return the approximate gain at which a first layer would respond to x, (clip, time).

    None if it already does at `gain`. It responds if its outputs vary over time about as much as
    its biases shift them (median over filters): networks trained on waveforms in [-256, 256] have
    kernels too weak for [-1, 1]. Also None without biases, where nothing can be said.
    """
    if conv.bias is None:
        return None
    padding = padding_of(conv)
    out = F.conv1d(x[:, None], conv.weight, None, conv.stride, padding, conv.dilation)
    varying = gain * out.transpose(0, 1).flatten(1).std(dim=1)
    shifting = conv.bias.abs()
    heard = float((varying / shifting.clamp_min(torch.finfo(x.dtype).tiny)).median())
    if not 0 < heard < HEARD:
        return None
    return float(f"{gain * USUAL / heard:.1g}")


def first_convolution(model: nn.Module) -> nn.Conv1d | None:
    """Return the model's first convolution of one channel, the waveform; None if it has none."""
    own = (m for m in model.modules() if isinstance(m, nn.Conv1d) and m.in_channels == 1)
    return next(own, None)
