import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sonify.models.architecture import LAYOUTS, Architecture
from sonify.models.cnn import CNN12
from sonify.models.probes import Probes, Retained, retained_features

WIDTH = 1 / 16

LAYOUT = LAYOUTS["cnn12"]


def encoder(downsampling="pool") -> CNN12:
    return CNN12(Architecture(WIDTH, downsampling)).double()


def kept_by_hand(weights: dict, x, layer: int, downsampling: str):
    """The first `layer` blocks as plain functions, from a state dict of the whole encoder."""
    h = x[:, None, :]
    for n in range(1, min(layer, 11) + 1):
        pool = LAYOUT.pools[n - 1]
        kernel = weights[f"trunk.conv{n}.weight"], weights[f"trunk.conv{n}.bias"]
        stride = pool if downsampling == "strided" else 1
        h = F.relu(F.conv1d(h, *kernel, stride=stride))
        if downsampling == "pool" and pool > 1:
            h = F.max_pool1d(h, pool)
    h = h.sum(-1) / h.shape[-1]
    return h if layer < 12 else h @ weights["fc.weight"].T + weights["fc.bias"]


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_every_layer_is_the_average_of_the_blocks_written_out(downsampling):
    whole = encoder(downsampling)
    x = torch.randn(3, 2_475).double()
    features = Retained(whole, range(1, 13))(x)
    for layer, h in enumerate(features, start=1):
        expected = kept_by_hand(whole.state_dict(), x, layer, downsampling)
        torch.testing.assert_close(h, expected, rtol=1e-12, atol=1e-12)
        assert h.shape == (3, retained_features(whole.architecture, layer))
    torch.testing.assert_close(features[-1], whole(x), rtol=1e-12, atol=1e-12)


def test_nothing_above_the_deepest_layer_is_held():
    whole = encoder()
    kept = Retained(whole, (2, 5))
    trunk = {k: v for k, v in whole.state_dict().items() if k.startswith("trunk")}
    names = {f"blocks.{n - 1}.conv{n}.{what}" for n in range(1, 6) for what in ("weight", "bias")}
    assert set(kept.state_dict()) == names
    for name in names:
        assert torch.equal(kept.state_dict()[name], trunk[f"trunk.{name.split('.', 2)[2]}"])
    assert Retained(whole, (11,)).fc is None


def test_the_layers_are_copies():
    whole = encoder()
    before = {k: v.clone() for k, v in whole.state_dict().items()}
    kept = Retained(whole, (3, 12))
    with torch.no_grad():
        for p in kept.parameters():
            p.zero_()
    assert all(torch.equal(v, before[k]) for k, v in whole.state_dict().items())


def test_each_classifier_stands_on_its_layer():
    whole = encoder()
    heads = {n: nn.Linear(retained_features(whole.architecture, n), 4).double() for n in (7, 1, 12)}
    probes = Probes(whole, heads)
    x = torch.randn(2, 2_400).double()
    assert probes.layers == (1, 7, 12)
    for layer, logits in zip(probes.layers, probes(x), strict=True):
        h = kept_by_hand(whole.state_dict(), x, layer, "pool")
        torch.testing.assert_close(logits, heads[layer](h), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layers", [(), (0, 1), (13,), (2, 2)])
def test_layers_that_are_not_there_are_refused(layers):
    with pytest.raises(ValueError, match="name different ones from 1 to 11, and 12"):
        Retained(encoder(), layers)


def test_clips_need_a_frame_of_the_deepest_layer_only():
    whole = encoder()
    assert Retained(whole, (1, 2))(torch.zeros(1, 22).double())[1].shape == (1, 4)
    with pytest.raises(
        ValueError, match="clips of 21 samples are shorter than the 22 that leave a frame"
    ):
        Retained(whole, (1, 2))(torch.zeros(1, 21).double())
    with pytest.raises(ValueError, match=r"expected \(clip, time\)"):
        Retained(whole, (1,))(torch.zeros(1, 1, 600).double())
