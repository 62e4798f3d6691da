"""Filters selected clip by clip, against loops over the maps."""

import numpy as np
import pytest
import torch
from torch import nn

from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.selected import clip_activity, layer_activity, select, sonify_selected

RULES = {"mean": lambda m: m.mean(), "max": lambda m: m.max(), "energy": lambda m: (m**2).sum()}


@pytest.fixture
def chain():
    layers = [nn.Conv1d(1, 6, 9), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(6, 8, 5), nn.ReLU()]
    return nn.Sequential(*layers)


def test_a_dead_layer_has_a_most_active_filter_that_is_dead(chain):
    with torch.no_grad():
        chain[3].bias[:] = -1e6
    x, places = torch.randn(2, 900), torch.rand(2, 2)
    made = sonify_selected(Sonifier(chain), x, ("most_active", "random"), "mean", places)
    assert (made.filters[0] >= 0).all() and (made.filters[1, 1] == -1).all()
    assert made.dead.tolist() == [[[False] * 2, [True] * 2]] * 2
    assert not made.signals[:, 1].any() and not made.scales[:, 1].any()
    assert (made.scales[:, 0] > 0).all()


@pytest.mark.parametrize("rule", RULES)
def test_the_least_active_and_a_random_one_are_living_others(rng, rule):
    maps = [torch.from_numpy(rng.random((7, n, 5))) for n in (4, 6)]
    maps[0][:, 1] = 0  # dead on every clip
    maps[1][3] = 0  # a clip on which all are dead
    maps[1][4, 1:] = 0  # and one on which a single one lives
    places = torch.from_numpy(rng.random((7, 2)))
    found = select(maps, ("most_active", "least_active", "random"), rule, places).numpy()
    for layer, of_layer in enumerate(maps):
        for clip, values in enumerate(of_layer.numpy()):
            active = np.array([RULES[rule](m) for m in values])
            most = int(active.argmax())
            others = [f for f in np.flatnonzero(active > 0) if f != most]
            least = min(others, key=lambda f: active[f]) if others else -1
            place = int(places[clip, layer] * len(others))
            drawn = others[place] if others else -1
            assert found[:, layer, clip].tolist() == [most, least, drawn]


def test_every_living_filter_is_drawn_alike():
    maps = [torch.rand(1, 5, 3).expand(4_000, 5, 3) + 0.1]
    places = torch.rand(4_000, 1, dtype=torch.float64)
    drawn = select(maps, ["random"], "mean", places).flatten()
    counts = drawn.bincount(minlength=5)
    assert (counts == 0).sum() == 1 and counts[counts > 0].min() > 900


def test_what_is_sonified_is_what_was_selected(chain, rng):
    explainer = Sonifier(chain)
    x = torch.from_numpy(rng.standard_normal((5, 40_000))).float()  # several batches
    with torch.no_grad():
        chain[3].bias[:] = -1e6
        chain[3].bias[2] = 1.0  # a single living filter in layer 2: no other one
    places = torch.rand(5, 2)
    made = sonify_selected(explainer, x, ("most_active", "random", "least_active"), "mean", places)
    assert (made.filters[0, 1] == 2).all() and (made.filters[1:, 1] == -1).all()
    assert made.dead[1, 1].all() and not made.signals[1, 1].any()
    for selection in range(3):
        expected = explainer.sonify(x, 1, made.filters[selection, 0])
        torch.testing.assert_close(made.signals[selection, 0], expected)
    torch.testing.assert_close(made.signals[0], explainer.most_active(x).signals)


def test_each_layer_hears_its_own_sounds(chain, rng):
    explainer = Sonifier(chain)
    sounds = torch.from_numpy(rng.standard_normal((2, 3, 60_000))).float()
    found = layer_activity(explainer, sounds, "mean")
    for layer, active in enumerate(found):
        maps = chain[: (3, 5)[layer]](sounds[layer][:, None])
        torch.testing.assert_close(active, maps.mean(-1), rtol=1e-4, atol=1e-6)
        on_clips = clip_activity(explainer, sounds[layer], "mean")[layer]
        torch.testing.assert_close(on_clips, active, rtol=1e-4, atol=1e-6)


def test_an_unknown_selection_is_refused(chain):
    with pytest.raises(SonifyError, match="selection is 'loudest': it must be one of most_active"):
        sonify_selected(Sonifier(chain), torch.randn(1, 900), ["loudest"], "mean", torch.rand(1, 2))
