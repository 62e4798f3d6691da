import math

import pytest
import torch
import torch.nn.functional as F
from oracles import nt_xent_loops

from sonify.training.losses import classification_loss, nt_xent


@pytest.mark.parametrize("temperature", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_nt_xent_equals_three_loops(n, temperature):
    z1, z2 = torch.randn(2, n, 5).double()
    ours = nt_xent(z1, z2, temperature).item()
    assert ours == pytest.approx(nt_xent_loops(z1.tolist(), z2.tolist(), temperature), rel=1e-5)


def test_identical_projections_score_the_log_of_the_candidates():
    z = torch.ones(6, 4)
    assert nt_xent(z, z, 0.1).item() == pytest.approx(math.log(2 * 6 - 1), rel=1e-5)


def test_nt_xent_is_blind_to_length_and_order_and_falls_as_partners_near():
    z1, z2 = torch.randn(2, 8, 16)
    reference = nt_xent(z1, z2, 0.1)
    order = torch.randperm(8)
    torch.testing.assert_close(nt_xent(3 * z1[order], 0.5 * z2[order], 0.1), reference)
    torch.testing.assert_close(nt_xent(z2, z1, 0.1), reference)
    assert nt_xent(z1, z1 + 0.1 * z2, 0.1) < reference


def test_bad_views_are_refused():
    z = torch.randn(3, 4)
    with pytest.raises(ValueError, match="views have shapes"):
        nt_xent(z, z[:2], 0.1)
    with pytest.raises(ValueError, match="at least two clips"):
        nt_xent(z[:1], z[:1], 0.1)
    with pytest.raises(ValueError, match="temperature is 0"):
        nt_xent(z, z, 0)


def test_classification_losses():
    logits, targets = torch.randn(4, 3), torch.eye(3)[[0, 1, 2, 0]]
    p = torch.sigmoid(logits)
    binary = -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()
    torch.testing.assert_close(classification_loss(logits, targets, "multilabel"), binary)
    categorical = F.cross_entropy(logits, targets.argmax(1))
    torch.testing.assert_close(classification_loss(logits, targets, "multiclass"), categorical)
    with pytest.raises(ValueError, match="must be multilabel or multiclass"):
        classification_loss(logits, targets, "contrastive")


@pytest.mark.parametrize("objective", ["multilabel", "multiclass"])
def test_classifiers_side_by_side_are_trained_as_if_each_were_alone(objective):
    logits = torch.randn(3, 5, 4, requires_grad=True)
    targets = F.one_hot(torch.arange(5) % 4, 4).float()
    classification_loss(logits, targets, objective).backward()
    for one, together in zip(logits.detach(), logits.grad, strict=True):
        one.requires_grad_()
        classification_loss(one, targets, objective).backward()
        assert torch.equal(one.grad, together)


@pytest.mark.parametrize(
    ("n", "sizes"), [(12, (3, 3, 3, 3)), (6, (3, 3)), (2, (2,)), (3, (3,)), (5, (5,)), (7, (4, 3))]
)
def test_negatives_within_groups_are_the_mean_of_the_groups_losses(n, sizes):
    z1, z2 = torch.randn(2, n, 5).double()
    groups, first = [], 0
    for size in sizes:
        group = slice(first, first + size)
        groups.append(nt_xent_loops(z1[group].tolist(), z2[group].tolist(), 0.2))
        first += size
    assert nt_xent(z1, z2, 0.2, 3).item() == pytest.approx(sum(groups) / len(groups), rel=1e-5)


def test_one_group_is_the_batch():
    z1, z2 = torch.randn(2, 8, 5)
    assert torch.equal(nt_xent(z1, z2, 0.1, 8), nt_xent(z1, z2, 0.1))
    assert torch.equal(nt_xent(z1, z2, 0.1, None), nt_xent(z1, z2, 0.1))
