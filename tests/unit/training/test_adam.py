import pytest
import torch
from torch import nn

from sonify.training.adam import Adam


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_updates_are_those_of_torch_optim(weight_decay):
    shapes = [(4, 3, 11), (4,), (5, 4)]
    ours, theirs = ([nn.Parameter(torch.randn(s).double()) for s in shapes] for _ in range(2))
    with torch.no_grad():
        for a, b in zip(ours, theirs, strict=True):
            b.copy_(a)
    adam = Adam(ours, weight_decay)
    reference = torch.optim.Adam(theirs, weight_decay=weight_decay)
    for step in range(5):
        rate = 1e-2 / (step + 1)
        reference.param_groups[0]["lr"] = rate
        for a, b in zip(ours, theirs, strict=True):
            b.grad = torch.randn_like(b)
            a.grad = b.grad.clone()
        adam.step(rate)
        reference.step()
        assert all(a.grad is None for a in ours)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
