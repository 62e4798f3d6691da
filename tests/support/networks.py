"""Networks as people have them, small, with random weights: their layers, and how they are written.

Each is a function of no arguments, by the name that docs/networks.md has for it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def lively(model: nn.Module, negative: bool = False, offsets: float = 0.3) -> nn.Module:
    """The model in float64 with batch norms as after training, of positive scale."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_().mul_(0.1)
                module.running_var.uniform_(0.3, 3)
                module.weight.uniform_(0.3, 2)
                module.bias.normal_().mul_(offsets)
                if negative:
                    module.weight[::2] *= -1
    return model.double().eval()


class AuthorsCode(nn.Module):
    """Pools that return indices, in a loop over the named children."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.relu1 = nn.Conv1d(1, 6, 7), nn.ReLU()
        self.pool1 = nn.MaxPool1d(2, return_indices=True)
        self.conv2, self.relu2 = nn.Conv1d(6, 8, 5), nn.ReLU()
        self.pool2 = nn.MaxPool1d(2, return_indices=True)
        self.conv3, self.relu3 = nn.Conv1d(8, 9, 3), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        switches = {}
        for name, child in self.named_children():
            if isinstance(child, nn.MaxPool1d):
                x, switches[name] = child(x)
            else:
                x = child(x)
        return x.mean(-1)


class SoundNet(nn.Module):
    """256 times the waveform, strided convolutions, batch norms, two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(1, 6, 64, 2, 32), nn.BatchNorm1d(6)
        self.conv2, self.bn2 = nn.Conv1d(6, 8, 32, 2, 16), nn.BatchNorm1d(8)
        self.conv3, self.bn3 = nn.Conv1d(8, 9, 16, 2, 8), nn.BatchNorm1d(9)
        self.objects, self.scenes = nn.Conv1d(9, 5, 8, 2), nn.Conv1d(9, 4, 8, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool1d(F.relu(self.bn1(self.conv1(256 * x))), 4)
        x = F.relu(self.bn3(self.conv3(F.relu(self.bn2(self.conv2(x))))))
        return self.objects(x), self.scenes(x)


class SoundNet2d(nn.Module):
    """The same as a port with images of width 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 6, (64, 1), (2, 1), (32, 0)), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 8, (32, 1), (2, 1), (16, 0)), nn.BatchNorm2d(8)
        self.pool, self.head = nn.MaxPool2d((4, 1)), nn.Conv2d(8, 5, (8, 1), (2, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.bn1(self.conv1(256 * x[..., None]))))
        return self.head(F.relu(self.bn2(self.conv2(x))))


class Crepe(nn.Module):
    """Images of width 1, uneven padding, batch norms between ReLU and pool, one length."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 8, (64, 1), (4, 1)), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 6, (16, 1)), nn.BatchNorm2d(6)
        self.classifier = nn.Linear(6 * 64, 3)

    def layer(self, x: Tensor, conv: nn.Module, norm: nn.Module, padding: tuple) -> Tensor:
        return F.max_pool2d(norm(F.relu(conv(F.pad(x, padding)))), (2, 1), (2, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x[:, None, :, None], self.conv1, self.bn1, (0, 0, 30, 30))
        x = self.layer(x, self.conv2, self.bn2, (0, 0, 7, 8))
        return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).reshape(-1, 6 * 64)))


class Sinc(nn.Module):
    """Band-pass kernels out of two cut-off frequencies each."""

    def __init__(self, filters: int = 6, taps: int = 31) -> None:
        super().__init__()
        self.low = nn.Parameter(torch.linspace(0.01, 0.2, filters)[:, None])
        self.band = nn.Parameter(torch.full((filters, 1), 0.05))
        self.register_buffer("n", torch.arange(-(taps // 2), taps // 2 + 1).float()[None])

    def forward(self, x: Tensor) -> Tensor:
        low = self.low.abs()
        high = low + self.band.abs()
        kernels = 2 * high * torch.sinc(2 * high * self.n) - 2 * low * torch.sinc(2 * low * self.n)
        return F.conv1d(x, kernels.unsqueeze(1))


class Shortcut(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, before: int, filters: int, stride: int, pool: int = 1) -> None:
        super().__init__()
        self.one = nn.Conv1d(before, filters, 3, stride, padding=1)
        self.two = nn.Conv1d(filters, filters, 3, padding=1)
        self.bn1, self.bn2 = nn.BatchNorm1d(filters), nn.BatchNorm1d(filters)
        self.down = nn.Conv1d(before, filters, 1, stride)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        h = self.bn2(self.two(F.relu(self.bn1(self.one(x)))))
        x = F.relu(h + self.down(x))
        return F.max_pool1d(x, self.pool) if self.pool > 1 else x


class Wavegram(nn.Module):
    """A one-dimensional front, grouped into an image with a network for images behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.front, self.bn = nn.Conv1d(1, 8, 11, 5, padding=5), nn.BatchNorm1d(8)
        self.back = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool1d(F.relu(self.bn(self.front(x))), 4)
        x = x.reshape(len(x), 2, 4, -1)
        return F.avg_pool2d(F.relu(self.back(x)), 2).mean((2, 3))


class EnvNet(nn.Module):
    """Two convolutions, whose maps are an image of time and filter."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 6, 8), nn.Conv1d(6, 6, 8)
        self.three = nn.Conv2d(1, 4, (3, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool1d(F.relu(self.two(F.relu(self.one(x)))), 10)
        return F.max_pool2d(F.relu(self.three(x.unsqueeze(1))), 2).mean((2, 3))


def seq(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*modules)


def conv(before: int, filters: int, kernel: int, *window: int) -> list[nn.Module]:
    return [nn.Conv1d(before, filters, kernel, *window), nn.ReLU()]


def normed(before: int, filters: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    norm = nn.BatchNorm1d(filters)
    return [nn.Conv1d(before, filters, kernel, stride, kernel // 2), norm, nn.ReLU()]


def activated(activation: nn.Module) -> nn.Sequential:
    return seq(nn.Conv1d(1, 6, 7), activation, nn.MaxPool1d(2), nn.Conv1d(6, 5, 5), activation)


NETWORKS = {
    "the authors' CNN12, pools with `return_indices`": AuthorsCode,
    "Wav2Letter": lambda: seq(
        *conv(1, 6, 48, 1), *conv(6, 6, 7), *conv(6, 8, 1), nn.Conv1d(8, 3, 1)
    ),
    "Conv-TasNet's encoder": lambda: seq(*conv(1, 16, 16, 8)),
    "SoundNet, `256 * x`, two heads": SoundNet,
    "SoundNet ported to `Conv2d` of width 1": SoundNet2d,
    "CREPE": Crepe,
    "M5": lambda: seq(*normed(1, 8, 80, 4), nn.MaxPool1d(4), *normed(8, 8, 3), nn.MaxPool1d(4)),
    "LeeNet, SampleCNN": lambda: seq(
        *normed(1, 8, 3, 3), *normed(8, 8, 3), nn.MaxPool1d(3), *normed(8, 9, 3), nn.MaxPool1d(3)
    ),
    "SincNet": lambda: seq(Sinc(), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(3), *conv(6, 5, 5)),
    "1-D ResNet, Res1dNet31": lambda: seq(
        *normed(1, 6, 11, 5), Shortcut(6, 6, 1, 4), Shortcut(6, 8, 1, 4)
    ),
    "DaiNet19, strided shortcuts": lambda: seq(*normed(1, 6, 80, 4), Shortcut(6, 8, 2)),
    "Wavegram": Wavegram,
    "EnvNet": EnvNet,
    "wav2vec 2.0's encoder (group norm, GELU)": lambda: seq(
        *[nn.Conv1d(1, 8, 10, 5), nn.GroupNorm(8, 8), nn.GELU()], nn.Conv1d(8, 8, 3, 2), nn.GELU()
    ),
    "leaky ReLU": lambda: activated(nn.LeakyReLU(0.2)),
    "PReLU": lambda: activated(nn.PReLU()),
    "ELU": lambda: activated(nn.ELU()),
    "average pools": lambda: seq(*conv(1, 6, 7), nn.AvgPool1d(3), *conv(6, 5, 5)),
    "overlapping max-pools": lambda: seq(*conv(1, 6, 7), nn.MaxPool1d(3, 2), *conv(6, 5, 5)),
    "instance norm": lambda: seq(
        *[nn.Conv1d(1, 6, 7), nn.InstanceNorm1d(6, affine=True), nn.ReLU()], *conv(6, 5, 5)
    ),
    "layer norm of all filters (`GroupNorm(1, n)`)": lambda: seq(
        *[nn.Conv1d(1, 6, 7), nn.GroupNorm(1, 6), nn.ReLU()], *conv(6, 5, 5)
    ),
    "batch norm of negative scale between ReLU and pool": lambda: lively(Crepe(), negative=True),
    "tanh instead of a rectifier": lambda: activated(nn.Tanh()),
    "TorchScript": lambda: torch.jit.trace(
        seq(*conv(1, 6, 7), nn.AvgPool1d(3), *conv(6, 5, 5)), torch.zeros(1, 1, 99)
    ),
}
