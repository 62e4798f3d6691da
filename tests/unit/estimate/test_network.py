"""Arithmetic is counted as PyTorch counts it, on the networks themselves."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sonify.estimate import network
from sonify.estimate.training import Step
from sonify.models.architecture import Architecture, Layout
from sonify.models.cnn import CNN12, count_parameters
from sonify.models.heads import SoundModel
from sonify.models.probes import Probes, retained_features
from sonify.training.forward import outputs
from sonify.training.losses import classification_loss, nt_xent

SAMPLES, CLASSES = 2_600, 7
WIDTHS = [1 / 8, 1]
SHAPES = [
    *(Architecture(width=width) for width in WIDTHS),
    Architecture(width=1 / 8, downsampling="strided"),
    Architecture(layout=Layout((4, 6, 8), (5, 3, 3), (2, 1, 3), "same"), features=16),
]


def counted(run) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def crops(n: int) -> torch.Tensor:
    return torch.randn(n, SAMPLES)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_forward_pass(shape):
    model = SoundModel(CNN12(shape), "classifier", CLASSES)
    cost = network.forward(shape, SAMPLES) + network.features(shape)
    with torch.no_grad():
        assert counted(lambda: model.encoder(crops(3))) == 3 * cost.flops
    frames = [
        maps.values / n
        for maps, n in zip(network.layers(shape, SAMPLES), shape.filters, strict=True)
    ]
    pooled = [n // pool for n, pool in zip(frames, shape.pools, strict=True)]
    assert (frames if shape.downsampling == "strided" else pooled) == list(shape.frames(SAMPLES))
    assert network.parameters(shape) == count_parameters(model.encoder)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("frozen", [False, True])
def test_a_step_of_training_a_classifier(width, frozen):
    shape = Architecture(width=width)
    model = SoundModel(CNN12(shape), "classifier", CLASSES)
    model.encoder.requires_grad_(not frozen)
    targets = (torch.rand(2, CLASSES) < 0.5).float()
    step = Step(shape, SAMPLES, 2, CLASSES, frozen=frozen)
    x = crops(2)
    run = lambda: classification_loss(model(x), targets, "multilabel").backward()  # noqa: E731
    assert counted(run) == step.cost.flops


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("at_once", "within"), [(None, None), (2, None), (None, 2)])
def test_a_contrastive_step_whole_in_parts_and_in_groups(width, at_once, within):
    shape = Architecture(width=width, projection_bias=False)
    model = SoundModel(CNN12(shape), "projection", shape.features)
    step = Step(shape, SAMPLES, 4, 0, contrastive=True, at_once=at_once, negatives_within=within)
    assert step.crops == 8 and step.in_parts == (at_once is not None)
    x = crops(8)

    def run():
        one, other = outputs(model, x, at_once).chunk(2)
        nt_xent(one, other, 0.1, within).backward()

    assert counted(run) == step.cost.flops


@pytest.mark.parametrize(
    ("layers", "frozen"),
    [((1,), False), ((5,), False), ((12,), False), ((1, 6, 12), True)],
)
def test_a_step_of_probes(layers, frozen):
    shape = Architecture(width=1 / 8)
    heads = {n: nn.Linear(retained_features(shape, n), CLASSES) for n in layers}
    model = Probes(CNN12(shape), heads)
    model.encoder.requires_grad_(not frozen)
    step = Step(shape, SAMPLES, 2, CLASSES, frozen=frozen, heads=layers)
    x, targets = crops(2), torch.rand(2, CLASSES)
    run = lambda: classification_loss(model(x), targets, "multilabel").backward()  # noqa: E731
    assert counted(run) == step.cost.flops


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[1], SHAPES[3]], ids=str)
@pytest.mark.parametrize("layer", [1, 2, 3])
def test_one_map_on_its_way_back(shape, layer):
    """Transposed convolutions: of one map of the layer, then of all maps of those below."""
    trunk = [m for m in CNN12(shape).trunk if isinstance(m, nn.Conv1d)]
    lengths = [
        int(c.values / n)
        for c, n in zip(network.layers(shape, SAMPLES), shape.filters, strict=True)
    ]

    def run():
        start = torch.randn(1, 1, lengths[layer - 1])
        F.conv_transpose1d(start, trunk[layer - 1].weight[:1])
        for conv, n in zip(trunk[: layer - 1], lengths, strict=False):
            F.conv_transpose1d(torch.randn(1, conv.out_channels, n), conv.weight)

    with torch.no_grad():
        assert counted(run) == network.back_projection(shape, SAMPLES, layer).flops


def test_the_shared_way_down_is_that_of_the_notes():
    """Of the true network, in forward passes of arithmetic: 4.2 down, for one map a layer; the
    multiply-adds of a second of audio are 0.855 G in a long clip."""
    shape = Architecture(width=1)
    once, down = network.forward(shape, 800_000), network.each_layer_back(shape, 800_000)
    assert once.flops / 2 / 100 == pytest.approx(0.855e9, rel=0.01)
    assert down.flops / once.flops == pytest.approx(4.2, rel=0.02)


def test_clips_that_are_too_short_cost_what_they_reach():
    shape = Architecture(width=1)
    costs = network.layers(shape, 100)
    assert costs[0].flops == 2 * 94 * 7 * 64 and np.isfinite([c.flops for c in costs]).all()
    assert costs[-1].flops == 0
