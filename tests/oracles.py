"""Slow second implementations, written from the paper's text; imported only by tests."""

import math

import torch
import torch.nn.functional as F
from captum.attr import NeuronDeconvolution
from torch import Tensor, nn


def literal_sonification(
    chain: nn.Sequential, x: Tensor, layer: int, f_map_index: int | slice
) -> Tensor:
    """The pseudo-code of Figure B.2, line by line, for one clip x, (time,)."""
    feature_maps, switch_indices, sizes = {}, {}, {}
    h, index, deconvnets = x.view(1, 1, -1), 0, {}
    for module in chain:
        if isinstance(module, nn.Conv1d):
            index += 1
            deconvnets[index] = module
            switch_indices[index] = None
            sizes[index] = [h.shape[-1], None]
            h = module(h)
        elif isinstance(module, nn.ReLU):
            h = torch.relu(h)
        elif isinstance(module, nn.MaxPool1d):
            sizes[index][1] = h.size()
            window = (module.kernel_size, module.stride, module.padding)
            pool = nn.MaxPool1d(*window, ceil_mode=module.ceil_mode, return_indices=True)
            h, switch_indices[index] = pool(h)
            switch_indices[index] = (switch_indices[index], pool)
        feature_maps[index] = h

    temp = feature_maps[layer]
    current_map = torch.zeros_like(temp)
    current_map[:, f_map_index] = temp[:, f_map_index]
    curr_block_index = layer
    while curr_block_index >= 1:
        if switch_indices[curr_block_index] is not None:
            switches, pool = switch_indices[curr_block_index]
            unpool = nn.MaxUnpool1d(pool.kernel_size, pool.stride, pool.padding)
            current_map = unpool(current_map, switches, output_size=sizes[curr_block_index][1])
        current_map = torch.relu(current_map)
        conv = deconvnets[curr_block_index]
        current_map = F.conv_transpose1d(
            current_map,
            conv.weight,
            padding=conv.padding[0],
            groups=conv.groups,
            dilation=conv.dilation[0],
        )
        assert current_map.shape[-1] == sizes[curr_block_index][0]
        curr_block_index -= 1
    s = current_map.flatten()
    if s.abs().max() > 0:
        s = s / s.abs().max()
    return s * x.abs().max()


def captum_sonification(
    model: nn.Module, block_end: nn.Module, x: Tensor, f_map_index: int, frame: int | None = None
) -> Tensor:
    """Captum's NeuronDeconvolution of half the squared map (or one frame of it), rescaled as
    Figure B.2 ends."""
    kept = slice(None) if frame is None else slice(frame, frame + 1)
    deconvolution = NeuronDeconvolution(model, block_end)
    raw = deconvolution.attribute(
        x.view(1, 1, -1).clone().requires_grad_(),
        lambda a: 0.5 * (a[:, f_map_index, kept] ** 2).sum(-1),
    ).flatten()
    peak = raw.abs().max()
    return raw / peak * x.abs().max() if peak > 0 else raw


def nt_xent_loops(z1: list[list[float]], z2: list[list[float]], temperature: float) -> float:
    """Equation 1 with three loops over plain numbers: mean over the 2N anchors."""
    z = [*z1, *z2]
    n = len(z1)

    def sim(u: list[float], v: list[float]) -> float:
        dot = sum(a * b for a, b in zip(u, v, strict=True))
        return dot / math.sqrt(sum(a * a for a in u)) / math.sqrt(sum(b * b for b in v))

    total = 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        denominator = 0.0
        for k in range(2 * n):
            if k != i:
                denominator += math.exp(sim(z[i], z[k]) / temperature)
        total -= math.log(math.exp(sim(z[i], z[j]) / temperature) / denominator)
    return total / (2 * n)


def average_precision_by_counting(targets: list[int], scores: list[float]) -> float:
    """Area under the precision-recall steps, each positive counted at its own threshold."""
    positives = sum(targets)
    total = 0.0
    for score, target in zip(scores, targets, strict=True):
        if target:
            above = [t for t, s in zip(targets, scores, strict=True) if s >= score]
            total += sum(above) / len(above)
    return total / positives
