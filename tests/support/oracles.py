"""Slow second implementations, written from the paper's text; imported only by tests."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from captum.attr import NeuronDeconvolution
from scipy.signal import welch
from torch import Tensor, nn

try:
    from zennit.composites import DeconvNet
except (ImportError, OSError, RuntimeError) as error:
    NO_ZENNIT = f"Zennit does not load beside this build of torch: {error}"
else:
    NO_ZENNIT = ""

# One for all clips, one per clip, each clip's most active, or (slice) all filters at once.
Filters = int | Tensor | slice | None


def literal_forward(
    chain: nn.Sequential, x: Tensor, shared: list[Tensor | None] | None = None
) -> tuple[dict, dict, dict, dict]:
    """The forward half of Figure B.2 for x, (clip, time): feature maps, switches, convs, sizes.

    `shared` are switches of another implementation to pool at, one per block, so that near-ties
    fall alike in float32; each must point at a maximum of its window to within rounding.
    """
    feature_maps, switch_indices, deconvnets, sizes = {}, {}, {}, {}
    h, index = x.unsqueeze(1), 0
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
            pool = nn.MaxPool1d(*window, return_indices=True, ceil_mode=module.ceil_mode)
            pooled, switches = pool(h)
            if shared is not None:
                switches = shared[index - 1]
                at_switches = h.gather(-1, switches)
                torch.testing.assert_close(at_switches, pooled, rtol=1e-4, atol=1e-5)
                pooled = at_switches
            h, switch_indices[index] = pooled, (switches, pool)
        feature_maps[index] = h
    return feature_maps, switch_indices, deconvnets, sizes


def before_pooling(chain: nn.Sequential, x: Tensor) -> dict[int, Tensor]:
    """Maps of x, (clip, time), after the ReLU and before the pool.

    By layer, (clip, filter, frame).
    """
    maps, h = {}, x.unsqueeze(1)
    for module in chain:
        h = module(h)
        if isinstance(module, nn.ReLU):
            maps[len(maps) + 1] = h
    return maps


def literal_sonification(
    chain: nn.Sequential,
    x: Tensor,
    layer: int,
    f_map_index: Filters = None,
    shared: list[Tensor | None] | None = None,
) -> Tensor:
    """The pseudo-code of Figure B.2, line by line, for x, (time,) or (clip, time)."""
    clips = x.view(-1, x.shape[-1])
    feature_maps, switch_indices, deconvnets, sizes = literal_forward(chain, clips, shared)
    temp = feature_maps[layer]
    rows, chosen = _chosen(temp, f_map_index)
    current_map = torch.zeros_like(temp)
    current_map[rows, chosen] = temp[rows, chosen]
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
    return _scaled(current_map, x)


def captum_sonification(
    chain: nn.Sequential,
    x: Tensor,
    layer: int,
    f_map_index: Filters = None,
    frame: int | None = None,
) -> Tensor:
    """Captum's NeuronDeconvolution of half the squared map, or of one frame of it."""
    deconvolution = NeuronDeconvolution(chain, chain[_end(chain, layer)])
    clips = x.view(-1, 1, x.shape[-1]).clone().requires_grad_()
    return _scaled(deconvolution.attribute(clips, lambda a: _seed(a, f_map_index, frame)), x)


def zennit_sonification(
    chain: nn.Sequential, x: Tensor, layer: int, f_map_index: Filters = None
) -> Tensor:
    """The gradient of half the squared map under Zennit's DeconvNet composite."""
    clips = x.view(-1, 1, x.shape[-1]).clone().requires_grad_()
    with DeconvNet().context(chain[: _end(chain, layer) + 1]) as modified:
        seed = _seed(modified(clips), f_map_index)
        return _scaled(torch.autograd.grad(seed.sum(), clips)[0], x)


class Rectified(torch.autograd.Function):
    """ReLU whose gradient is rectified itself and passes everywhere."""

    @staticmethod
    def forward(ctx, h: Tensor) -> Tensor:
        return h.clamp_min(0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return torch.relu(gradient)


def autograd_sonification(
    chain: nn.Sequential, x: Tensor, layer: int, f_map_index: Filters = None
) -> Tensor:
    """The gradient of half the squared map where ReLU's gradient is relu(gradient)."""
    h = clips = x.view(-1, 1, x.shape[-1]).clone().requires_grad_()
    for module in chain[: _end(chain, layer) + 1]:
        h = Rectified.apply(h) if isinstance(module, nn.ReLU) else module(h)
    return _scaled(torch.autograd.grad(_seed(h, f_map_index).sum(), clips)[0], x)


ORACLES = {
    "Figure B.2": literal_sonification,
    "Captum": captum_sonification,
    "Zennit": zennit_sonification,
    "autograd": autograd_sonification,
}
if NO_ZENNIT:
    del ORACLES["Zennit"]


def _end(chain: nn.Sequential, layer: int) -> int:
    """Position of the last module of a block."""
    convs = [i for i, module in enumerate(chain) if isinstance(module, nn.Conv1d)]
    return [*convs, len(chain)][layer] - 1


def _chosen(maps: Tensor, f_map_index: Filters) -> tuple[Tensor, Tensor | slice]:
    if isinstance(f_map_index, slice):
        return torch.arange(len(maps)), f_map_index
    chosen = maps.amax(-1).argmax(-1) if f_map_index is None else torch.as_tensor(f_map_index)
    return torch.arange(len(maps)), chosen.expand(len(maps))


def _seed(maps: Tensor, f_map_index: Filters, frame: int | None = None) -> Tensor:
    """Half the squared map, (clip,): its gradient is the map itself, with zeros elsewhere."""
    kept = slice(None) if frame is None else slice(frame, frame + 1)
    return 0.5 * (maps[_chosen(maps, f_map_index)][..., kept] ** 2).flatten(1).sum(-1)


def _scaled(raw: Tensor, x: Tensor) -> Tensor:
    """Unit peak times max|x|, as Figure B.2 ends; silence stays."""
    raw = raw.detach().view(x.shape)
    peak = raw.abs().amax(-1, keepdim=True)
    return raw / torch.where(peak > 0, peak, 1) * x.abs().amax(-1, keepdim=True)


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


def spectral_shape_by_welch(x: np.ndarray, nperseg: int) -> tuple[float, float, float]:
    """Flatness, centroid and bandwidth in Hz of x, (time,) at 8 kHz, bin by bin."""
    bins = [
        (float(f), float(p))
        for f, p in zip(*welch(x, 8_000, nperseg=nperseg), strict=True)
        if 0 < f < 4_000
    ]
    total = sum(p for _, p in bins)
    if total == 0:
        return math.nan, math.nan, math.nan
    empty = any(p == 0 for _, p in bins)
    geometric = 0 if empty else math.exp(sum(math.log(p) for _, p in bins) / len(bins))
    centroid = sum(f * p for f, p in bins) / total
    variance = sum((f - centroid) ** 2 * p for f, p in bins) / total
    return geometric / (total / len(bins)), centroid, math.sqrt(variance)
