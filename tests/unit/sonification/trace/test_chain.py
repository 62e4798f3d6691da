"""Any user's model: what is accepted, against Captum in float64 at every layer, what is refused."""

import copy

import pytest
import torch
import torch.nn.functional as F
from oracles import captum_sonification
from torch import Tensor, nn

from sonify.models.cnn import CNN12, Architecture
from sonify.models.heads import SoundModel
from sonify.sonification.activity import strongest
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.chain import Block, find_blocks, grids, shortest
from sonify.sonification.trace.folding import folded

SAMPLES = 337


class Net(nn.Module):
    """Two convolutions, a pool and a head, for the styles below to call as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv1d(1, 6, 5, padding=2)
        self.two = nn.Conv1d(6, 6, 4)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool1d(3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 2)

    def chain(self) -> list[nn.Module]:
        """What a reader of `forward` would call its chain; the oracle is given this."""
        return [self.one, nn.ReLU(), nn.MaxPool1d(3), self.two, nn.ReLU()]


class Modules(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.one(x)))
        return self.head(self.relu(self.two(x)).mean(-1))


class Functions(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool1d(F.relu(self.one(x)), 3)
        return self.head(F.relu(self.two(x), inplace=True).mean(-1))


class Methods(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = torch.max_pool1d(torch.relu(self.one(x)), kernel_size=3, stride=[3])
        return self.head(torch.mean(self.two(x.contiguous()).relu_(), dim=-1))


class FrontAxis(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.one(x.unsqueeze(1)).relu())
        return F.adaptive_avg_pool1d(self.two(x).relu(), 1).flatten(1)


class FrontView(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.one(x.view(x.size(0), 1, -1)).relu())
        return F.max_pool1d(self.two(x).relu(), x.shape[-1] - 3).squeeze(-1)


class FrontEither(Net):
    def forward(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            x = x[:, None]
        assert x.shape[1] == 1, "mono only"
        return self.two(self.pool(self.one(x).relu())).relu().amax(-1)


class FrontFlattened(Net):
    def forward(self, x: Tensor) -> Tensor:
        flat = torch.squeeze(x, 1).to(self.one.weight.dtype)
        x = nn.functional.relu(self.one(nn.Unflatten(1, (1, -1))(flat)))
        return nn.ReLU()(self.two(nn.MaxPool1d(3)(x))).flatten(1)


class Dropouts(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.drop(self.pool(self.relu(self.drop(self.one(x)))))
        if self.training:
            x = x + torch.randn_like(x)
        x = F.dropout(self.two(x), 0.3, self.training)
        return self.head(F.relu(x).mean(-1))


class Exits(Net):
    """Options left at their defaults, maps given out on the way, two heads."""

    def forward(self, x: Tensor, lengths: Tensor | None = None, maps: bool = False):
        before = self.one(x)
        first = self.relu(before)
        last = self.relu(self.two(self.pool(first)))
        if maps:
            return first, last
        scores = self.head(last.mean(-1)) + self.head(last.amax(-1))
        return {"scores": scores, "before": before, "maps": (first, last), "lengths": lengths}


class SharedTwice(Net):
    def chain(self) -> list[nn.Module]:
        again = copy.deepcopy(self.two)
        return [self.one, nn.ReLU(), nn.MaxPool1d(3), self.two, nn.ReLU(), again, nn.ReLU()]

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.one(x)))
        return self.relu(self.two(self.relu(self.two(x)))).mean(-1)


class Unit(nn.Module):
    def __init__(self, before: int, filters: int, pool: int | None) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, filters, 3, padding=1)
        self.pool = nn.Identity() if pool is None else nn.MaxPool1d(pool)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(F.relu(self.conv(x)))


class Listed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.units = nn.ModuleList([Unit(1, 4, 2), Unit(4, 6, None), Unit(6, 5, 3)])
        self.rnn = nn.GRU(5, 4, batch_first=True)

    def chain(self) -> list[nn.Module]:
        a, b, c = (u.conv for u in self.units)
        pools = nn.MaxPool1d(2), nn.MaxPool1d(3)
        return [a, nn.ReLU(), pools[0], b, nn.ReLU(), c, nn.ReLU(), pools[1]]

    def forward(self, x: Tensor) -> Tensor:
        for unit in self.units:
            x = unit(x)
        return self.rnn(x.transpose(1, 2))[0][:, -1]


class Louder(nn.Sequential):
    """A Sequential whose forward is its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean(-1) * 2


class Kept(nn.Conv1d):
    """A convolution with another constructor and the same forward."""

    def __init__(self, filters: int) -> None:
        super().__init__(1, filters, 7, padding="same")


def relu_conv(*args, **kwargs) -> list[nn.Module]:
    return [nn.Conv1d(*args, **kwargs), nn.ReLU()]


def flat() -> list[nn.Module]:
    return [*relu_conv(1, 4, 3), nn.MaxPool1d(2), *relu_conv(4, 6, 5, padding=2)]


def normed() -> nn.Sequential:
    net = nn.Sequential(
        *[nn.Conv1d(1, 5, 9, bias=False), nn.BatchNorm1d(5), nn.ReLU(), nn.MaxPool1d(4)],
        *[nn.Conv1d(5, 6, 3), nn.BatchNorm1d(6, affine=False), nn.ReLU(), nn.MaxPool1d(2)],
        *[nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 4), nn.BatchNorm1d(4)],
    )
    with torch.no_grad():
        for module in net:
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
                if module.affine:
                    module.weight.normal_()
                    module.bias.normal_()
    return net


def style(chain: list[nn.Module], model=lambda *modules: nn.Sequential(*modules)):
    """A model made of its chain, and the chain."""
    return model(*chain), chain


def own(model: nn.Module):
    return model, model.chain()


def nested():
    a, b, c = relu_conv(1, 4, 3), relu_conv(4, 6, 5), relu_conv(6, 4, 3)
    inner = nn.Sequential(nn.Sequential(*a), nn.Sequential(nn.Sequential(*b)), nn.Identity())
    return nn.Sequential(inner, nn.Sequential(*c), nn.Flatten()), [*a, *b, *c]


def cnn12():
    encoder = CNN12(Architecture(width=1 / 16))
    return SoundModel(encoder, "classifier", 3), list(encoder.trunk)


def strided():
    encoder = CNN12(Architecture(width=1 / 16, downsampling="strided"))
    return encoder, list(encoder.trunk)


def fold():
    model = folded(normed())
    return model, [*model[0:1], *model[2:5], *model[6:8]]


def reparametrised():
    conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(1, 4, 5))
    return style([conv, nn.ReLU(), *relu_conv(4, 6, 3)])


STYLES = {
    "flat": lambda: style(flat()),
    "nested": nested,
    "own forward of a Sequential": lambda: style(flat(), Louder),
    "modules used again": lambda: own(Modules()),
    "functions": lambda: own(Functions()),
    "methods and torch functions": lambda: own(Methods()),
    "channel axis added": lambda: own(FrontAxis()),
    "viewed": lambda: own(FrontView()),
    "either shape": lambda: own(FrontEither()),
    "flattened and unflattened": lambda: own(FrontFlattened()),
    "dropout in training mode": lambda: own(Dropouts()),
    "several exits and options": lambda: own(Exits()),
    "one convolution twice": lambda: own(SharedTwice()),
    "list of submodules before an RNN": lambda: own(Listed()),
    "dilated, grouped, padded": lambda: style(
        [
            *relu_conv(1, 4, 3, dilation=3, padding=7),
            *relu_conv(4, 8, 5, groups=2, padding="same"),
            *relu_conv(8, 4, 2, padding="valid"),
        ]
    ),
    "pools padded, with gaps, with a last window cut short": lambda: style(
        [
            *[*relu_conv(1, 4, 3), nn.MaxPool1d(3, padding=1)],
            *[*relu_conv(4, 4, 3), nn.MaxPool1d(2, stride=3)],
            *[*relu_conv(4, 4, 3), nn.MaxPool1d(5, ceil_mode=True)],
        ]
    ),
    "subclass of Conv1d": lambda: style([Kept(4), nn.ReLU(), *relu_conv(4, 4, 3)]),
    "weight_norm": reparametrised,
    "batch norm folded": fold,
    "CNN12 with a head": cnn12,
    "strided": strided,
}


@pytest.mark.parametrize("name", STYLES)
def test_every_style_is_sonified_as_captum_does_its_chain(name):
    model, modules = STYLES[name]()
    model.double()
    chain = nn.Sequential(*modules)
    chain.double()
    samples = 2_531 if "CNN12" in name or name == "strided" else SAMPLES
    state = copy.deepcopy(model.state_dict())
    blocks = find_blocks(model, allow_strided=name == "strided")
    assert [b.conv for b in blocks] == [
        m for m in modules if isinstance(m, nn.Conv1d)
    ] or name.startswith("one convolution twice")
    assert model.training or name == "batch norm folded"
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    sonifier, x = Sonifier(blocks), torch.randn(1, samples).double()
    alive = 0
    for layer in range(1, len(blocks) + 1):
        chosen = int(strongest(sonifier.forward(x).maps[layer - 1])[0])
        ours = sonifier.sonify(x, layer, chosen)[0]
        theirs = captum_sonification(chain, x, layer, chosen)[0]
        alive += bool(ours.any())
        assert float((ours - theirs).norm()) <= 1e-9 * float(theirs.norm())
    assert alive >= len(blocks) - 1, "the comparison was of sounds, not of silence"


def test_names_and_ends_are_the_modules_of_the_user():
    model = Listed()
    blocks = find_blocks(model)
    assert [b.name for b in blocks] == ["units.0.conv", "units.1.conv", "units.2.conv"]
    assert [set(b.ends) for b in blocks] == [
        {model.units[0], model.units[0].pool},
        {model.units[1], model.units[1].pool},
        {model.units[2], model.units[2].pool},
    ]
    assert [b.ends for b in find_blocks(Functions())] == [(), ()]


def test_blocks_found_before_are_taken_as_they_are():
    blocks = find_blocks(Modules())
    assert find_blocks(list(blocks)) == blocks
    assert Sonifier(blocks).n_layers == 2


def test_options_of_forward_keep_their_defaults_and_the_mode_is_put_back():
    model = Dropouts().train()
    model.drop.eval()  # a mixture, as frozen parts have
    find_blocks(model)
    assert model.training and not model.drop.training and model.pool.training
    with pytest.raises(ValueError, match="residual and branching"):
        find_blocks(Residual())


class Keeping(Net):
    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = self.one(x).relu()
        return self.two(self.last).relu()


def test_nothing_that_forward_keeps_is_left_on_the_model():
    model = Keeping()
    model.calls = 0
    assert len(find_blocks(model)) == 2
    assert model.calls == 0 and not hasattr(model, "last")


def test_strides_and_the_shortest_clip_are_those_of_the_chain():
    for downsampling in ("pool", "strided"):
        architecture = Architecture(width=1 / 16, downsampling=downsampling)
        blocks = find_blocks(CNN12(architecture), allow_strided=True)
        assert tuple(grid.hop for grid in grids(blocks)) == architecture.strides
    assert shortest(find_blocks(CNN12(Architecture(width=1 / 16)))) == 2_370


@pytest.mark.parametrize("name", STYLES)
def test_the_shortest_clip_is_the_shortest_that_runs(name):
    blocks = find_blocks(STYLES[name]()[0], allow_strided=True)
    n = shortest(blocks)
    assert Sonifier(blocks).forward(torch.randn(1, n)).maps[-1].shape[-1] >= 1
    if n > 1:
        with pytest.raises((ValueError, RuntimeError)):
            Sonifier(blocks).forward(torch.randn(1, n - 1))


class Residual(Net):
    def forward(self, x: Tensor) -> Tensor:
        a = self.relu(self.one(x))
        return self.relu(self.two(a + self.relu(self.two(F.pad(a, (1, 2))))))


class LastResidual(Net):
    def forward(self, x: Tensor) -> Tensor:
        a = self.relu(self.one(x))
        return self.relu(self.two(a) + a[..., 3:])


class Framed(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.one(x.view(-1, 1, 50)).relu()).relu()


class Normalising(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = x / x.abs().amax(-1, keepdim=True)
        return self.two(self.one(x).relu()).relu()


class DataDependent(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x).relu()
        return self.two(x).relu() if x.max() > 1 else x


class Looping(Net):
    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.one(clip) for clip in x])


class InPlace(Net):
    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        x.mul_(2)
        return self.two(x.relu()).relu()


class PaddedWhenShort(Net):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] < 16_000:
            x = F.pad(x, (0, 16_000 - x.shape[-1]))
        return self.two(self.one(x).relu()).relu()


class FunctionalConv(Net):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(F.conv1d(self.one(x).relu(), self.two.weight))


class AlwaysDropping(Net):
    def forward(self, x: Tensor) -> Tensor:
        return self.two(F.dropout(self.one(x).relu())).relu()


class Own(nn.Conv1d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (2, 0)))


class Two(nn.Module):
    """A one-dimensional front with a two-dimensional network behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(*relu_conv(1, 4, 3))
        self.back = nn.Conv2d(1, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.back(self.front(x).unsqueeze(1)).relu()


def hooked() -> nn.Module:
    conv = nn.Conv1d(1, 2, 3)
    conv.register_forward_pre_hook(lambda module, args: None)
    return nn.Sequential(conv, nn.ReLU())


def seq(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*modules)


def conv(**changes) -> nn.Conv1d:
    return nn.Conv1d(1, 2, 3, **changes)


def again() -> list[nn.Module]:
    return [nn.Conv1d(2, 2, 3), nn.ReLU()]


REFUSED = {
    "batch norm": (
        lambda: seq(conv(), nn.BatchNorm1d(2), nn.ReLU()),
        r"module '0' \(Conv1d\) is followed by module '1' \(BatchNorm1d\): fold the "
        r"model first, with folded\(model\) or --fold$",
    ),
    "group norm": (
        lambda: seq(conv(), nn.GroupNorm(1, 2), nn.ReLU()),
        r"followed by module '1' \(GroupNorm\): it depends on the whole clip",
    ),
    "batch norm after the ReLU": (
        lambda: seq(conv(), nn.ReLU(), nn.BatchNorm1d(2), *again()),
        r"module '2' \(BatchNorm1d\) comes where a Conv1d must begin a block: fold the model "
        r"first, with folded\(model\) or --fold; layers 1 to 1 can be sonified alone",
    ),
    "another activation": (
        lambda: seq(conv(), nn.GELU(), *again()),
        r"module '0' \(Conv1d\) is followed by module '1' \(GELU\): a ReLU must follow, no other",
    ),
    "ReLU6": (lambda: seq(conv(), nn.ReLU6()), r"followed by module '1' \(ReLU6\)"),
    "no activation": (lambda: seq(conv(), nn.Conv1d(2, 2, 3), nn.ReLU()), r"by module '1' \(Conv1"),
    "pool before ReLU": (
        lambda: seq(conv(), nn.MaxPool1d(2), nn.ReLU()),
        "a ReLU must follow; put it before the pool, which does not change",
    ),
    "overlapping pools": (
        lambda: seq(conv(), nn.ReLU(), nn.MaxPool1d(3, stride=2), *again()),
        r"module '2' \(MaxPool1d\) has windows that overlap \(kernel 3, stride 2\)",
    ),
    "dilated pools": (
        lambda: seq(conv(), nn.ReLU(), nn.MaxPool1d(2, dilation=2)),
        r"windows that overlap \(kernel 2, stride 2, dilation 2\)",
    ),
    "average pools": (
        lambda: seq(conv(), nn.ReLU(), nn.AvgPool1d(2), *again()),
        r"module '2' \(AvgPool1d\) comes where a Conv1d must begin a block: pass only the part of "
        "the model before it",
    ),
    "strided convolution": (
        lambda: seq(conv(stride=2), nn.ReLU()),
        r"module '0' \(Conv1d\) has stride 2: .* pass allow_strided=True or --allow-strided$",
    ),
    "reflected padding": (
        lambda: seq(conv(padding=1, padding_mode="reflect"), nn.ReLU()),
        r"^module '0' \(Conv1d\) pads with 'reflect': only zero padding can be inverted",
    ),
    "uneven same": (
        lambda: seq(nn.Conv1d(1, 2, 4, padding="same"), nn.ReLU()),
        r"pads unevenly \('same' with an even kernel\): fold the model first, with folded",
    ),
    "what is between, and the pool after it": (
        lambda: seq(conv(), nn.BatchNorm1d(2), nn.ReLU(), nn.MaxPool1d(3, 2), *again()),
        r"^2 things are in the way. \(1\) module '0' .* is followed by module '1' .*\(2\) module "
        r"'3' \(MaxPool1d\) has windows that overlap \(kernel 3, stride 2\)",
    ),
    "several things": (
        lambda: seq(
            *[conv(stride=2), nn.BatchNorm1d(2), nn.ReLU()],
            *[nn.Conv1d(2, 2, 3, stride=2), nn.BatchNorm1d(2), nn.ReLU()],
            *[nn.Conv1d(2, 2, 3), nn.BatchNorm1d(2), nn.ReLU(), nn.AvgPool1d(2), *again()],
        ),
        r"^3 things are in the way. \(1\) module '0' \(Conv1d\) has stride 2; module '3' \(Conv1d"
        r"\) has stride 2: its transpose .* \(2\) module '0' \(Conv1d\) is followed by module '1' "
        r"\(BatchNorm1d\); module '3' .*; and 1 more: fold the model first, with folded\(model\) "
        r"or --fold. \(3\) module '9' \(AvgPool1d\) comes where a Conv1d must begin a block: pass "
        "only the part of the model before it$",
    ),
    "two channels": (
        lambda: seq(nn.Conv1d(2, 2, 3), nn.ReLU()),
        r"module '0' \(Conv1d\) takes 2 channels: it must take 1",
    ),
    "transposed convolution": (
        lambda: seq(conv(), nn.ReLU(), nn.ConvTranspose1d(2, 2, 3), nn.ReLU()),
        r"module '2' \(ConvTranspose1d\) comes where a Conv1d must begin a block",
    ),
    "image convolution": (
        Two,
        r"the call of unsqueeze\(\) comes where a Conv1d must begin a block: pass only the part of "
        "the model before it",
    ),
    "residual": (
        Residual,
        r"the output of module 'relu' \(ReLU\) goes to both the call of pad\(\) and the call of "
        r"add\(\): residual and branching networks are not a chain",
    ),
    "residual at the end": (
        LastResidual,
        r"module 'two' \(Conv1d\) is followed by the call of add\(\): a ReLU must follow",
    ),
    "framed input": (Framed, r"the call of view\(\) changes the waveform before the first Conv1d"),
    "normalised input": (Normalising, r"the call of abs\(\) changes the waveform"),
    "normed input": (
        lambda: seq(nn.BatchNorm1d(1), conv(), nn.ReLU()),
        r"module '0' \(BatchNorm1d\) changes the waveform before the first Conv1d, and not by a "
        "constant factor: pass the submodule after it",
    ),
    "control flow": (
        DataDependent,
        r"DataDependent cannot be followed through its forward \(it branches on the samples or the "
        r"length of the waveform, test_chain.py line \d+: return self.two\(x\).relu\(\) if x.max"
        r"\(\) > 1 else x\): pass the submodule that holds the chain of convolutions$",
    ),
    "condition on the length": (
        PaddedWhenShort,
        r"PaddedWhenShort cannot be followed through its forward \(it branches on .* line \d+: if "
        r"x.shape\[-1\] < 16_000:\): pass the submodule",
    ),
    "changed in place": (
        InPlace,
        r"the call of mul_\(\) changes its input in place, off the path to the next convolution: "
        "use its return value",
    ),
    "loop over clips": (
        Looping,
        r"Looping cannot be followed .* \(it loops over a tensor, test_.*\): pass",
    ),
    "scripted": (
        lambda: torch.jit.trace(Modules(), torch.randn(1, 1, 99)),
        "a TorchScript model cannot be followed: pass the nn.Module it was made from",
    ),
    "convolution as a function": (
        FunctionalConv,
        r"the call of conv1d\(\) comes where a Conv1d must begin a block: fold the model "
        r"first, with folded\(model\) or --fold; layers 1 to 1 can be",
    ),
    "convolution with its own forward": (
        lambda: seq(Own(1, 2, 3), nn.ReLU()),
        r"the call of pad\(\) changes the waveform",
    ),
    "dropout that never stops": (AlwaysDropping, r"the call of dropout\(\) comes where a Conv1d"),
    "hooked weights": (hooked, r"'0' \(Conv1d\) has a forward pre-hook, which may replace its we"),
    "no convolution": (lambda: nn.Linear(2, 2), r"linear\(\) comes where a Conv1d must begin"),
    "nothing": (lambda: seq(), "the model has no Conv1d -> ReLU block to sonify"),
}


@pytest.mark.filterwarnings("ignore:.torch.jit.trace.:FutureWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_inverted_is_refused_in_one_sentence(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as refused:
        find_blocks(make())
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600


def test_a_block_says_what_it_is():
    block = find_blocks(nn.Sequential(*flat()))[0]
    assert isinstance(block, Block) and block.name == "0"
    with pytest.raises(AttributeError):
        block.name = "other"


class Heads(Net):
    """Two convolutional heads behind the same maps, one with a norm and a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.more = nn.BatchNorm1d(3), nn.Conv1d(6, 3, 2)
        self.other = nn.Conv1d(6, 2, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.relu(self.two(self.pool(self.relu(self.one(x)))))
        return self.norm(self.more(x)).softmax(1), torch.sigmoid(self.other(x).mean(-1))


class ThenResidual(Net):
    """A chain of two blocks, then what is none."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.two(self.pool(self.relu(self.one(x)))))
        return self.relu(x + self.relu(self.two(F.pad(x, (1, 2)))))


def test_heads_end_the_chain():
    model = Heads().double()
    sonifier, x = Sonifier(model), torch.randn(1, SAMPLES).double()
    assert [b.name for b in sonifier.blocks] == ["one", "two"]
    theirs = captum_sonification(nn.Sequential(*model.chain()).double(), x, 2, 3)
    torch.testing.assert_close(sonifier.sonify(x, 2, 3), theirs, rtol=0, atol=1e-9)
    last = nn.Sequential(*flat(), nn.Conv1d(6, 9, 1), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    assert len(find_blocks(last)) == 2


def test_layers_stop_before_what_is_no_chain():
    model = ThenResidual().double()
    with pytest.raises(ValueError, match=r"the call of pad\(\) comes where .*; layers 1 to 2 can"):
        Sonifier(model)
    sonifier, x = Sonifier(model, layers=2), torch.randn(1, SAMPLES).double()
    theirs = captum_sonification(nn.Sequential(*model.chain()).double(), x, 2, 3)
    torch.testing.assert_close(sonifier.sonify(x, 2, 3), theirs, rtol=0, atol=1e-9)
    assert Sonifier(model, layers=1).n_layers == 1
    with pytest.raises(ValueError, match="^layer is 4: the model has layers 1 to 2$"):
        Sonifier(Heads(), layers=4)
