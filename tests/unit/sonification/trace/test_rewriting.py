"""Networks that are no chain until they are folded, against autograd on them as they are.

The reference runs the user's own forward in float64, with each ReLU's backward rule rectified.
"""

import copy

import networks
import pytest
import torch
import torch.nn.functional as F
from oracles import Rectified
from torch import Tensor, nn

from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.grid import Grid
from sonify.sonification.trace.chain import grids
from sonify.sonification.trace.folding import folded

SAMPLES = 1_201


class Recorder(nn.Module):
    """A ReLU with a rectified backward rule that keeps what it returns."""

    def __init__(self, kept: list[Tensor]) -> None:
        super().__init__()
        self.kept = kept

    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(Rectified.apply(x))
        return self.kept[-1]


class Net(nn.Module):
    """Networks below have one `act`, and say in `pools` by how much each layer's map is pooled."""

    pools: tuple[int, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()


def lively(model: nn.Module, negative: bool = False) -> nn.Module:
    """The model in training mode, with batch norms of large offsets."""
    return networks.lively(model, negative, offsets=1.0).train()


def reference(model: Net, x: Tensor, layer: int, filter: int) -> tuple[Tensor, Tensor]:
    """A layer's map, (clip, filter, frame), and the raw sonification of one of its filters."""
    kept: list[Tensor] = []
    with torch.no_grad():
        model.eval()(x)  # an old weight norm leaves no graph then, and can be copied
    twin, x = copy.deepcopy(model).eval(), x.clone().requires_grad_()
    twin.act = Recorder(kept)
    twin(x)
    maps = kept[layer - 1]
    maps = maps.flatten(2) if 1 in maps.shape[2:] else maps
    if model.pools[layer - 1] > 1:
        maps = F.max_pool1d(maps, model.pools[layer - 1])
    (raw,) = torch.autograd.grad(0.5 * maps[:, filter].square().sum(), x)
    return maps.detach(), raw.flatten(1)


class Crepe(Net):
    """CREPE: two-dimensional, unevenly padded, batch norms behind the ReLU, a strided start."""

    pools = (2, 2, 2)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, (32, 1), (4, 1))
        self.conv2 = nn.Conv2d(8, 6, (8, 1))
        self.conv3 = nn.Conv2d(6, 7, (8, 1))
        self.bn1, self.bn2, self.bn3 = (nn.BatchNorm2d(n, eps=1e-3) for n in (8, 6, 7))
        self.classifier = nn.Linear(7 * 16, 3)

    def layer(self, x, conv, norm, padding=(0, 0, 3, 4)):
        x = norm(self.act(conv(F.pad(x, padding))))
        return F.max_pool2d(x, (2, 1), (2, 1))

    def forward(self, x: Tensor, embed: bool = False) -> Tensor:
        x = self.layer(x[:, None, :, None], self.conv1, self.bn1, (0, 0, 14, 14))
        x = self.layer(self.layer(x, self.conv2, self.bn2), self.conv3, self.bn3)
        if embed:
            return x
        x = x.permute(0, 2, 1, 3)[:, :16].reshape(-1, 7 * 16)
        return torch.sigmoid(self.classifier(x))


class SoundNet(Net):
    """A port with Conv2d (k, 1), a factor of 256, a norm before the ReLU, and two heads."""

    pools = (4, 1, 1)

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, (16, 1), (2, 1), (8, 0)), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 8, (8, 1), (2, 1), (4, 0)), nn.BatchNorm2d(8)
        self.conv3, self.bn3 = nn.Conv2d(8, 9, (4, 1), (2, 1), (2, 0)), nn.SyncBatchNorm(9)
        self.pool = nn.MaxPool2d((4, 1))
        self.objects, self.scenes = nn.Conv2d(9, 5, (4, 1)), nn.Conv2d(9, 4, (4, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = (256 * x).unsqueeze(1).unsqueeze(-1)
        x = self.pool(self.act(self.bn1(self.conv1(x))))
        x = self.act(self.bn2(self.conv2(x)))
        x = self.act(self.bn3(self.conv3(x)))
        return self.objects(x).squeeze(-1).mean(-1), self.scenes(x).squeeze(-1).mean(-1)


class Sinc(nn.Module):
    """SincNet's first layer: band-pass kernels out of two cut-off frequencies each."""

    def __init__(self, filters: int, taps: int) -> None:
        super().__init__()
        self.low = nn.Parameter(torch.linspace(0.01, 0.2, filters)[:, None])
        self.band = nn.Parameter(torch.full((filters, 1), 0.05))
        self.register_buffer("n", torch.arange(-(taps // 2), taps // 2 + 1).float()[None])
        self.register_buffer("window", torch.hamming_window(taps)[None])

    def forward(self, x: Tensor) -> Tensor:
        low = self.low.abs()
        high = torch.clamp(low + self.band.abs(), max=0.5)
        kernels = 2 * high * torch.sinc(2 * high * self.n) - 2 * low * torch.sinc(2 * low * self.n)
        kernels = (kernels * self.window).to(x.device).unsqueeze(1)
        return F.conv1d(x, kernels, stride=1, padding=0, bias=None)


class SincNet(Net):
    pools = (3, 1)

    def __init__(self) -> None:
        super().__init__()
        self.sinc, self.bn = Sinc(6, 31), nn.BatchNorm1d(6)
        self.conv = nn.Conv1d(6, 5, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.bn(self.sinc(x.unsqueeze(1))))
        return self.act(self.conv(F.max_pool1d(x, 3)))


class Uneven(Net):
    """Uneven padding with dilation and stride, "same" of an even kernel, groups, wide images."""

    pools = (1, 2, 1)

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 4, (1, 5), (1, 2), dilation=(1, 3))
        self.two = nn.Conv1d(4, 6, 4, padding="same", groups=2)
        self.three = nn.Conv1d(6, 4, 3, dilation=2)
        self.norm, self.pads = nn.BatchNorm1d(4), nn.ConstantPad1d((5, 0), 0.0)
        self.later = nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.one(F.pad(x[:, None, None], (7, 2)))).squeeze(2)
        x = F.max_pool1d(self.act(self.two(self.norm(x))), 2)
        return self.act(self.three(self.pads(self.later(x))))


class OldWeightNorm(Net):
    pools = (2, 1)

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.utils.weight_norm(nn.Conv1d(1, 5, 9))
        self.two = nn.utils.parametrizations.weight_norm(nn.Conv1d(5, 6, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.two(F.max_pool1d(self.act(self.one(x[:, None])), 2)))


class Behind(Net):
    """A batch norm behind a ReLU without a pool, where the sign of maps may be flipped."""

    pools = (1, 1)

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv1d(1, 6, 9), nn.BatchNorm1d(6)
        self.two = nn.Conv1d(6, 4, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.two(self.norm(self.act(self.one(x[:, None])))))


class InWords(Net):
    """Padding in words, along either axis of images."""

    pools = (2, 1, 1)

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 4, (1, 5), padding="same")
        self.two = nn.Conv2d(4, 6, (4, 1), padding="valid")
        self.three = nn.Conv2d(6, 4, (3, 1), padding="same")

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.act(self.one(x[:, None, None])), (1, 2))
        return self.act(self.three(self.act(self.two(x.transpose(2, 3)))))


KINDS = [Crepe, SoundNet, SincNet, Uneven, OldWeightNorm, Behind, InWords]


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_it_sonifies_as_autograd_does_the_network_itself(kind):
    torch.manual_seed(2)
    model = lively(kind(), negative=kind is Behind)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    sonifier = Sonifier(folded(model), allow_strided=True)
    assert model.training and all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert sonifier.n_layers == len(model.pools)
    x, alive = torch.randn(2, SAMPLES).double() / 3, 0
    record = sonifier.forward(x)
    for layer, filters in enumerate(sonifier.filters, start=1):
        for filter in range(filters):
            maps, theirs = reference(model, x, layer, filter)
            torch.testing.assert_close(record.maps[layer - 1], maps, rtol=1e-9, atol=1e-9)
            clips = torch.arange(2)
            made = sonifier.render_from(record, x, layer, clips, torch.full((2,), filter))
            peaks = theirs.abs().amax(1, keepdim=True)
            scaled = theirs / peaks.clamp_min(1e-300) * x.abs().amax(1, keepdim=True)
            torch.testing.assert_close(made.signals, scaled, rtol=0, atol=1e-9)
            alive += int(made.signals.any())
    assert alive >= 0.5 * sum(sonifier.filters)


def test_whole_layers_too():
    model = lively(Crepe())
    x = torch.randn(1, SAMPLES).double() / 3
    sonifier = Sonifier(folded(model), allow_strided=True)
    raw = sum(
        reference(model, x, 1, f)[1] for f in range(8)
    )  # one layer: nothing is rectified twice
    whole = sonifier.whole_layer(x, 1).signals
    torch.testing.assert_close(whole, raw / raw.abs().max() * x.abs().max(), rtol=0, atol=1e-9)


def test_idle_taps_do_not_move_frames():
    """Layer 1 sees samples -7 to 5 first; layer 2 one frame more before than after."""
    blocks = Sonifier(folded(lively(Uneven())), allow_strided=True).blocks
    assert grids(blocks)[0] == Grid(-1.0, 2)
    assert grids(blocks, pooled=False)[1] == Grid(-1.0 + 2 * 0.5, 2)


def test_a_pool_behind_a_map_turned_upside_down_is_named():
    with pytest.raises(
        ValueError,
        match=r"^the call of max_pool2d\(\) follows a batch norm that flips the sign of 4 of 8 "
        "maps, and so takes their minima: sonify it by autograd$",
    ):
        folded(lively(Crepe(), negative=True))


class NormedPads(Behind):
    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(self.act(self.one(x[:, None])), (1, 1))
        return self.act(self.two(self.norm(x)))


def test_what_cannot_be_folded_is_named():
    with pytest.raises(ValueError) as refused:
        folded(lively(NormedPads()))
    assert str(refused.value) == "module 'norm' (BatchNorm1d) normalises padded maps: pad after it"


class PoolFirst(Net):
    """The pool before the ReLU: the same maps, other switches where a window is not positive."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv1d(1, 5, 9, padding=4), nn.BatchNorm1d(5)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(F.max_pool1d(self.norm(self.one(x[:, None])), 4))


def test_a_pool_before_its_relu_is_not_taken_for_one_behind_it():
    with pytest.raises(
        ValueError, match="is followed by the call of max_pool1d.*a ReLU must follow"
    ):
        Sonifier(folded(lively(PoolFirst())))
