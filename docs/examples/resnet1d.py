"""A residual network for waveforms, in plain PyTorch."""

import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """Two convolutions, and the way around them."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, filters, 9, stride, padding=4)
        self.conv2 = nn.Conv1d(filters, filters, 9, padding=4)
        self.bn1, self.bn2 = nn.BatchNorm1d(filters), nn.BatchNorm1d(filters)
        self.around = nn.Conv1d(channels, filters, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps, (clip, filter, frame), of maps, (clip, channel, frame)."""
        h = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(h + self.around(x))


class ResNet1d(nn.Module):
    """A convolution with an overlapping pool, four residual blocks, a mean, a linear layer."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem, self.bn = nn.Conv1d(1, 32, 31, 2, padding=15), nn.BatchNorm1d(32)
        self.blocks = nn.Sequential(
            Residual(32, 32, 1), Residual(32, 64, 2), Residual(64, 64, 2), Residual(64, 64, 2)
        )
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (clip, class), of waveforms, (clip, 1, time), at 8 kHz."""
        x = F.max_pool1d(F.relu(self.bn(self.stem(x))), 3, 2, padding=1)
        return self.fc(self.blocks(x).mean(-1))
