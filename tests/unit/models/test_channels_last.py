"""The trunk's own modules, called one after the other, are what the fast way must equal."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor, nn

from sonify.models.architecture import LAYOUTS, Architecture, Layout
from sonify.models.channels_last import run_trunk
from sonify.models.cnn import CNN12

PADDED = Layout((128, 128, 256, 512), (11, 11, 7, 5), (4, 2, 1, 3), "same")


def gradients(trunk: nn.Sequential, x: Tensor, maps: Tensor, pull: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad((maps * pull).sum(), [x, *trunk.parameters()]))


def relative(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach(), expected.detach()
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-30))


def worst(trunk: nn.Sequential, x: Tensor) -> float:
    """Largest difference, of maps and of any gradient, relative to the largest value there."""
    x = x.requires_grad_()
    expected, found = trunk(x.unsqueeze(1)), run_trunk(trunk, x.unsqueeze(1))
    assert found.shape == expected.shape and found.dtype == expected.dtype
    pull = torch.randn_like(expected)
    both = zip(gradients(trunk, x, found, pull), gradients(trunk, x, expected, pull), strict=True)
    return max(relative(found, expected), *(relative(a, b) for a, b in both))


@given(
    downsampling=st.sampled_from(["pool", "strided"]),
    layout=st.sampled_from([LAYOUTS["cnn12"], PADDED]),
    width=st.sampled_from([1 / 64, 1 / 16, 1 / 8]),
    clips=st.integers(1, 3),
    more=st.integers(0, 2_500),
    seed=st.integers(0, 2**31),
)
@example("pool", LAYOUTS["cnn12"], 1 / 16, 2, 0, 0)
@example("pool", PADDED, 1 / 16, 2, 511, 1)
@example("strided", LAYOUTS["cnn12"], 1 / 16, 1, 1_025, 2)
def test_maps_and_gradients_are_those_of_the_modules(
    downsampling, layout, width, clips, more, seed
):
    torch.manual_seed(seed)
    shape = Architecture(width=width, downsampling=downsampling, layout=layout)
    trunk, samples = CNN12(shape).double().trunk, shape.shortest_clip() + more
    with torch.no_grad():  # biases, which are zero at first, so that ReLUs see both signs
        for p in trunk.parameters():
            p.add_(0.05 * torch.randn_like(p))
    assert worst(trunk, torch.randn(clips, samples).double()) < 1e-12


@pytest.mark.parametrize("more", [0, 1, 255, 777])
def test_without_gradients_the_maps_are_the_same_bit_for_bit(more):
    """The pool takes another way then, and must leave out the frame that an odd number leaves."""
    shape = Architecture(width=1 / 8)
    trunk = CNN12(shape).trunk
    x = torch.randn(3, 1, shape.shortest_clip() + more)
    x[:, :, 200:900] = 0  # equal neighbours
    expected = run_trunk(trunk, x)
    assert expected.requires_grad
    with torch.no_grad():
        assert torch.equal(run_trunk(trunk, x), expected)
    frozen = trunk.requires_grad_(False)
    assert torch.equal(run_trunk(frozen, x), expected)
    pulled = x.clone().requires_grad_()
    run_trunk(frozen, pulled).sum().backward()
    assert pulled.grad is not None and pulled.grad.any()


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_in_float32_only_rounding_differs(downsampling):
    trunk = CNN12(Architecture(width=1 / 8, downsampling=downsampling)).trunk
    assert worst(trunk, torch.randn(4, 5_000)) < 1e-5


def test_ties_give_their_gradient_to_the_same_place():
    """Whole numbers: equal maxima abound, at zero and above, and no map is rounded."""
    trunk = CNN12(Architecture(width=1 / 32)).double().trunk
    with torch.no_grad():
        for p in trunk.parameters():
            p.copy_(torch.randint(-1, 2, p.shape))
    x = torch.randint(-1, 2, (3, 3_000)).double()
    x[:, 200:2_000] = 0.0  # as time masking leaves it: constant maps
    x[2] = 0.0
    maps = trunk[:2](x.unsqueeze(1)).unfold(-1, 2, 2)
    tied = (maps == maps.amax(-1, keepdim=True)).sum(-1) > 1
    assert (tied & (maps.amax(-1) > 0)).any() and (tied & (maps.amax(-1) == 0)).any()
    assert worst(trunk, x) < 1e-12


@pytest.mark.parametrize("kind", ["pool", "strided"])
def test_the_encoder_goes_this_way(kind):
    model = CNN12(Architecture(width=1 / 16, downsampling=kind)).double()
    x = torch.randn(2, 2_501).double()
    expected = model.fc(model.trunk(x.unsqueeze(1)).mean(-1))
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    called = []
    model.trunk.conv1.register_forward_hook(lambda *_: called.append(1))
    model(x)
    assert not called, "modules are read, not called"


def test_maps_lie_filter_beside_filter():
    maps = run_trunk(CNN12(Architecture(width=1 / 8)).trunk, torch.randn(2, 1, 3_000))
    assert maps.stride(1) == 1 and maps.shape[1] > 1
