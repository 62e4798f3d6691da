"""Rivals of the deconvnet, each against a library or plain loops, and what all have in common."""

import numpy as np
import pytest
import torch
from rival_oracles import ORACLES
from torch import Tensor, nn

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT, METHODS, RIVALS, build_explainer
from sonify.sonification.rivals.kinds import KINDS

# Captum has the weights of the quadrature in single precision.
TOLERANCES = {"integrated_gradients": 1e-7}
TOLERANCE = 1e-9


def biased(chain: nn.Sequential, spread: float = 0.1) -> nn.Sequential:
    for module in chain:
        if isinstance(module, nn.Conv1d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.normal_(module.bias, std=spread) if spread else nn.init.zeros_(module.bias)
    return chain.double()


def odd() -> nn.Sequential:
    """Padding, dilation, groups, windows with gaps, a block without a pool."""
    return nn.Sequential(
        *(nn.Conv1d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool1d(3, ceil_mode=True)),
        *(nn.Conv1d(6, 4, 3, dilation=2, groups=2), nn.ReLU()),
        *(nn.Conv1d(4, 5, 4, padding=1), nn.ReLU(), nn.MaxPool1d(2, stride=3, padding=1)),
        *(nn.Conv1d(5, 7, 2), nn.ReLU(), nn.MaxPool1d(2)),
    )


CHAINS = {
    "CNN12": (lambda: CNN12(Architecture(width=1 / 16)).trunk, (1, 2, 6, 11), 2_600),
    "odd": (odd, (1, 2, 3, 4), 313),
}


def scaled(raw: Tensor, x: Tensor) -> Tensor:
    return raw / raw.abs().amax(-1, keepdim=True) * x.abs().amax(-1, keepdim=True)


@pytest.mark.parametrize("kind", CHAINS)
@pytest.mark.parametrize("method", ORACLES)
def test_a_rival_equals_its_oracle(method, kind):
    make, layers, samples = CHAINS[kind]
    chain, x = biased(make()), torch.randn(2, samples).double()
    rival, tolerance = build_explainer(method, chain), TOLERANCES.get(method, TOLERANCE)
    sounds = 0
    for layer in layers:
        strongest = rival.most_active(x).filters[layer - 1]
        for filters in (strongest, torch.tensor([0, rival.filters[layer - 1] - 1])):
            expected = ORACLES[method](chain, x, layer, filters)
            made = rival.render(x, layer, torch.arange(2), filters)
            for ours, dead, raw, clip in zip(made.signals, made.dead, expected, x, strict=True):
                if dead or not raw.any():  # dead on the clip, though not on the way there
                    assert not ours.any()
                    continue
                theirs = scaled(raw, clip)
                assert (ours - theirs).norm() < tolerance * theirs.norm(), (layer, filters)
                sounds += 1
    assert sounds >= 2 * len(layers)


def test_every_rival_has_a_name_and_an_oracle_or_needs_none():
    assert tuple(KINDS) == RIVALS and set(METHODS) == {DEFAULT, *RIVALS}
    assert set(RIVALS) - {"whole_layer", "random_signal", "layerwise_relevance"} <= set(ORACLES)


def raw(rival: Explainer, x: Tensor, layer: int, filters: Tensor) -> Tensor:
    made = rival.render(x, layer, torch.arange(len(x)), filters)
    return made.signals / made.scales.unsqueeze(-1)


def test_integrated_gradients_add_up_to_what_is_explained():
    """Half the squared map, less that of silence; a network with kinks leaves the rule an error."""
    chain, x = biased(odd(), spread=0.01), torch.randn(4, 313).double()
    rival = build_explainer("integrated_gradients", chain)
    for layer in (1, 2, 3, 4):
        filters = rival.most_active(x).filters[layer - 1]
        at = torch.arange(4)
        whole, silence = (
            0.5 * list(rival.maps(clips))[layer - 1][at, filters].square().sum(-1)
            for clips in (x, torch.zeros_like(x))
        )
        total = raw(rival, x, layer, filters).sum(-1)
        torch.testing.assert_close(total, whole - silence, rtol=0.01, atol=0)


def test_without_biases_integrated_gradients_are_gradients_times_input():
    """Then half the squared map is homogeneous: gradients along the way are alike."""
    chain, x = biased(odd(), spread=0), torch.randn(2, 313).double()
    for layer in (1, 3, 4):
        whole, plain = (
            build_explainer(name, chain).sonify(x, layer, 1)
            for name in ("integrated_gradients", "gradient_times_input")
        )
        torch.testing.assert_close(whole, plain)


def test_relevance_is_neither_made_nor_lost_without_biases():
    chain, x = biased(odd(), spread=0), torch.randn(2, 313).double()
    rival = build_explainer("layerwise_relevance", chain)
    for layer in (1, 2, 3, 4):
        filters = rival.most_active(x).filters[layer - 1]
        shared = list(rival.maps(x))[layer - 1][torch.arange(2), filters].sum(-1)
        torch.testing.assert_close(raw(rival, x, layer, filters).sum(-1), shared, rtol=1e-3, atol=0)


def test_relevance_follows_weights_that_change():
    chain, x = biased(odd()), torch.randn(1, 313).double()
    rival = build_explainer("layerwise_relevance", chain)
    filter = int(rival.most_active(x).filters[3])
    before = rival.sonify(x, 4, filter)
    with torch.no_grad():
        chain[3].weight *= torch.rand_like(chain[3].weight)
    after = rival.sonify(x, 4, filter)
    assert before.any() and after.any() and not torch.allclose(before, after)
    assert torch.equal(after, build_explainer("layerwise_relevance", chain).sonify(x, 4, filter))


def test_a_whole_layer_is_that_of_the_deconvnet_whichever_filter_is_asked_for():
    chain, x = biased(odd()), torch.randn(3, 313).double()
    whole = build_explainer("whole_layer", chain)
    made = whole.most_active(x)
    for layer in (1, 2, 3, 4):
        assert torch.equal(made.signals[layer - 1], Sonifier(chain).whole_layer(x, layer).signals)
    assert torch.equal(made.filters, Sonifier(chain).most_active(x).filters)


def test_a_random_signal_is_white_and_drawn_by_clip_layer_and_filter():
    chain, x = biased(odd()), torch.randn(3, 5_000).double()
    rival = build_explainer("random_signal", chain)
    made = rival.most_active(x).signals
    sounds = made.flatten(0, 1)
    assert len({float(s[0] / s.abs().max()) for s in sounds}) == 12
    correlations = np.corrcoef(sounds.numpy()) - np.eye(12)
    assert np.abs(correlations).max() < 0.06, "four standard errors of independent noises"
    for noise in sounds.numpy():
        assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.06
    alone = rival.most_active(x[1:2]).signals
    assert torch.equal(alone[:, 0], made[:, 1]), "whatever else is in the batch"


@pytest.mark.parametrize("method", RIVALS)
def test_every_rival_keeps_the_rules_of_explainers(method):
    """One peak with the clip; silence for dead maps; the network's maps; any order of asking."""
    chain = biased(odd()).float()
    with torch.no_grad():
        chain[5].bias[2] = -1e3  # filter 2 of layer 3 is dead
    x = torch.randn(3, 313)
    x[1] *= 0.01
    rival, engine = build_explainer(method, chain, precision="fast"), Sonifier(chain)
    for ours, theirs in zip(rival.maps(x), engine.maps(x), strict=True):
        assert torch.equal(ours, theirs)
    layers = torch.tensor([3, 1, 3, 4, 2, 3])
    clips, filters = torch.tensor([0, 1, 2, 1, 0, 1]), torch.tensor([2, 5, 1, 6, 3, 2])
    made = rival.render(x, layers, clips, filters)
    assert made.signals.shape == (6, 313) and made.filters.tolist() == filters.tolist()
    if method != "whole_layer":
        assert made.dead[[0, 5]].all() and not made.signals[[0, 5]].any()
    for i in range(6):
        alone = rival.render(x[clips[i]][None], layers[i : i + 1], torch.zeros(1, dtype=int),
                             filters[i : i + 1])  # fmt: skip
        torch.testing.assert_close(made.signals[i], alone.signals[0])
        if made.signals[i].any():
            assert made.signals[i].abs().max() == pytest.approx(float(x[clips[i]].abs().max()))
    few = build_explainer(method, chain, layers=2)
    assert few.n_layers == 2
    torch.testing.assert_close(few.sonify(x, 2, 1), rival.sonify(x, 2, 1))
