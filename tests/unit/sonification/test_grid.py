"""Times of frames, against the gradients of single frames: which samples they depend on."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from sonify.models.architecture import LAYOUTS
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.grid import Grid

PADDED = replace(LAYOUTS["cnn12"], padding="same")
CHAINS = {
    "cnn12": lambda: CNN12(Architecture(width=1 / 64, layout="cnn12")).trunk,
    "padded": lambda: CNN12(Architecture(width=1 / 64, layout=PADDED)).trunk,
    "strided": lambda: (
        CNN12(Architecture(width=1 / 64, layout="cnn12", downsampling="strided")).trunk
    ),
    "odds and ends": lambda: nn.Sequential(
        nn.Conv1d(1, 3, 4, padding=2, dilation=3),  # an even kernel
        nn.ReLU(),
        nn.MaxPool1d(3, stride=4, padding=1),  # gaps between windows
        nn.Conv1d(3, 3, 5, stride=2, padding=4),  # more than half a kernel
        nn.ReLU(),
        nn.Conv1d(3, 2, 3, padding="same", dilation=2),
        nn.ReLU(),
        nn.MaxPool1d(2, ceil_mode=True),
    ),
}


def averaging(chain: nn.Sequential) -> nn.Sequential:
    """The same shape, all of whose outputs depend on all that they can: means instead of maxima."""
    twin = nn.Sequential()
    for module in chain:
        if isinstance(module, nn.Conv1d):
            conv = nn.Conv1d(
                module.in_channels, module.out_channels, module.kernel_size, module.stride,
                module.padding, module.dilation,
            )  # fmt: skip
            nn.init.ones_(conv.weight)
            nn.init.ones_(conv.bias)
            module = conv
        elif isinstance(module, nn.MaxPool1d):
            window = module.kernel_size, module.stride, module.padding, module.ceil_mode
            module = nn.AvgPool1d(*window)
        twin.append(module)
    return twin.double()


def blocks_of(chain: nn.Sequential) -> list[list[nn.Module]]:
    """The modules of each block."""
    starts = [i for i, m in enumerate(chain) if isinstance(m, nn.Conv1d)]
    return [list(chain)[a:b] for a, b in pairwise([*starts, len(chain)])]


def span(maps: Tensor, frame: int, x: Tensor) -> tuple[int, int]:
    """First and last sample that a frame depends on."""
    (gradient,) = torch.autograd.grad(maps[0, :, frame].sum(), x, retain_graph=True)
    touched = gradient[0, 0].nonzero()
    return int(touched[0]), int(touched[-1])


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("name", CHAINS)
def test_a_frame_stands_at_the_centre_of_what_it_depends_on(name, pooled):
    chain, n = CHAINS[name](), 16_001
    grids = Sonifier(chain, allow_strided=True).grids(pooled)
    x = torch.ones(1, 1, n, dtype=torch.float64, requires_grad=True)
    h, compared = x, 0
    for grid, block in zip(grids, blocks_of(averaging(chain)), strict=True):
        before = h
        for module in block:
            h = module(h) / 100  # means of ones would overflow
            if isinstance(module, nn.ReLU):
                before = h
        maps = h if pooled else before
        for frame in (maps.shape[-1] // 2, maps.shape[-1] // 2 + 1):
            first, last = span(maps, frame, x)
            assert first > 0 and last < n - 1, "the field is whole"
            assert grid.centre(frame, n) == (first + last) / 2
            compared += 1
    assert compared == 2 * len(grids)


def test_the_field_of_the_authors_network_is_theirs():
    """Of layer 8 the first frame sees samples 0 to 705 before the pool, to 833 after it."""
    sonifier = Sonifier(CHAINS["cnn12"]())
    assert sonifier.grids(pooled=False)[7] == Grid(705 / 2, 128)
    assert sonifier.grids()[7] == Grid(833 / 2, 256)
    assert sonifier.grids()[10] == Grid(2369 / 2, 256)
    assert sonifier.strides == (2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256)


def test_centres_outside_of_the_clip_are_put_at_its_edge():
    grid = Grid(-3.0, 10)
    assert [grid.centre(frame, 12) for frame in (0, 1, 2)] == [0, 7, 11]
