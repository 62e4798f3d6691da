"""The reference path by autograd: against the engine, Captum, and backward passes by hand."""

import copy

import pytest
import torch
import torch.nn.functional as F
from oracles import Rectified, captum_sonification
from torch import Tensor, nn

from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.autograd.sonifier import AutogradSonifier
from sonify.sonification.deconvnet.sonifier import Sonifier

SAMPLES = 601


class Rule(torch.autograd.Function):
    """Any activation, with the backward rule of the paper written out: positive gradients pass."""

    @staticmethod
    def forward(ctx, x, activation):
        return activation(x.detach())

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(gradient > 0, gradient, torch.zeros_like(gradient)), None


class Act(nn.Module):
    """An activation that can be made to follow the rule, and then keeps what it returns."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.activation, self.kept = activation, None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None:
            return self.activation(x)
        self.kept.append(Rule.apply(x, self.activation))
        return self.kept[-1]


class Residual(nn.Module):
    """A 1-D ResNet: strided stem, overlapping pool, batch norms, shortcuts with a convolution."""

    def __init__(self, activation=F.relu) -> None:
        super().__init__()
        self.act = Act(activation)
        self.stem, self.norm = nn.Conv1d(1, 6, 9, stride=2, padding=4), nn.BatchNorm1d(6)
        self.a, self.b = nn.Conv1d(6, 6, 3, padding=1), nn.Conv1d(6, 6, 3, padding=1)
        self.c, self.d = nn.Conv1d(6, 8, 3, 2, padding=1), nn.Conv1d(8, 8, 3, padding=1)
        self.short = nn.Conv1d(6, 8, 1, stride=2)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        x = F.max_pool1d(x, 3, stride=2, padding=1)
        x = self.act(x + self.b(self.act(self.a(x))))
        x = self.act(self.short(x) + self.d(self.act(self.c(x))))
        return self.fc(x.mean(-1))


class Averaging(nn.Module):
    """Average pools, instance and group norms, a squeeze-and-excitation gate."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.act = Act(activation)
        self.one, self.two = nn.Conv1d(1, 6, 7), nn.Conv1d(6, 6, 5)
        self.inorm, self.gnorm = nn.InstanceNorm1d(6, affine=True), nn.GroupNorm(2, 6)
        self.gate = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool1d(self.act(self.inorm(self.one(x))), 3)
        x = x * torch.sigmoid(self.gate(x.mean(-1)))[..., None]
        return self.act(self.gnorm(self.two(x))).mean(-1)


class Images(nn.Module):
    """A one-dimensional front whose maps become an image (Wavegram, EnvNet)."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.act = Act(activation)
        self.front, self.back = nn.Conv1d(1, 8, 16, stride=4), nn.Conv2d(1, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            x = x[:, None]
        x = self.act(self.front(x)).unsqueeze(1)
        return F.max_pool2d(self.act(self.back(x)), 2).mean((2, 3))


ACTIVATIONS = {
    "relu": F.relu,
    "torch.relu": torch.relu,
    "method": lambda x: x.relu(),
    "in place": lambda x: F.relu(x.clone(), inplace=True),
    "method in place": lambda x: x.clone().relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min in place": lambda x: x.clone().clamp_min_(0),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "where": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "mask": lambda x: x * (x > 0),
    "threshold": lambda x: F.threshold(x, 0.0, 0.0),
    "relu6": F.relu6,
    "leaky": lambda x: F.leaky_relu(x, 0.2),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
    "elu": F.elu,
    "celu": F.celu,
    "selu": torch.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "softplus": F.softplus,
}


class PoolFirst(nn.Module):
    """A pool before each activation, whose layers are pooled already."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.act = Act(activation)
        self.one, self.two = nn.Conv1d(1, 6, 7), nn.Conv1d(6, 6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(F.max_pool1d(self.one(x), 3))
        return self.act(F.max_pool1d(self.two(x), 2)).mean(-1)


NETS = {
    "pool first": PoolFirst,
    "residual": Residual,
    "averages and norms": Averaging,
    "images": Images,
}


def by_hand(model: nn.Module, x: Tensor, layer: int, filter: int, pool=None) -> Tensor:
    """The gradient of half the squared map under the rule, scaled to the peak of its clip."""
    twin, out = copy.deepcopy(model).eval(), []
    for clip in x:
        twin.act.kept = []
        waveform = clip.view(1, 1, -1).clone().requires_grad_()
        twin(waveform)
        maps = twin.act.kept[layer - 1]
        maps = maps if pool is None else pool(maps)
        (raw,) = torch.autograd.grad(0.5 * maps[:, filter].square().sum(), waveform)
        raw = raw.flatten()
        out.append(raw / raw.abs().max().clamp_min(1e-300) * clip.abs().max())
    return torch.stack(out)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_rectifier_follows_the_rule_in_every_spelling(activation):
    torch.manual_seed(3)
    model = Residual(ACTIVATIONS[activation]).double()
    x = torch.randn(2, SAMPLES).double()
    sonifier, overlapping = AutogradSonifier(model), lambda m: F.max_pool1d(m, 3, 2, 1)
    run = sonifier.forward(x)
    assert [m.shape[1] for m in run.maps] == [6, 6, 6, 8, 8] and model.training
    for layer in range(1, 6):
        for filter in (0, 3):
            ours = sonifier.sonify(x, layer, filter)
            theirs = by_hand(model, x, layer, filter, overlapping if layer == 1 else None)
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    assert run.plain == [] and theirs.any()


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("activation", ["relu", "gelu", "leaky"])
def test_networks_that_are_no_chain(net, activation):
    torch.manual_seed(4)
    model = NETS[net](ACTIVATIONS[activation]).double()
    x = torch.randn(2, SAMPLES).double()
    sonifier = AutogradSonifier(model, gain=3.0)
    heard = sonifier.most_active(x)
    assert heard.by == "autograd"
    pools = {"residual": {1: lambda m: F.max_pool1d(m, 3, 2, 1)}}.get(net, {})
    pools = {2: lambda m: F.max_pool2d(m, 2)} if net == "images" else pools
    for layer in range(1, len(heard.signals) + 1):
        for clip in range(2):
            filter = int(heard.filters[layer - 1, clip])
            theirs = by_hand(model, 3 * x[clip : clip + 1], layer, filter, pools.get(layer))[0] / 3
            torch.testing.assert_close(heard.signals[layer - 1, clip], theirs, rtol=0, atol=1e-9)
            assert theirs.any()


def test_what_bends_with_its_own_gradient_is_named():
    x = torch.randn(1, SAMPLES)
    assert AutogradSonifier(Averaging(F.relu)).forward(x).plain == ["sigmoid"]
    assert AutogradSonifier(Averaging(F.relu)).forward(x, 1).plain == []
    tanh = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Tanh(), nn.Conv1d(2, 2, 3), nn.ReLU())
    assert AutogradSonifier(tanh).forward(x).plain == ["tanh"]


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_where_the_engine_runs_both_are_equal(downsampling):
    model = CNN12(Architecture(width=1 / 16, downsampling=downsampling)).double()
    x = torch.randn(2, 2_531).double()
    engine = Sonifier(model, allow_strided=True)
    ours, theirs = AutogradSonifier(model).most_active(x), engine.most_active(x)
    assert torch.equal(ours.filters, theirs.filters) and torch.equal(ours.dead, theirs.dead)
    torch.testing.assert_close(ours.signals, theirs.signals, rtol=0, atol=1e-9)
    torch.testing.assert_close(ours.scales, theirs.scales, rtol=1e-9, atol=0)
    assert (ours.by, theirs.by) == ("autograd", "engine")


def test_where_captum_applies_both_are_equal():
    """Captum rectifies at nn.ReLU alone: a chain of modules with an average pool and a norm."""
    chain = nn.Sequential(
        *[nn.Conv1d(1, 5, 7), nn.InstanceNorm1d(5), nn.ReLU(), nn.AvgPool1d(3)],
        *[nn.Conv1d(5, 6, 5), nn.ReLU(), nn.MaxPool1d(3, stride=2)],
    ).double()
    x = torch.randn(1, SAMPLES).double()
    ours = AutogradSonifier(chain).sonify(x, 2, 4)
    torch.testing.assert_close(ours, captum_sonification(chain, x, 2, 4), rtol=0, atol=1e-9)


def test_it_is_not_the_plain_gradient():
    torch.manual_seed(0)
    model, x = Residual().double().eval(), torch.randn(1, SAMPLES).double()
    waveform = x[:, None].clone().requires_grad_()
    kept = []
    hook = model.c.register_forward_pre_hook(lambda m, inputs: kept.append(inputs[0]))
    model(waveform)
    hook.remove()
    (plain,) = torch.autograd.grad(0.5 * kept[0][:, 2].square().sum(), waveform)
    plain = plain.flatten() / plain.abs().max() * x.abs().max()
    ours = AutogradSonifier(model).sonify(x, 3, 2)[0]
    assert float((ours - plain).norm()) > 0.05 * float(plain.norm())


class ChangedLater(nn.Module):
    """A residual sum in place, after the pool's input was kept, and a rectified vector."""

    def __init__(self) -> None:
        super().__init__()
        self.act = Act(F.relu)
        self.one, self.two, self.fc = nn.Conv1d(1, 4, 3), nn.Conv1d(4, 4, 1), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.one(x))
        y = self.two(x)
        y += x
        y = self.act(y)
        return torch.relu(self.fc(y.mean(-1)))


def test_maps_are_kept_as_they_were_and_vectors_are_no_layers():
    model, x = ChangedLater().double(), torch.randn(1, 99).double()
    run = AutogradSonifier(model).forward(x)
    assert len(run.maps) == 2
    torch.testing.assert_close(run.maps[0], model.one(x[:, None]).relu().detach())
    for layer in (1, 2):
        ours = AutogradSonifier(model).sonify(x, layer, 1)
        torch.testing.assert_close(ours, by_hand(model, x, layer, 1), rtol=0, atol=1e-9)


class WaveformsOnly(nn.Module):
    """Takes (clip, time), and has a head for one length."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.fc = nn.Conv1d(1, 4, 3), Act(F.relu), nn.Linear(4 * 98, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.act(self.conv(x[:, None])).flatten(1))


def test_clips_as_the_model_takes_them_and_a_head_that_refuses():
    model, x = WaveformsOnly().double(), torch.randn(2, 120).double()
    sonifier = AutogradSonifier(model)
    run = sonifier.forward(x)
    assert "mat1 and mat2" in run.stopped and len(run.maps) == 1
    assert sonifier.forward(x[:, :100]).stopped == ""
    kernels = model.conv.weight.detach()
    maps = F.conv1d(x[:, None], kernels, model.conv.bias.detach()).relu()
    theirs = F.conv_transpose1d(maps[:, 2:3], kernels[2:3])[:, 0]
    theirs = theirs / theirs.abs().amax(1, keepdim=True) * x.abs().amax(1, keepdim=True)
    torch.testing.assert_close(sonifier.sonify(x, 1, 2), theirs, rtol=0, atol=1e-9)
    with pytest.raises(
        ValueError, match=r"^layer is 2: the model has layers 1 to 1 on these clips"
    ):
        sonifier.forward(x, 2)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class OwnRule(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(Own.apply(super().forward(x)))


class Scripted(nn.Sequential):
    def __init__(self, *modules: nn.Module) -> None:
        super().__init__(*modules)
        self.compiled = [torch.jit.trace(torch.relu, torch.ones(1, 2, 3))]

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.compiled[0](super().forward(x)) - 0.1)


REFUSED = {
    "no rectifier": (
        lambda: nn.Sequential(nn.Conv1d(1, 2, 3), nn.Tanh()),
        r"^the model has no rectifier \(ReLU, GELU, ELU and their like\) whose maps could be",
    ),
    "no waveforms": (
        lambda: nn.Sequential(nn.Conv1d(2, 2, 3), nn.ReLU()),
        r"^the model cannot be run on waveforms as \(clip, 1, time\) or \(clip, time\) \(",
    ),
    "its own rule": (
        lambda: OwnRule(nn.Conv1d(1, 2, 3)),
        "^the gradient of Own in the model cannot be rectified, because it is compiled or has a ba",
    ),
    "scripted function": (
        lambda: Scripted(nn.Conv1d(1, 2, 3)),
        "^the gradient of .* in the model cannot be rectified",
    ),
    "TorchScript": (
        lambda: torch.jit.trace(nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU()), torch.ones(1, 1, 9)),
        "^the rectifiers of a TorchScript model cannot be reached: pass the nn.Module it was made",
    ),
}


@pytest.mark.filterwarnings("ignore:.torch.jit.:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit.:FutureWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_rectified_is_refused_rather_than_given_plainly(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        AutogradSonifier(make()).sonify(torch.randn(1, SAMPLES), 1, 0)


def test_a_dead_map_is_silence():
    model = nn.Sequential(nn.Conv1d(1, 3, 5), nn.ReLU())
    with torch.no_grad():
        model[0].bias[1] = -1e6
    x = torch.randn(1, 99)
    made = AutogradSonifier(model).render(x, 1, torch.tensor([0, 0]), torch.tensor([1, 2]))
    assert made.dead.tolist() == [True, False] and not made.signals[0].any()
    assert float(made.scales[0]) == 0
    assert torch.equal(made.signals[1].abs().max(), x.abs().max())


def test_the_rule_of_the_oracles_is_that_of_this_file():
    g = torch.randn(50)
    h = torch.randn(50, requires_grad=True)
    (a,) = torch.autograd.grad(Rectified.apply(h), h, g)
    (b,) = torch.autograd.grad(Rule.apply(h, F.relu), h, g)
    assert torch.equal(a, b)


class Counting(nn.Module):
    """Counts its calls in a buffer, in place, and uses the count; keeps what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.seen = nn.Conv1d(1, 3, 5), []
        self.register_buffer("calls", torch.zeros(()).double())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        self.seen.append(x)
        return {"maps": F.relu(self.conv(x) * self.calls), "calls": self.calls}


def test_a_model_that_changes_itself_and_returns_a_dict_is_left_as_it_was():
    model, x = Counting().double(), torch.randn(2, 99).double()
    sonifier = AutogradSonifier(model)
    made = sonifier.sonify(x, 1, 2)
    assert float(model.calls) == 0 and model.seen == [] and model.training
    assert torch.equal(made, sonifier.sonify(x, 1, 2))
    raw = F.conv_transpose1d(model.conv(x[:, None]).relu()[:, 2:3], model.conv.weight[2:3])[:, 0]
    theirs = raw / raw.abs().amax(1, keepdim=True) * x.abs().amax(1, keepdim=True)
    torch.testing.assert_close(made, theirs.detach(), rtol=0, atol=1e-9)


class ChannelsLast(nn.Module):
    """A block of ConvNeXt: its wide layer is linear, with the filters on the last axis."""

    def __init__(self, activation) -> None:
        super().__init__()
        self.act = Act(activation)
        self.conv, self.norm = nn.Conv1d(1, 6, 9), nn.LayerNorm(6)
        self.wide, self.narrow = nn.Linear(6, 24), nn.Linear(24, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x).transpose(1, 2)
        return x + self.narrow(self.act(self.wide(self.norm(x))))


def test_the_filters_of_a_linear_layer_are_on_the_last_axis():
    model, x = ChannelsLast(F.gelu).double(), torch.randn(1, 99).double()
    sonifier = AutogradSonifier(model)
    run = sonifier.forward(x)
    assert run.maps[0].shape == (1, 24, 91)
    for frame in (None, 30):
        twin = copy.deepcopy(model)
        twin.act.kept = []
        waveform = x[None].clone().requires_grad_()
        twin(waveform)
        maps = twin.act.kept[0][..., 17]
        torch.testing.assert_close(run.maps[0][:, 17], maps.detach())
        asked = maps if frame is None else maps[:, frame]
        (theirs,) = torch.autograd.grad(0.5 * asked.square().sum(), waveform)
        ours = sonifier.raw(run, 1, 0, 17, frame)
        torch.testing.assert_close(ours, theirs.flatten(), rtol=0, atol=1e-9)


def test_recurrent_layers_and_attention_are_named():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.rnn = nn.Conv1d(1, 4, 9, 4), nn.GRU(4, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            x = self.rnn(F.relu(self.conv(x)).transpose(1, 2))[0]
            x = F.relu(F.scaled_dot_product_attention(x, x, x))
            return torch.relu(torch.fft.rfft(x, dim=1).abs())

    run = AutogradSonifier(Both()).forward(torch.randn(1, 99))
    assert len(run.maps) == 3 and "abs" in run.plain
    for fused, parts in (("attention", "softmax"), ("recurrent layer", "tanh")):
        assert {fused, parts} & set(run.plain)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (
            torch.ones(1, 99, dtype=torch.int64),
            "waveforms are torch.int64, the model's weights torch",
        ),
        (
            torch.ones(1, 99).bool(),
            "waveforms are torch.bool, the model's weights torch.float32: c",
        ),
        (
            torch.ones(1, 99).double(),
            "waveforms are torch.float64, the model's weights torch.float",
        ),
        (
            torch.ones(1, 99) * 1j,
            "waveforms are torch.complex64, the model's weights torch.float32",
        ),
        (torch.full((1, 99), torch.inf), "clip 0 has a sample that is not finite"),
        (torch.ones(1, 1, 99), "waveforms have shape"),
    ],
)
def test_waveforms_of_another_kind_are_refused(x, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        AutogradSonifier(nn.Sequential(nn.Conv1d(1, 3, 5), nn.ReLU())).forward(x)
    with pytest.raises(ValueError, match="^waveforms are torch.int32: convert them to torch.float"):
        AutogradSonifier(nn.ReLU()).forward(torch.ones(1, 9, dtype=torch.int32))


def test_any_memory_and_any_mode_of_gradients():
    model = nn.Sequential(nn.Conv1d(1, 3, 5), nn.GELU())
    sonifier, wide = AutogradSonifier(model), torch.randn(2, 198)
    x = wide[:, ::2].contiguous()
    expected = sonifier.sonify(x, 1, 0)
    assert torch.equal(sonifier.sonify(wide[:, ::2], 1, 0), expected)
    with torch.inference_mode():
        assert torch.equal(sonifier.sonify(x.clone(), 1, 0), expected)
    with torch.no_grad():
        assert torch.equal(sonifier.sonify(x, 1, 0), expected)
    heard = sonifier.most_active(x.clone().requires_grad_())
    assert not heard.signals.requires_grad and not heard.scales.requires_grad
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


class Cut(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.conv = how, nn.Conv1d(1, 3, 5)

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "no_grad":
            with torch.no_grad():
                return F.relu(self.conv(x))
        return F.relu(self.conv(x).detach() if self.how == "detach" else self.conv(x).data)


@pytest.mark.parametrize("how", ["no_grad", "detach", "data"])
def test_a_model_that_cuts_its_gradients_is_told(how):
    with pytest.raises(
        ValueError, match=r"^the model's rectifiers run under torch.no_grad\(\), be"
    ):
        AutogradSonifier(Cut(how)).forward(torch.randn(1, 99))


class Spoiled(nn.Module):
    """Changes in place what the way back needs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 3, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.exp(self.conv(x))
        out = F.relu(h)
        h.zero_()
        return out


def test_values_changed_in_place_are_named():
    with pytest.raises(
        ValueError, match=r"^layer 1 has no gradient to the waveform \(one of the variables needed"
    ):
        AutogradSonifier(Spoiled()).sonify(torch.randn(1, 99), 1, 0)


def test_numbers_that_are_not_finite_are_named():
    chain, x = nn.Sequential(nn.Conv1d(1, 3, 5), nn.GELU()), torch.randn(1, 99)
    with torch.no_grad():
        chain[0].weight[1] = torch.nan
    with pytest.raises(
        ValueError, match="^layer 1 has activations that are not finite: check the m"
    ):
        AutogradSonifier(chain).forward(x)
    with torch.no_grad():
        chain[0].weight[:] = 1e25
    with pytest.raises(ValueError, match="^the sonification of layer 1, filter 0, is not finite"):
        AutogradSonifier(chain).sonify(x, 1, 0)


def test_half_precision_computes_as_it_can():
    model = nn.Sequential(nn.Conv1d(1, 3, 5), nn.LeakyReLU()).bfloat16()
    x = torch.randn(1, 99)
    exact = AutogradSonifier(copy.deepcopy(model).float()).sonify(x, 1, 0)
    ours = AutogradSonifier(model).sonify(x.bfloat16(), 1, 0)
    torch.testing.assert_close(ours.float(), exact, rtol=0, atol=0.05)
