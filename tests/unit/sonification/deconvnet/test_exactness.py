"""Every way of asking for a sonification, against four independent implementations.

In float64 to 1e-9 of the signal: rounding moves nothing there. In float32 the forward pass decides
near-ties of pooling by its last bits, so there the oracle pools where ours did.
"""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import ORACLES, literal_forward, literal_sonification
from torch import Tensor, nn

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.activity import RULES
from sonify.sonification.deconvnet.sonifier import Sonifier

TOLERANCE = 1e-9
TOLERANCE_FLOAT32 = 1e-5


@dataclass(frozen=True)
class Net:
    """A chain, clips for it, and how far, in samples, one end of a clip is felt inside."""

    chain: nn.Sequential
    x: Tensor
    stride: int
    reach: int


@st.composite
def nets(draw, max_blocks: int = 4, shifts: int = 0) -> Net:
    """Random chains of blocks that can be inverted, and two clips just long enough or longer.

    With `shifts` the clips hold that many pool strides beside an interior no edge is felt in.
    """
    channels, stride, reach, blocks = 1, 1, 0, []
    for _ in range(draw(st.integers(1, max_blocks))):
        filters = draw(st.integers(1, 6))
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if not filters % g | channels % g]))
        kernel, dilation = draw(st.integers(1, 7)), draw(st.integers(1, 3))
        span = dilation * (kernel - 1)
        padding = draw(st.sampled_from([0, span // 2, span, draw(st.integers(0, span + 2))]))
        conv = nn.Conv1d(channels, filters, kernel, 1, padding, dilation, groups)
        window = draw(st.sampled_from([None, 2, 3, 4]))
        gap = draw(st.integers(0, 2)) if window else 0
        pool = window and nn.MaxPool1d(
            window,
            window + gap,
            padding=draw(st.integers(0, window // 2)),
            ceil_mode=draw(st.booleans()),
        )
        blocks.append((conv, pool))
        reach += (span + padding + 2 * (window or 1) + gap) * stride
        stride *= (window or 1) + gap
        channels = filters
    shortest = 1
    for conv, pool in reversed(blocks):
        shortest *= pool.stride if pool else 1
        shortest += pool.kernel_size - 1 if pool else 0
        shortest += conv.dilation[0] * (conv.kernel_size[0] - 1)
    least = shifts * stride + 6 * reach if shifts else shortest
    samples = max(shortest, least) + draw(st.integers(0, 150))
    modules = [m for conv, pool in blocks for m in (conv, nn.ReLU(), pool) if m]
    chain = nn.Sequential(*modules).double()
    with torch.random.fork_rng():
        torch.manual_seed(draw(st.integers(0, 10**6)))
        for conv, _ in blocks:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.normal_(conv.bias, std=0.1)
        return Net(chain, torch.randn(2, samples).double(), stride, reach)


def cnn12(width: float, samples: int) -> Net:
    shape = Architecture(width=width)
    chain = CNN12(shape).double().trunk
    for module in chain.modules():
        if isinstance(module, nn.Conv1d) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.1)
    return Net(chain, torch.randn(1, samples).double(), shape.pool_stride, shape.receptive_field)


def relative(ours: Tensor, theirs: Tensor) -> float:
    """Distance over size; of silence only silence is at no distance."""
    difference, size = (ours - theirs).norm(), theirs.norm()
    return float(difference / size) if size > 0 else float(difference)


def strongest_of(maps: Tensor, rule: str) -> Tensor:
    """The rules written once more, (clip,)."""
    scores = {"max": maps.max(-1).values, "mean": maps.sum(-1), "energy": (maps * maps).sum(-1)}
    return scores[rule].max(-1).indices


def check_every_way_of_asking(net: Net, tolerance: float) -> list[bool]:
    """Compare all ways at all layers with all oracles; whether each sound compared was one."""
    sonifier, x = Sonifier(net.chain), net.x
    maps = literal_forward(net.chain, x)[0]
    everyone = torch.arange(len(x))
    sweeps = {rule: sonifier.most_active(x, rule) for rule in RULES}
    alive = []
    for layer in range(1, sonifier.n_layers + 1):
        last = maps[layer].shape[1] - 1
        choices = {tuple(strongest_of(maps[layer], rule).tolist()) for rule in RULES}
        choices = sorted(choices | {(0,) * len(x), (last,) * len(x)})
        # An oracle is given all choices at once, each with clips of its own.
        again, filters = x.repeat(len(choices), 1), torch.tensor(choices)
        truths = {
            name: f(net.chain, again, layer, filters.flatten()).unflatten(0, filters.shape)
            for name, f in ORACLES.items()
        }
        expected = dict(zip(choices, truths["Figure B.2"], strict=True))
        for choice, chosen in enumerate(filters):
            ours = sonifier.sonify(x, layer, chosen)
            for name, truth in truths.items():
                for i in range(len(x)):
                    error = relative(ours[i], truth[choice, i])
                    assert error < tolerance, (name, layer, choices[choice])
            alive += ours.any(dim=-1).tolist()
        together = sonifier.whole_layer(x, layer).signals
        for name, f in ORACLES.items():
            truth = f(net.chain, x, layer, slice(None))
            for i in everyone:
                assert relative(together[i], truth[i]) < tolerance, (name, layer, "all filters")
        pairs = [(i, f[i], truth[i]) for f, truth in expected.items() for i in range(len(x))]
        clips, filters = (torch.tensor(column) for column in list(zip(*pairs, strict=True))[:2])
        record = sonifier.forward(x)
        for found in (
            sonifier.render(x, layer, clips, filters),
            sonifier.render_from(record, x, layer, clips, filters),
        ):
            for signal, dead, (i, f, truth) in zip(found.signals, found.dead, pairs, strict=True):
                assert relative(signal, truth) < tolerance, (layer, i, f)
                assert bool(dead) == (not maps[layer][i, f].any())
        for rule, sweep in sweeps.items():
            chosen = strongest_of(maps[layer], rule)
            assert sweep.filters[layer - 1].tolist() == chosen.tolist()
            for i in everyone:
                truth = expected[tuple(chosen.tolist())][i]
                assert relative(sweep.signals[layer - 1, i], truth) < tolerance, (layer, rule)
    return alive


@pytest.mark.parametrize(
    ("width", "samples"),
    [
        (1 / 8, 2_370),
        (1 / 8, 2_371),
        (1 / 8, 6_001),
        pytest.param(1, 2_371, marks=pytest.mark.slow),
    ],
)
def test_cnn12_equals_every_oracle(width, samples):
    """From the shortest clip on, which leaves one frame of layer 11."""
    net = cnn12(width, samples)
    alive = check_every_way_of_asking(net, TOLERANCE)
    assert sum(alive) > 0.7 * len(alive), "mostly of sounds: a given filter may be dead"
    assert Sonifier(net.chain).most_active(net.x).signals.shape == (11, 1, samples)


def test_random_networks_equal_every_oracle():
    alive = []

    @settings(max_examples=60)
    @given(nets())
    def check(net: Net) -> None:
        alive.append(check_every_way_of_asking(net, TOLERANCE))

    check()
    assert len(alive) >= 50
    assert sum(map(sum, alive)) > 0.5 * sum(map(len, alive)), "mostly of sounds, not of silence"


def check_shared_switches(net: Net) -> None:
    chain, x = net.chain.float(), net.x.float()
    sonifier = Sonifier(chain)
    record = sonifier.forward(x)
    for layer in range(1, sonifier.n_layers + 1):
        chosen = strongest_of(record.maps[layer - 1], "max")
        truth = literal_sonification(chain, x, layer, chosen, shared=record.switches)
        ours = sonifier.sonify(x, layer, chosen)
        for i in range(len(x)):
            assert relative(ours[i], truth[i]) < TOLERANCE_FLOAT32, layer


@pytest.mark.parametrize(("width", "samples"), [(1 / 8, 20_000), (1, 3_001)])
def test_cnn12_in_float32_with_shared_switches(width, samples):
    check_shared_switches(cnn12(width, samples))


@settings(max_examples=25)
@given(nets())
def test_random_networks_in_float32_with_shared_switches(net):
    check_shared_switches(net)


def check_shift(net: Net, shift: int) -> int:
    """Compare the interior of clips cut `shift` apart; how many sounds were compared."""
    sonifier, long = Sonifier(net.chain), net.x[:1]
    alive = 0
    for layer in range(1, sonifier.n_layers + 1):
        filters = strongest_of(sonifier.forward(long).maps[layer - 1], "max")
        fixed, moved = (
            sonifier.render(x, layer, torch.tensor([0]), filters) for x in (long, long[:, shift:])
        )
        # Scaling looks at the whole clip; what equivariance is about is the raw deconvolution.
        raw_fixed, raw_moved = (
            r.signals[0] / torch.where(r.scales > 0, r.scales, 1.0) for r in (fixed, moved)
        )
        inner = slice(2 * net.reach, raw_moved.shape[-1] - 2 * net.reach)
        ours, truth = raw_moved[inner], raw_fixed[shift:][inner]
        assert len(ours) > 0 and relative(ours, truth) < TOLERANCE, layer
        alive += bool(truth.any())
    return alive


@pytest.mark.parametrize(("width", "strides"), [(1 / 8, 3), (1 / 16, 1)])
def test_shifts_of_cnn12_by_pool_strides_change_nothing_inside(width, strides):
    net = cnn12(width, 4 * 2_370 + 5_000)
    assert check_shift(net, strides * net.stride) == 11


def test_shifts_of_random_networks_by_pool_strides_change_nothing_inside():
    alive = []

    @settings(max_examples=40)
    @given(nets(max_blocks=3, shifts=3), st.integers(1, 3))
    def check(net: Net, strides: int) -> None:
        alive.append(check_shift(net, strides * net.stride))

    check()
    assert sum(map(bool, alive)) > 25, "mostly of sounds, not of silence"
