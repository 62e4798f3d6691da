"""Rivals of the deconvnet by Captum, Zennit and plain loops: the raw sound of a map, (clip, time).

`chain` is as the model has it, x is (clip, time), filters (clip,).
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import NeuronGradient, NeuronGuidedBackprop, NeuronIntegratedGradients
from oracles import NO_ZENNIT
from torch import Tensor, nn

from sonify.sonification.rivals.gradients import STEPS
from sonify.sonification.rivals.relevance import EPSILON

if not NO_ZENNIT:
    from zennit.composites import NameMapComposite
    from zennit.rules import Epsilon, Pass, ZPlus

Oracle = Callable[[nn.Sequential, Tensor, int, Tensor], Tensor]


def end(chain: nn.Sequential, layer: int) -> int:
    """Position of the last module of a block."""
    convs = [i for i, module in enumerate(chain) if isinstance(module, nn.Conv1d)]
    return [*convs, len(chain)][layer] - 1


def half_squared(maps: Tensor, filters: Tensor) -> Tensor:
    return 0.5 * (maps[torch.arange(len(maps)), filters] ** 2).sum(-1)


def gradient_times_input(chain, x, layer, filters):
    clips = x.unsqueeze(1).clone().requires_grad_()
    of = NeuronGradient(chain, chain[end(chain, layer)])
    return x * of.attribute(clips, lambda a: half_squared(a, filters)).detach()[:, 0]


def guided_backpropagation(chain, x, layer, filters):
    clips = x.unsqueeze(1).clone().requires_grad_()
    of = NeuronGuidedBackprop(chain, chain[end(chain, layer)])
    return of.attribute(clips, lambda a: half_squared(a, filters)).detach()[:, 0]


def integrated_gradients(chain, x, layer, filters):
    """One clip at a time, since all steps of all clips go through the selector together."""
    of = NeuronIntegratedGradients(chain, chain[end(chain, layer)])
    found = []
    for clip, filter in zip(x, filters, strict=True):
        clips = clip[None, None].clone().requires_grad_()
        same = filter.expand(STEPS)
        found.append(
            of.attribute(
                clips, lambda a, f=same: half_squared(a, f[: len(a)]), n_steps=STEPS
            ).detach()[:, 0]
        )
    return torch.cat(found)


def layerwise_relevance(chain, x, layer, filters):
    part = chain[: end(chain, layer) + 1]
    rules: dict[type, list[str]] = {}
    for name, module in part.named_children():
        rules.setdefault(type(module), []).append(name)
    first, *others = rules[nn.Conv1d]
    named = [([first], Epsilon(EPSILON)), (rules[nn.ReLU], Pass())]
    composite = NameMapComposite(named + ([(others, ZPlus(EPSILON))] if others else []))
    clips = x.unsqueeze(1).clone().requires_grad_()
    with composite.context(part) as modified:
        maps = modified(clips)
        seed, every = torch.zeros_like(maps), torch.arange(len(x))
        seed[every, filters] = maps.detach()[every, filters]
        return torch.autograd.grad(maps, clips, seed)[0][:, 0]


def averaged(chain, x, layer, filters):
    """The deconvnet that gives each place of a window a part of its value."""

    def up(stream: Tensor, pool: nn.MaxPool1d, frames: int) -> Tensor:
        wide = np.zeros((*stream.shape[:2], frames))
        for frame in range(stream.shape[2]):
            for place in range(pool.stride):
                at = frame * pool.stride - pool.padding + place
                if 0 <= at < frames:
                    wide[..., at] = stream[..., frame].numpy() / pool.stride
        return torch.from_numpy(wide)

    return _upsampled(chain, x, layer, filters, up)


def interpolated(chain, x, layer, filters):
    """The deconvnet with lines between the centres of the windows."""

    def up(stream: Tensor, pool: nn.MaxPool1d, frames: int) -> Tensor:
        centres = np.arange(stream.shape[2]) * pool.stride + (pool.stride - 1) / 2 - pool.padding
        wide = np.zeros((*stream.shape[:2], frames))
        covered = min(frames, stream.shape[2] * pool.stride - pool.padding)
        for clip in range(len(stream)):
            for filter in range(stream.shape[1]):
                values = stream[clip, filter].numpy()
                wide[clip, filter, :covered] = np.interp(np.arange(covered), centres, values)
        return torch.from_numpy(wide)

    return _upsampled(chain, x, layer, filters, up)


@torch.no_grad()
def _upsampled(chain, x, layer, filters, up) -> Tensor:
    h, inputs, blocks = x.unsqueeze(1), [], []
    for module in chain[: end(chain, layer) + 1]:
        if isinstance(module, nn.Conv1d):
            inputs.append(h.shape[-1])
            blocks.append([module])
        h = module(h)
        if isinstance(module, nn.ReLU):
            frames = h.shape[-1]
        if isinstance(module, nn.MaxPool1d):
            blocks[-1] += [module, frames]
    stream = torch.zeros_like(h)
    stream[torch.arange(len(x)), filters] = h[torch.arange(len(x)), filters]
    for length, (conv, *pool) in zip(inputs[::-1], blocks[::-1], strict=True):
        stream = torch.relu(up(stream, *pool) if pool else stream)
        stream = F.conv_transpose1d(
            stream, conv.weight, None, 1, conv.padding, 0, conv.groups, conv.dilation
        )
        assert stream.shape[-1] == length
    return stream[:, 0]


ORACLES: dict[str, Oracle] = {
    "gradient_times_input": gradient_times_input,
    "guided_backpropagation": guided_backpropagation,
    "integrated_gradients": integrated_gradients,
    "layerwise_relevance": layerwise_relevance,
    "unpooling_hold": averaged,
    "unpooling_linear": interpolated,
}
if NO_ZENNIT:
    del ORACLES["layerwise_relevance"]
