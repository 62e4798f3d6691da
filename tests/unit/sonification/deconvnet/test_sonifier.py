"""Sonification against the literal Figure B.2 and against Captum, in float64."""

import pytest
import torch
from oracles import captum_sonification, literal_sonification
from torch import nn

from sonify.models.cnn import CNN12, Architecture
from sonify.models.heads import SoundModel
from sonify.sonification.activity import strongest
from sonify.sonification.deconvnet.sonifier import Sonifier

TOLERANCE = 1e-9


def small_net(seed: int) -> nn.Sequential:
    """A random chain of three or four blocks with uneven kernels, paddings, dilations and pools."""
    random = torch.Generator().manual_seed(seed)

    def one_of(*values: int) -> int:
        return values[int(torch.randint(len(values), (), generator=random))]

    chain, channels = nn.Sequential(), 1
    for block in range(one_of(3, 4)):
        filters, kernel, dilation = one_of(4, 4, 5), one_of(2, 3, 5, 8), one_of(1, 2)
        padding = one_of(0, 1, kernel // 2)
        groups = filters if filters == channels and one_of(0, 1) else 1
        conv = nn.Conv1d(channels, filters, kernel, 1, padding, dilation, groups)
        chain.add_module(f"conv{block}", conv)
        chain.add_module(f"relu{block}", nn.ReLU())
        if one_of(0, 1, 1):
            size = one_of(2, 3)
            chain.add_module(f"pool{block}", nn.MaxPool1d(size, padding=one_of(0, 0, size // 2)))
        channels = filters
    return chain.double()


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).norm() / theirs.norm().clamp_min(1e-300))


NETS = {
    "CNN12 width 1/8": (lambda: CNN12(Architecture(width=0.125)).double().trunk, 8_001),
    "CNN12": (lambda: CNN12(Architecture()).double().trunk, 2_777),
    **{f"small net {i}": (lambda i=i: small_net(i), 331 + 2 * i) for i in range(8)},
}


@pytest.mark.parametrize("net", NETS)
def test_every_layer_equals_the_pseudo_code_and_captum(net):
    make, samples = NETS[net]
    chain = make()
    sonifier, x = Sonifier(chain), torch.randn(1, samples).double()
    alive = 0
    for layer in range(1, sonifier.n_layers + 1):
        chosen = int(strongest(sonifier.forward(x).maps[layer - 1])[0])
        ours = sonifier.sonify(x, layer, chosen)[0]
        alive += bool(ours.any())
        assert relative(ours, literal_sonification(chain, x[0], layer, chosen)) < TOLERANCE
        assert relative(ours, captum_sonification(chain, x[0], layer, chosen)) < TOLERANCE
    # Rectification may silence a random small net on the way down; never the real one.
    enough = sonifier.n_layers if net.startswith("CNN12") else 2
    assert alive >= enough, "the comparison was of sounds, not of silence"


@pytest.mark.parametrize("net", ["CNN12 width 1/8", *(f"small net {i}" for i in range(8))])
def test_every_way_of_asking_agrees(net):
    make, samples = NETS[net]
    sonifier, x = Sonifier(make()), torch.randn(3, samples).double()
    sweep = sonifier.most_active(x)
    assert sweep.signals.shape == (sonifier.n_layers, 3, samples)
    for layer in range(1, sonifier.n_layers + 1):
        filters = sweep.filters[layer - 1]
        one_by_one = torch.cat(
            [sonifier.sonify(x[i : i + 1], layer, int(filters[i])) for i in range(3)]
        )
        together = sonifier.sonify(x, layer, filters)
        some = sonifier.render(x, layer, torch.tensor([2, 0, 2]), filters[[2, 0, 2]])
        assert relative(together, one_by_one) < TOLERANCE
        assert relative(sweep.signals[layer - 1], one_by_one) < TOLERANCE
        assert relative(some.signals, one_by_one[[2, 0, 2]]) < TOLERANCE


def test_output_keeps_the_peak_of_the_input_and_the_scale_can_be_undone():
    model = CNN12(Architecture(width=0.125)).double()
    x = 0.25 * torch.randn(2, 6_000).double()
    found = Sonifier(model).most_active(x)
    torch.testing.assert_close(
        found.signals.abs().amax(-1), x.abs().amax(-1).expand(11, 2), rtol=1e-12, atol=0
    )
    assert (found.signals < 0).any(), "the signed output is never clamped"
    # Layer 1 by hand: unpool, rectify (nothing to do), transposed convolution.
    record = Sonifier(model).forward(x, 1)
    start = torch.zeros_like(record.maps[0])
    f = int(found.filters[0, 0])
    start[:, f] = record.maps[0][:, f]
    unpooled = nn.MaxUnpool1d(2)(start, record.switches[0])
    raw = nn.functional.conv_transpose1d(unpooled, model.trunk.conv1.weight)
    torch.testing.assert_close(found.signals[0, 0] / found.scales[0, 0], raw[0, 0])


def test_dead_maps_and_silent_clips_give_silence_never_nan():
    model = CNN12(Architecture(width=0.125))
    with torch.no_grad():
        model.trunk.conv8.bias[5] = -1e6
    sonifier = Sonifier(SoundModel(model, "classifier", 3))
    x = torch.randn(2, 3_000)
    x[1] = 0
    found = sonifier.render(x, 8, torch.tensor([0, 1]), torch.tensor([5, 5]))
    assert found.dead.tolist() == [True, True]
    assert not found.signals.any() and not found.scales.any()
    sweep = sonifier.most_active(x)
    assert sweep.signals.isfinite().all()
    assert sweep.dead[:, 1].all() and not sweep.dead[0, 0]  # zero biases: silence excites nothing


@pytest.mark.parametrize("gain", [2.0, 0.5, 256.0])
def test_a_gain_is_a_first_layer_that_multiplies(gain):
    """Its transpose multiplies once more: raw sounds have the square of the gain, signals none."""
    net, x = small_net(2), 0.1 * torch.randn(2, 331).double()
    plain, scaled = Sonifier(net), Sonifier(net, gain=gain)
    for ours, theirs in zip(scaled.maps(x), plain.maps(gain * x), strict=True):
        torch.testing.assert_close(ours, theirs)
    ours, theirs = scaled.most_active(x), plain.most_active(gain * x)
    assert torch.equal(ours.filters, theirs.filters) and ours.signals.any()
    torch.testing.assert_close(ours.signals, theirs.signals / gain)
    torch.testing.assert_close(ours.scales, theirs.scales / gain**2)


@pytest.mark.parametrize("rule", ["max", "mean", "energy"])
def test_the_most_active_map_follows_the_rule(rule):
    maps = torch.tensor([[[0.0, 5.0, 0.0], [2.0, 2.0, 2.0], [0.0, 4.0, 4.0]]])
    assert int(strongest(maps, rule)) == {"max": 0, "mean": 2, "energy": 2}[rule]
    assert int(strongest(torch.ones(1, 4, 3), rule)) == 0, "ties go to the lower filter"


def test_the_model_is_left_as_it_was():
    model = CNN12(Architecture(width=0.125)).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    Sonifier(model).most_active(torch.randn(1, 3_000))
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.training and all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())


def test_shifts_by_the_pool_stride_shift_the_sonification():
    """Section 3.2: away from the edges a shift of the input is the same shift of the output."""
    model = CNN12(Architecture(width=0.125)).double()
    long = torch.randn(1, 256 * 120).double()
    shift = 256 * 3
    sonifier, layer = Sonifier(model), 6
    filters = strongest(sonifier.forward(long).maps[layer - 1])
    records = [
        sonifier.render(x, layer, torch.tensor([0]), filters) for x in (long[:, shift:], long)
    ]
    moved, fixed = (r.signals[0] / r.scales[0] for r in records)
    inner = slice(12_000, 17_000)
    there = slice(12_000 + shift, 17_000 + shift)
    assert relative(moved[inner], fixed[there]) < TOLERANCE


def test_strided_convolutions_come_back_to_full_length():
    model = CNN12(Architecture(width=0.125, downsampling="strided")).double()
    x = torch.randn(2, 5_003).double()
    found = Sonifier(model, allow_strided=True).most_active(x)
    assert found.signals.shape == (11, 2, 5_003)
    for layer in range(1, 12):
        truth = captum_sonification(model.trunk, x, layer, found.filters[layer - 1])
        assert relative(found.signals[layer - 1], truth) < TOLERANCE


def test_wrong_requests_are_refused():
    sonifier, x = Sonifier(CNN12(Architecture(width=0.125))), torch.randn(2, 3_000)
    with pytest.raises(ValueError, match="layers 1 to 11"):
        sonifier.sonify(x, 12, 0)
    with pytest.raises(ValueError, match="layer 1 has filters 0 to 7"):
        sonifier.sonify(x, 1, 8)
    for layer, filters in (("conv7", 1), (1, "all"), (None, 0), (1, [0, None])):
        with pytest.raises(ValueError, match="(layers|filters): .* is neither a whole number"):
            sonifier.sonify(x, layer, filters)
    with pytest.raises(ValueError, match="filters has 3 indices for 2 clips"):
        sonifier.sonify(x, 1, [0, 1, 2])
    with pytest.raises(ValueError, match=r"expected \(clip, time\)"):
        sonifier.sonify(x[0], 1, 0)
    with pytest.raises(ValueError, match="too short for layer 7"):
        sonifier.most_active(x[:, :300])
    with pytest.raises(ValueError, match="rule is 'loudest'"):
        sonifier.most_active(x, rule="loudest")
