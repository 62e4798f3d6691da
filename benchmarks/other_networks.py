"""Networks of other people: the most active map of all layers, ours and Captum, in turn."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import torch
import torch.nn.functional as F
from captum.attr import NeuronDeconvolution
from harness import Bench, bench, keep_memory, spread
from networks import Sinc, conv, normed, seq
from torch import Tensor, nn

from sonify.sonification.autograd.sonifier import AutogradSonifier
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.trace.folding import folded

ENGINE, BY_AUTOGRAD = "engine", "autograd"
SECONDS = 0.5
NOTES = """\
One clip of half a second of noise. Weights are random; there are as many filters as in the
publications, or the fraction given. All rectifiers are modules, because Captum leaves functions
their plain gradient; it has no rule for other rectifiers than ReLU. It runs once for each layer, as
it is used: a whole forward pass, and a backward pass from the most active map. We run forward once.
`set up` (tracing and folding, once for each network) is not in the other times. Before they are
timed, both are compared: they choose the same filters, and waveforms differ by less than a
thousandth of the peak. `spread` is the slowest run of ours over its fastest."""


class Residual(nn.Module):
    """Two convolutions, the way around them, and a pool."""

    def __init__(self, channels: int, filters: int, stride: int, pool: int = 1) -> None:
        super().__init__()
        self.first = seq(*normed(channels, filters, 9, stride))
        self.second = seq(*normed(filters, filters, 9)[:2])
        self.around, self.relu = nn.Conv1d(channels, filters, 1, stride), nn.ReLU()
        self.pool = nn.MaxPool1d(pool) if pool > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Maps of maps."""
        return self.pool(self.relu(self.second(self.first(x)) + self.around(x)))


class Authors(nn.Module):
    """CNN12 with pools that return their indices."""

    def __init__(self, width: float) -> None:
        super().__init__()
        channels = 1
        for i, kernel in enumerate((7, 7, 5, 5, 5, 3, 3, 3, 3, 3, 3)):
            filters = round(width * (64 << (i // 2)))
            self.add_module(f"conv{i}", nn.Conv1d(channels, filters, kernel))
            self.add_module(f"relu{i}", nn.ReLU())
            if i < 8:
                self.add_module(f"pool{i}", nn.MaxPool1d(2, return_indices=True))
            channels = filters

    def forward(self, x: Tensor) -> Tensor:
        """Vectors of waveforms."""
        for name, child in self.named_children():
            x = child(x)[0] if name.startswith("pool") else child(x)
        return x.mean(-1)


class Image(nn.Module):
    """Maps as an image of time and filter."""

    def forward(self, x: Tensor) -> Tensor:
        """Images of maps."""
        return x.unsqueeze(1)


def crepe() -> nn.Module:
    """CREPE tiny. Its batch norms stand between ReLU and pool."""
    modules, channels = [nn.Unflatten(2, (-1, 1))], 1
    for i, filters in enumerate((128, 16, 16, 16, 32, 64)):
        kernel, stride, pads = (512, 4, (254, 254)) if i == 0 else (64, 1, (31, 32))
        modules += [
            nn.ZeroPad2d((0, 0, *pads)),
            nn.Conv2d(channels, filters, (kernel, 1), (stride, 1)),
            nn.ReLU(),
            nn.BatchNorm2d(filters),
            nn.MaxPool2d((2, 1)),
        ]
        channels = filters
    return seq(*modules)


def soundnet() -> nn.Module:
    """SoundNet up to its heads."""
    modules, channels = [], 1
    for filters, kernel, pool in (
        *((16, 64, 8), (32, 32, 8), (64, 16, 1), (128, 8, 1), (256, 4, 4), (512, 4, 1)),
        (1024, 4, 1),
    ):
        modules += normed(channels, filters, kernel, 2)
        modules += [nn.MaxPool1d(pool)] if pool > 1 else []
        channels = filters
    return seq(*modules)


def sample_cnn() -> nn.Module:
    """SampleCNN's first seven blocks of three samples, at half the width."""
    modules, channels = normed(1, 64, 3, 3), 64
    for filters in (64, 64, 128, 128, 128, 128):
        modules += [*normed(channels, filters, 3), nn.MaxPool1d(3)]
        channels = filters
    return seq(*modules)


def wav2letter() -> nn.Module:
    """Wav2Letter on waveforms, at a quarter of the width."""
    middle = [module for _ in range(7) for module in conv(62, 62, 7, 1, 3)]
    return seq(*conv(1, 62, 250, 160), *conv(62, 62, 48, 2), *middle, *conv(62, 500, 32, 1, 16))


@dataclass(frozen=True)
class Case:
    """A network, and how it is sonified; pool: by how much its maps are pooled after a norm."""

    make: Callable[[], nn.Module]
    by: str
    rate_hz: int
    pool: int = 1


CASES = {
    "CREPE, tiny": Case(crepe, ENGINE, 16_000, 2),
    "SoundNet": Case(soundnet, ENGINE, 22_050),
    "the authors' CNN12, width 1/8": Case(lambda: Authors(1 / 8), ENGINE, 8_000),
    "Wav2Letter, width 1/4": Case(wav2letter, ENGINE, 16_000),
    "Conv-TasNet's encoder": Case(lambda: seq(*conv(1, 512, 16, 8)), ENGINE, 8_000),
    "M5": Case(
        lambda: seq(
            *[*normed(1, 128, 80, 4), nn.MaxPool1d(4), *normed(128, 128, 3), nn.MaxPool1d(4)],
            *[*normed(128, 256, 3), nn.MaxPool1d(4), *normed(256, 512, 3), nn.MaxPool1d(4)],
        ),
        ENGINE,
        8_000,
    ),
    "SampleCNN to block 7, width 1/2": Case(sample_cnn, ENGINE, 22_050),
    "SincNet": Case(
        lambda: seq(
            *[Sinc(80, 251), nn.BatchNorm1d(80), nn.ReLU(), nn.MaxPool1d(3)],
            *[*conv(80, 60, 5), nn.MaxPool1d(3), *conv(60, 60, 5), nn.MaxPool1d(3)],
        ),
        ENGINE,
        16_000,
    ),
    "1-D ResNet": Case(
        lambda: seq(
            *[*normed(1, 32, 31, 2), nn.MaxPool1d(3, 2, 1), Residual(32, 32, 1)],
            *[Residual(32, 64, 2), Residual(64, 64, 2), Residual(64, 64, 2)],
        ),
        BY_AUTOGRAD,
        8_000,
    ),
    "Res1dNet31, width 1/2": Case(
        lambda: seq(
            *[*normed(1, 32, 11, 5), Residual(32, 32, 1, 4), Residual(32, 64, 1, 4)],
            *[Residual(64, 128, 1, 4), Residual(128, 256, 1, 4)],
        ),
        BY_AUTOGRAD,
        32_000,
    ),
    "Wavegram": Case(
        lambda: seq(
            *[*normed(1, 64, 11, 5), nn.MaxPool1d(4), nn.Unflatten(1, (2, 32))],
            *[nn.Conv2d(2, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AvgPool2d(2)],
            *[nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()],
        ),
        BY_AUTOGRAD,
        32_000,
    ),
    "EnvNet": Case(
        lambda: seq(
            *[*conv(1, 40, 8), *conv(40, 40, 8), nn.MaxPool1d(160), Image()],
            *[nn.Conv2d(1, 50, (8, 13)), nn.ReLU(), nn.MaxPool2d(3)],
            *[nn.Conv2d(50, 50, (1, 5)), nn.ReLU(), nn.MaxPool2d((1, 3))],
        ),
        BY_AUTOGRAD,
        16_000,
    ),
    "average pools": Case(
        lambda: seq(
            *[*conv(1, 32, 7), nn.AvgPool1d(4), *conv(32, 64, 5), nn.AvgPool1d(4)],
            *conv(64, 64, 3),
        ),
        BY_AUTOGRAD,
        8_000,
    ),
    "overlapping max-pools": Case(
        lambda: seq(
            *[*conv(1, 32, 7), nn.MaxPool1d(3, 2), *conv(32, 64, 5), nn.MaxPool1d(3, 2)],
            *conv(64, 64, 3),
        ),
        BY_AUTOGRAD,
        8_000,
    ),
    "instance norm": Case(
        lambda: seq(
            *[nn.Conv1d(1, 32, 7), nn.InstanceNorm1d(32, affine=True), nn.ReLU(), nn.MaxPool1d(4)],
            *[nn.Conv1d(32, 64, 5), nn.InstanceNorm1d(64, affine=True), nn.ReLU()],
        ),
        BY_AUTOGRAD,
        8_000,
    ),
    "layer norm of all filters": Case(
        lambda: seq(
            *[nn.Conv1d(1, 32, 7), nn.GroupNorm(1, 32), nn.ReLU(), nn.MaxPool1d(4)],
            *[nn.Conv1d(32, 64, 5), nn.GroupNorm(1, 64), nn.ReLU()],
        ),
        BY_AUTOGRAD,
        8_000,
    ),
}


def main() -> None:
    keep_memory()
    warnings.filterwarnings("ignore", "Setting backward hooks on ReLU")  # Captum, on every call
    run = bench("other_networks", __doc__, cpu_time=True)
    names = list(CASES)[2:3] if run.quick else list(CASES)
    rows = [measured(run, name) for name in names]
    run.write("Other people's networks, against Captum", pd.DataFrame(rows), NOTES)


def measured(run: Bench, name: str) -> dict:
    """The row shown for one network."""
    case = CASES[name]
    torch.manual_seed(0)
    model = case.make().eval()
    samples = round(case.rate_hz * SECONDS)
    x = torch.randn(1, samples) / 3
    ours, captum = set_up(model, case), Captum(model, x, case.pool)
    compare(ours.most_active(x), captum(x), x)
    setting = run.measure(name, {"set up": lambda: set_up(model, case)}, repetitions=1)
    times = run.measure(
        name, {"Captum": lambda: captum(x), "ours": lambda: ours.most_active(x)}, repetitions=3
    )
    return {
        "network": name,
        "by": case.by,
        "layers": len(captum.ends),
        "kHz": case.rate_hz / 1000,
        "Captum, ms": 1000 * times["Captum"],
        "ours, ms": 1000 * times["ours"],
        "times faster": times["Captum"] / times["ours"],
        "spread": spread(run, name, "ours"),
        "set up, ms": 1000 * setting["set up"],
    }


def set_up(model: nn.Module, case: Case) -> Sonifier | AutogradSonifier:
    """Return the explainer that a person builds once for a network."""
    if case.by == BY_AUTOGRAD:
        return AutogradSonifier(model)
    return Sonifier(folded(model), allow_strided=True)


class Captum:
    """Captum's deconvolution of the most active map of every layer."""

    def __init__(self, model: nn.Module, x: Tensor, pool: int) -> None:
        self.model, self.pool, self.ends = model, pool, ends(model, x)

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Raw deconvolutions, (clip, time) by layer."""
        found = []
        for end in self.ends:
            clips = x[:, None].clone().requires_grad_()
            deconvolution = NeuronDeconvolution(self.model, end)
            found.append(deconvolution.attribute(clips, self.most_active)[:, 0].detach())
        return found

    def most_active(self, maps: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """Half the square of the most active map, (clip,), whose gradient is the map."""
        maps = maps[0] if isinstance(maps, tuple) else maps
        if self.pool > 1:
            maps = F.max_pool2d(maps, (self.pool, 1))
        maps = maps.flatten(2)
        chosen = maps.detach().mean(-1).argmax(-1)
        return 0.5 * maps[torch.arange(len(maps)), chosen].square().sum(-1)


def ends(model: nn.Module, x: Tensor) -> list[nn.Module]:
    """The modules that return the layers of x: each ReLU, or the max-pool directly behind it."""
    found: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, given: tuple, out: Tensor | tuple) -> None:
        if not isinstance(module, nn.ReLU) and found and given[0] is found[-1][1]:
            found[-1] = module, out
        elif isinstance(module, nn.ReLU):
            found.append((module, out))

    kinds = (nn.ReLU, nn.MaxPool1d, nn.MaxPool2d)
    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        model(x[:, None])
    for hook in hooks:
        hook.remove()
    return [module for module, _ in found]


def compare(ours, theirs: list[Tensor], x: Tensor) -> None:
    """Raise AssertionError unless both made the same waveforms."""
    assert len(ours.signals) == len(theirs)
    for mine, raw in zip(ours.signals, theirs, strict=True):
        peak = raw.abs().amax(1, keepdim=True).clamp_min(1e-30)
        scaled = raw / peak * x.abs().amax(1, keepdim=True)
        torch.testing.assert_close(mine, scaled, rtol=0, atol=1e-3 * float(x.abs().max()))


if __name__ == "__main__":
    main()
