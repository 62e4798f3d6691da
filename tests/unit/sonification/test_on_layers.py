"""Some layers of an explainer answer as the explainer does for these layers."""

import pytest
import torch

from sonify.models.cnn import CNN12, Architecture
from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.on_layers import OnLayers
from sonify.sonification.selected import clip_activity, layer_activity

CHOSEN = (2, 5, 7)


@pytest.fixture
def both():
    engine = Sonifier(CNN12(Architecture(width=1 / 16)))
    return engine, OnLayers(engine, CHOSEN)


def test_layers_are_numbered_anew(both):
    engine, some = both
    assert some.n_layers == 3 and some.filters == tuple(engine.filters[n - 1] for n in CHOSEN)
    for pooled in (True, False):
        assert some.grids(pooled) == tuple(engine.grids(pooled)[n - 1] for n in CHOSEN)
    assert some.grids() == some.grids(True) != some.grids(False)
    x = torch.randn(3, 4_000)
    every = list(engine.maps(x))
    for maps, layer in zip(some.maps(x), CHOSEN, strict=True):
        assert torch.equal(maps, every[layer - 1])
    assert len(some.forward(x).whole.maps) == 7 and len(some.forward(x, 1).maps) == 1


def test_sounds_and_activity_are_those_of_the_whole(both):
    engine, some = both
    x = torch.randn(30, 4_000)  # more than one batch
    every, chosen = engine.most_active(x), some.most_active(x)
    for at, layer in enumerate(CHOSEN):
        torch.testing.assert_close(chosen.signals[at], every.signals[layer - 1])
        assert torch.equal(chosen.filters[at], every.filters[layer - 1])
        torch.testing.assert_close(some.sonify(x, at + 1, 0), engine.sonify(x, layer, 0))
    for ours, layer in zip(clip_activity(some, x, "mean"), CHOSEN, strict=True):
        torch.testing.assert_close(ours, clip_activity(engine, x, "mean")[layer - 1])
    alone = layer_activity(some, chosen.signals, "max")
    for at, layer in enumerate(CHOSEN):
        expected = list(engine.maps(chosen.signals[at]))[layer - 1].amax(-1)
        torch.testing.assert_close(alone[at], expected)


def test_a_layer_that_is_not_there_is_refused(both):
    engine, some = both
    with pytest.raises(SonifyError, match="layer is 12: the model has layers 1 to 11"):
        OnLayers(engine, (1, 12))
    with pytest.raises(SonifyError, match="layer is 4: the model has layers 1 to 3"):
        some.sonify(torch.randn(1, 4_000), 4, 0)
