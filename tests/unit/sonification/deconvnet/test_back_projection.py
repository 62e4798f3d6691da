"""Back-projection: many requests at once, whole layers, single neurons, silence, precision."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from oracles import captum_sonification, literal_sonification
from torch import nn

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification import explainer
from sonify.sonification.deconvnet import back_projection
from sonify.sonification.deconvnet import sonifier as deconvnet
from sonify.sonification.deconvnet.sonifier import Sonifier


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).norm() / theirs.norm().clamp_min(1e-300))


@pytest.fixture(params=[True, False], ids=["native", "emulated"])
def native(request, monkeypatch):
    """Whether the processor computes in bfloat16, whatever it is."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": request.param})
    deconvnet._fast_type.cache_clear()
    yield request.param
    deconvnet._fast_type.cache_clear()


def wide_net() -> nn.Sequential:
    """Pools of three kinds, one of them padded."""
    return nn.Sequential(
        nn.Conv1d(1, 50, 9, padding=4), nn.ReLU(), nn.MaxPool1d(4),
        nn.Conv1d(50, 64, 7, padding=3), nn.ReLU(), nn.MaxPool1d(3, padding=1),
        nn.Conv1d(64, 48, 5), nn.ReLU(), nn.MaxPool1d(2, ceil_mode=True),
        nn.Conv1d(48, 50, 3, padding=1), nn.ReLU(),
    ).double()  # fmt: skip


@pytest.fixture
def requests() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Layers, clips and filters in no order, some twice."""
    layers = torch.tensor([2, 4, 1, 4, 3, 2, 4, 1])
    clips = torch.tensor([1, 0, 2, 2, 1, 1, 0, 0])
    return layers, clips, torch.tensor([7, 3, 49, 3, 11, 7, 20, 0])


def test_many_layers_filters_and_clips_at_once(requests, monkeypatch):
    net, x = wide_net(), torch.randn(3, 2_003).double()
    found = Sonifier(net).render(x, *requests)
    for i, (layer, clip, f) in enumerate(zip(*(r.tolist() for r in requests), strict=True)):
        literal = literal_sonification(net, x[clip], layer, f)
        assert relative(found.signals[i], literal) < 1e-9
    assert found.filters.tolist() == requests[2].tolist()
    # However the work is cut up.
    for where, name, value in (
        (back_projection, "CACHED_BYTES", 1), (back_projection, "CACHED_BYTES", 1 << 40),
        (explainer, "CACHED_SAMPLES", 1), (explainer, "CACHED_SAMPLES", 1 << 40),
        (deconvnet, "STREAM_BYTES", 1),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            again = Sonifier(net).render(x, *requests)
        assert relative(again.signals, found.signals) < 1e-12, (name, value)
        assert torch.equal(again.dead, found.dead)


@pytest.mark.parametrize(
    ("clips", "runs"),
    [
        ([4], [(0, 1, 4, 5)]),
        ([0, 1, 2, 3], [(0, 4, 0, 4)]),
        ([2, 2, 2], [(0, 3, 2, 3)]),
        ([0, 1, 1, 2, 0, 0], [(0, 2, 0, 2), (2, 4, 1, 3), (4, 6, 0, 1)]),
        ([3, 1, 3], [(0, 1, 3, 4), (1, 2, 1, 2), (2, 3, 3, 4)]),
    ],
)
def test_streams_of_one_clip_or_of_consecutive_clips_are_unpooled_together(clips, runs):
    found = [(s.start, s.stop, c.start, c.stop) for s, c in back_projection._runs(clips)]
    assert found == runs


def test_windows_that_reach_beyond_the_ends_leave_the_neighbours_alone():
    """Padded pools after convolutions of one tap, where nothing else keeps signals apart."""
    torch.manual_seed(3)
    for padding, ceil_mode in ((2, False), (2, True), (1, True), (0, True)):
        net = nn.Sequential(
            nn.Conv1d(1, 4, 1), nn.ReLU(), nn.MaxPool1d(4, padding=padding, ceil_mode=ceil_mode),
            nn.Conv1d(4, 3, 1), nn.ReLU(),
        ).double()  # fmt: skip
        for samples in range(20, 28):
            x = torch.randn(3, samples).double()
            for f in range(3):
                ours = Sonifier(net).sonify(x, 2, f)
                assert relative(ours, literal_sonification(net, x, 2, f)) < 1e-9


@contextmanager
def nothing_is_zero_by_chance() -> Iterator[None]:
    """Memory that was not written to is NaN, as it may be anything."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("pool", [{}, {"stride": 3}, {"stride": 5}, {"padding": 1}])
def test_between_and_beside_the_windows_there_is_silence(pool):
    """Of pools whose windows leave frames out, too."""
    net = nn.Sequential(
        nn.Conv1d(1, 4, 3), nn.ReLU(), nn.MaxPool1d(2, **pool),
        nn.Conv1d(4, 3, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2, **pool),
        nn.Conv1d(3, 3, 2), nn.ReLU(),
    ).double()  # fmt: skip
    x = torch.randn(60, 40).double()  # more clips than frames
    heard = False
    for layer, f in ((1, 0), (2, 1), (3, 0), (3, 2)):
        with nothing_is_zero_by_chance():
            ours = Sonifier(net).sonify(x, layer, f)
        for clip in (0, 29, 59):
            assert relative(ours[clip], literal_sonification(net, x[clip], layer, f)) < 1e-9
        heard |= layer == 3 and bool(ours.any())
    assert heard


def test_a_whole_layer_at_once():
    net, x = wide_net(), torch.randn(2, 1_001).double()
    for layer in (1, 2, 3, 4):
        found = Sonifier(net).whole_layer(x, layer)
        for clip in range(2):
            literal = literal_sonification(net, x[clip], layer, slice(None))
            assert relative(found.signals[clip], literal) < 1e-9
        assert found.filters.tolist() == [-1, -1]


def test_one_neuron():
    net, x = wide_net(), torch.randn(1, 1_001).double()
    sonifier = Sonifier(net)
    record = sonifier.forward(x)
    for layer in range(1, 5):
        maps = record.maps[layer - 1][0]
        f, frame = divmod(int(maps.argmax()), maps.shape[1])
        one = torch.tensor([0])
        ours = sonifier.render_from(record, x, layer, one, torch.tensor([f]), torch.tensor([frame]))
        theirs = captum_sonification(net, x[0], layer, f, frame)
        assert relative(ours.signals[0], theirs) < 1e-9


def test_a_frame_that_a_map_does_not_have_is_refused():
    net, x = wide_net(), torch.randn(1, 1_001).double()
    sonifier = Sonifier(net)
    record, one = sonifier.forward(x), torch.tensor([0])
    n = net[:6](x.unsqueeze(1)).shape[-1]  # frames of layer 2
    for frame in (n, -1):
        asked = 2, one, one, torch.tensor([frame])
        with pytest.raises(ValueError, match=f"layer 2 has frames 0 to {n - 1} of .*, not {frame}"):
            sonifier.render_from(record, x, *asked)
    asked = torch.tensor([1, 2]), torch.tensor([0, 0]), torch.tensor([0, 0]), torch.tensor([n, n])
    with pytest.raises(ValueError, match="layer 2 has frames"):  # though layer 1 has as many
        sonifier.render_from(record, x, *asked)


def test_maps_are_those_of_the_forward_pass():
    sonifier, x = Sonifier(wide_net()), torch.randn(2, 1_001).double()
    recorded = sonifier.forward(x).maps
    assert all(torch.equal(m, r) for m, r in zip(sonifier.maps(x), recorded, strict=True))


def test_residuals_and_scales():
    x = torch.randn(2, 3_000)
    found = Sonifier(CNN12(Architecture(width=0.125))).most_active(x)
    assert torch.equal(found.residuals(x), x - found.signals)
    assert found.residuals(x).shape == (11, 2, 3_000)


def test_a_living_map_that_rectification_silences_gives_silence():
    """Any rounding error where a zero is due would be blown up by the scaling."""
    net = wide_net()
    with torch.no_grad():
        net[6].weight[5] = -net[6].weight[5].abs()  # layer 3, filter 5: only negative on the way
        net[6].bias[5] = 1e3  # and alive for all that
    x = torch.zeros(1, 4_000).double()
    x[0, 1_990:2_010] = 1.0  # silence around: zeros for rounding errors to fall on
    found = Sonifier(net).render(x, 3, torch.tensor([0]), torch.tensor([5]))
    assert not found.dead[0] and not found.signals.any() and not found.scales.any()
    with torch.no_grad():
        net[3].weight.abs_().neg_()  # all of layer 2: silenced one block further down
        net[3].bias.fill_(1e3)
        net[6].bias.fill_(1e7)
    found = Sonifier(net).render(x, 3, torch.tensor([0]), torch.tensor([6]))
    assert not found.dead[0] and not found.signals.any()


def stays_silent(convs: list[nn.Conv1d], dtype: torch.dtype) -> None:
    """Of four convolutions, set so that the second from the start of a stream silences it, a living
    map gives silence and nothing else."""
    half = convs[1].out_channels // 2
    net = nn.Sequential(*(m for conv in convs for m in (conv, nn.ReLU()))).to(dtype)
    x = torch.randn(1, 4_000).to(dtype)
    with torch.no_grad():
        second, third = convs[1].weight, convs[2].weight
        second[:half], second[half:] = -second[:half].abs(), second[half:].abs()
        third[:, :half], third[:, half:] = third[:, :half].abs(), -third[:, half:].abs()
        convs[2].bias.copy_(-1.5 * net[:5](x.unsqueeze(1)).amin((0, 2)))  # layer 3 lives
        last = net[:7](x.unsqueeze(1))[0, 0]
        convs[3].bias[0] -= last.sort().values[-3]  # and filter 0 of layer 4 in two frames
    found = Sonifier(net).render(x, 4, torch.tensor([0]), torch.tensor([0]))
    assert not found.dead[0] and not literal_sonification(net, x[0], 4, 0).any()
    assert not found.signals.any() and not found.scales.any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_silence_is_silence_after_several_convolutions(dtype):
    """A stream that the second convolution from its start silences: what the first left as rounding
    errors, where zeros are due, must not come through."""
    wide = 48
    convs = [nn.Conv1d(n, wide, taps, padding=taps // 2) for n, taps in
             ((1, 5), (wide, 5), (wide, 5), (wide, 3))]  # fmt: skip
    stays_silent(convs, dtype)


@pytest.mark.usefixtures("native")
def test_clips_with_a_gap_of_digital_silence():
    """All values of a window are equal there: the switch of the first must win every time."""
    model, x = CNN12(Architecture(width=0.5)), torch.randn(1, 10_000)
    with torch.no_grad():
        for module in model.trunk:
            if isinstance(module, nn.Conv1d):
                module.bias.normal_(std=0.1)
    x[0, 4_000:7_000] = 0
    exact, fast = (Sonifier(model, p).most_active(x) for p in ("exact", "fast"))
    assert torch.equal(exact.filters, fast.filters)
    for layer in range(11):
        assert relative(fast.signals[layer], exact.signals[layer]) < 2e-2


def test_the_fast_path_hears_the_same_maps(native, capsys):
    model, x = CNN12(Architecture(width=0.5)), torch.randn(2, 6_001)
    exact, fast = Sonifier(model).most_active(x), Sonifier(model, "fast").most_active(x)
    assert torch.equal(exact.filters, fast.filters) and torch.equal(exact.dead, fast.dead)
    assert fast.signals.dtype == torch.float32
    for layer in range(11):
        error = relative(fast.signals[layer], exact.signals[layer])
        if native:
            assert 1e-5 < error < 2e-2, "bfloat16 on the way down, and no worse"
        else:
            assert error == 0, "float32: emulation would be many times slower"
    Sonifier(model, "fast").most_active(x)
    said = capsys.readouterr().err
    assert said.count("precision fast: the cpu computes exactly, in float32") == (not native)
    assert said.count("\n") == (not native), "once per process"
    model.double()
    fast, exact = (Sonifier(model, p).most_active(x.double()) for p in ("fast", "exact"))
    assert relative(fast.signals, exact.signals) < 1e-9, "float64 stays float64"


@pytest.mark.usefixtures("native")
def test_the_fast_path_through_a_single_channel():
    net = nn.Sequential(
        nn.Conv1d(1, 4, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(4, 1, 3), nn.ReLU(),
        nn.MaxPool1d(2), nn.Conv1d(1, 3, 3), nn.ReLU(),
    )  # fmt: skip
    with torch.no_grad():
        net[3].bias.fill_(1.0)
    x = torch.randn(2, 301)
    exact, fast = (Sonifier(net, p).most_active(x).signals for p in ("exact", "fast"))
    assert exact[2].any() and relative(fast, exact) < 2e-2


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision is 'half': it must be exact or fast"):
        Sonifier(wide_net(), "half")


def test_weights_that_changed_are_used():
    model, x = CNN12(Architecture(width=0.125)).double(), torch.randn(1, 3_001).double()
    sonifier = Sonifier(model)
    before = sonifier.sonify(x, 6, 3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.01 * torch.randn_like(p))
    after = sonifier.sonify(x, 6, 3)
    assert relative(after, before) > 1e-3
    assert relative(after[0], literal_sonification(model.trunk, x[0], 6, 3)) < 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": torch.tensor([5])}, "layer is 5: the model has layers 1 to 4"),
        ({"clips": torch.tensor([2])}, "the batch has clips 0 to 1, not 2"),
        ({"filters": torch.tensor([48])}, "layer 3 has filters 0 to 47, not 48"),
        ({"filters": torch.tensor([-1])}, "layer 3 has filters 0 to 47, not -1"),
        (
            {"filters": torch.tensor([1, 2])},
            r"filters have shape \(2,\).*one for each of 1 requests",
        ),
        ({"filters": torch.tensor([1.5])}, "filters have shape .* and type torch.float32"),
        ({"layers": torch.tensor([1, 2])}, r"layers have shape \(2,\)"),
        (
            {"x": torch.randn(2, 500)},
            "waveforms are torch.float32, the model's weights torch.float64",
        ),
        ({"x": torch.randn(500).double()}, r"expected \(clip, time\)"),
        ({"x": torch.full((2, 500), torch.nan).double()}, "clip 0 has a sample that is not finite"),
        ({"x": torch.randn(2, 16).double()}, "too short for layer 3, which needs"),
    ],
)
def test_what_cannot_be_asked_is_refused(change, message):
    one = torch.tensor([0])
    asked = {"x": torch.randn(2, 500).double(), "layers": 3, "clips": one, "filters": one}
    with pytest.raises(ValueError, match=message):
        Sonifier(wide_net()).render(**asked | change)


def test_nothing_asked_is_nothing_found():
    sonifier, x, none = Sonifier(wide_net()), torch.randn(2, 500).double(), torch.tensor([]).long()
    for found in (
        sonifier.render(x, 3, none, none),
        sonifier.render_from(sonifier.forward(x), x, 3, none, none),
    ):
        assert found.signals.shape == (0, 500) and found.dead.shape == (0,)


def test_weights_made_anew_on_every_access_are_never_kept():
    net, x = wide_net(), torch.randn(1, 800).double()
    torch.nn.utils.parametrizations.weight_norm(net[3])
    sonifier = Sonifier(net)
    for _ in range(5):
        with torch.no_grad():
            net[3].parametrizations.weight.original1.add_(0.1 * torch.randn(64, 50, 7).double())
        assert relative(sonifier.sonify(x, 3, 5), literal_sonification(net, x, 3, 5)) < 1e-9


PATHS = [
    pytest.param(dtype, precision, id=f"{dtype}-{precision}")
    for dtype, precision in
    ((torch.float64, "exact"), (torch.float32, "exact"), (torch.float32, "fast"))
]  # fmt: skip


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(("dtype", "precision"), PATHS)
def test_dead_filters_are_silent_among_living_ones(dtype, precision):
    """A third of every layer is dead; all filters of all layers go down together."""
    net, x = wide_net(), torch.randn(2, 2_012).double()  # the last block reaches beyond
    with torch.no_grad():
        for module in net:
            if isinstance(module, nn.Conv1d):
                module.bias[::3] = -1e6
    layers, filters = torch.tensor(
        [(n, f) for n, count in enumerate((50, 64, 48, 50), start=1) for f in range(count)]
    ).T
    clips = torch.arange(len(layers)) % 2
    found = Sonifier(net.to(dtype), precision).render(x.to(dtype), layers, clips, filters)
    dead = filters % 3 == 0
    assert found.dead[dead].all() and not found.signals[dead].any() and not found.scales[dead].any()
    living = ~found.dead
    assert living.sum() > 100 and (found.scales[living] > 0).all()
    peaks = x.to(dtype).abs().amax(-1)[clips]
    torch.testing.assert_close(found.signals.abs().amax(-1)[living], peaks[living])
    net.double()
    for i in (0, 1, 60, 61, 150, 170):
        for oracle in (literal_sonification, captum_sonification):
            truth = oracle(net, x[clips[i]], int(layers[i]), int(filters[i]))
            assert truth.any() == living[i]
            if living[i]:
                tolerance = 3e-2 if precision == "fast" else 1e-4
                assert relative(found.signals[i].double(), truth.view(-1)) < tolerance


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(("dtype", "precision"), PATHS)
def test_silenced_streams_are_silent_beside_loud_ones(dtype, precision):
    """Streams lie side by side in memory, which must not be felt: every second one is silenced
    where it starts, and has nothing of its own in the blocks below."""
    net, x = wide_net(), torch.randn(1, 4_012).double()
    with torch.no_grad():
        net[6].weight[::2] = -net[6].weight[::2].abs()  # layer 3: only negative on the way
        net[6].bias.fill_(1e3)  # and alive for all that
    filters = torch.arange(48)
    zeros = torch.zeros_like(filters)
    found = Sonifier(net.to(dtype), precision).render(x.to(dtype), 3, zeros, filters)
    assert not found.dead.any()
    assert not found.signals[::2].any() and not found.scales[::2].any()
    assert found.signals[1::2].any(-1).all()
    for f in (0, 1):
        assert bool(captum_sonification(net.double(), x[0], 3, f).any()) == bool(f)


def test_a_faint_stream_is_the_same_beside_a_loud_one():
    """No rounding error of a stream may come from another."""
    net, x = wide_net(), torch.randn(1, 4_012).double()
    with torch.no_grad():
        net[6].weight[5] *= 1e-9
        net[6].bias.fill_(5)
    asked = torch.tensor([0, 0]), torch.tensor([5, 6])
    sonifier = Sonifier(net.float())
    found, switches = sonifier.render(x.float(), 3, *asked), sonifier.forward(x.float()).switches
    truth = literal_sonification(net.double(), x[0], 3, 5, shared=switches)
    assert relative(found.signals[0].double(), truth) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_silence_is_silence_where_a_dilated_convolution_silences(dtype):
    """As above, but the convolution that silences is dilated."""
    wide = 48
    convs = [nn.Conv1d(1, wide, 5, padding=2), nn.Conv1d(wide, wide, 5, padding=4, dilation=2),
             nn.Conv1d(wide, wide, 5, padding=2), nn.Conv1d(wide, wide, 3, padding=1)]  # fmt: skip
    stays_silent(convs, dtype)


def test_a_single_silent_neuron_of_a_living_map_is_silence():
    net, x = wide_net(), torch.randn(1, 2_003).double()
    sonifier = Sonifier(net)
    record = sonifier.forward(x)
    maps = record.maps[2][0]
    f = int(torch.nonzero((maps.amin(-1) == 0) & (maps.amax(-1) > 0))[0])
    frames = torch.stack([maps[f].argmin(), maps[f].argmax()])
    both = torch.tensor([0, 0]), torch.tensor([f, f])
    found = sonifier.render_from(record, x, 3, *both, frames)
    assert not found.signals[0].any() and found.scales[0] == 0 and found.signals[1].any()
