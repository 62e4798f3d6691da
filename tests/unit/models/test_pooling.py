"""PyTorch's own pooling and ReLU are what the quick way must equal, bit for bit."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12
from sonify.models.pooling import relu_of_pairs


def expected(h: Tensor) -> Tensor:
    return F.relu(F.max_pool2d(h, (1, 2)))


def images(x: Tensor) -> Tensor:
    """(clip, filter, frame) as they are given: channels last, with a height of 1."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


MANY = 2**17  # values of which PyTorch's own way back is not the faster


@given(
    clips=st.integers(1, 4),
    filters=st.sampled_from([8, 16, 24, 64]),
    frames=st.integers(2, 70),
    levels=st.integers(1, 50),
    seed=st.integers(0, 2**31),
)
@example(1, 8, 2, 1, 0)
@example(3, 8, 51, 2, 0)
def test_maps_and_gradients_are_the_same_bit_for_bit(clips, filters, frames, levels, seed):
    """Few levels, so that equal neighbours abound: below zero, at zero and above."""
    torch.manual_seed(seed)
    few = torch.randint(-levels, levels + 1, (clips, filters, frames)) / 7
    x = few * torch.rand(clips, 1, 1)
    h = images(x.bfloat16().repeat(1 + MANY // x.numel(), 1, 1)).requires_grad_()
    found, wanted = relu_of_pairs(h), expected(h)
    assert found is not None and found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, wanted)
    pull = images(torch.randn(wanted.shape)[:, :, 0]).bfloat16()
    (found_gradient,) = torch.autograd.grad(found, h, pull)
    (gradient,) = torch.autograd.grad(wanted, h, pull)
    assert torch.equal(found_gradient, gradient) and gradient.any() == wanted.any()
    assert found_gradient.is_contiguous(memory_format=torch.channels_last)


@given(
    kind=st.sampled_from([torch.bfloat16, torch.float32]),
    clips=st.integers(1, 4),
    filters=st.sampled_from([8, 24]),
    frames=st.integers(2, 70),
    seed=st.integers(0, 2**31),
)
def test_without_a_gradient_maps_are_the_same_bit_for_bit(kind, clips, filters, frames, seed):
    torch.manual_seed(seed)
    h = images(torch.randint(-3, 4, (clips, filters, frames)).to(kind))
    assert torch.equal(relu_of_pairs(h), expected(h))


def test_the_smallest_differences_are_seen():
    """Neighbours that differ by one bit, and numbers too small to be normal."""
    one = torch.tensor([1.0, 1e-30, 1e-39], dtype=torch.bfloat16)
    bits = one.view(torch.int16)
    pairs = torch.stack([bits, bits + 1, bits + 1, bits, bits, bits], dim=1).flatten()
    h = images(pairs.view(torch.bfloat16).repeat(MANY // 48, 8, 1)).requires_grad_()
    (found,) = torch.autograd.grad(relu_of_pairs(h).sum(), h)
    (gradient,) = torch.autograd.grad(expected(h).sum(), h)
    assert relu_of_pairs(h) is not None and torch.equal(found, gradient)
    assert gradient[0, 0, 0].tolist() == [0, 1, 1, 0, 1, 0] * 3


def test_gradients_in_any_layout_pass():
    """One value over time, as an average gives it, or frames side by side."""
    h = images(torch.randn(2, 8, MANY // 16, dtype=torch.bfloat16)).requires_grad_()
    wanted = expected(h)
    beside = torch.randn(wanted.shape).bfloat16()
    for pull in (beside, beside[..., :1].expand(wanted.shape)):
        (found,) = torch.autograd.grad(relu_of_pairs(h), h, pull)
        (gradient,) = torch.autograd.grad(wanted, h, pull, retain_graph=True)
        assert torch.equal(found, gradient)


@pytest.mark.parametrize(
    "h",
    [
        images(torch.randn(2, 8, 20).double()),
        images(torch.randn(2, 4, 20).bfloat16()),
        torch.randn(2, 8, 1, 20).bfloat16(),
        images(torch.randn(2, 8, 20)).requires_grad_(),
        images(torch.randn(2, 8, 20).bfloat16()).requires_grad_(),
    ],
    ids=["double", "no whole words", "frames side by side", "float32 trains", "few values train"],
)
def test_what_it_is_not_for_is_left_to_pytorch(h):
    assert relu_of_pairs(h) is None


def test_what_is_not_finite_stays_so():
    nan, inf = float("nan"), float("inf")
    h = images(torch.tensor([nan, 1.0, 2.0, nan, inf, 1.0]).repeat(1, 8, 1))
    maxima = relu_of_pairs(h)[0, 0, 0]
    assert maxima.isnan().tolist() == [True, True, False] and maxima[2].isinf()


def test_a_training_step_has_the_same_gradients(monkeypatch):
    torch.manual_seed(0)
    model, x = CNN12(Architecture(width=1 / 8)), 0.1 * torch.randn(16, 4_001)

    def step() -> list[Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(x).square().sum()
        return list(torch.autograd.grad(loss, list(model.parameters())))

    taken: list[bool] = []

    def noted(h: Tensor) -> Tensor | None:
        found = relu_of_pairs(h)
        taken.append(found is not None)
        return found

    monkeypatch.setattr("sonify.models.channels_last.relu_of_pairs", noted)
    quick = step()
    assert taken == [True] * 3 + [False] * 5
    monkeypatch.setattr("sonify.models.channels_last.relu_of_pairs", lambda h: None)
    plain = step()
    assert all(torch.equal(a, b) for a, b in zip(quick, plain, strict=True))
