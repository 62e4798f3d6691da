"""M5, the raw-waveform network of Dai et al. (2016), https://arxiv.org/abs/1610.00087."""

from torch import Tensor, nn


class M5(nn.Module):
    """Four blocks of convolution, batch norm, ReLU and max-pool, a mean over time, a linear layer.

    `filters` of the first two blocks, twice as many in the others: 128 in the paper, where the
    third has 256 and the fourth 512; 32 in widely used smaller versions.
    """

    def __init__(self, classes: int = 10, filters: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(1, filters, 80, stride=4)
        self.bn1 = nn.BatchNorm1d(filters)
        self.conv2 = nn.Conv1d(filters, filters, 3)
        self.bn2 = nn.BatchNorm1d(filters)
        self.conv3 = nn.Conv1d(filters, 2 * filters, 3)
        self.bn3 = nn.BatchNorm1d(2 * filters)
        self.conv4 = nn.Conv1d(2 * filters, 2 * filters, 3)
        self.bn4 = nn.BatchNorm1d(2 * filters)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool1d(4)
        self.fc = nn.Linear(2 * filters, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (clip, class), of waveforms, (clip, 1, time), at 8 kHz."""
        x = self.pool(self.relu(self.bn1(self.conv1(x))))
        x = self.pool(self.relu(self.bn2(self.conv2(x))))
        x = self.pool(self.relu(self.bn3(self.conv3(x))))
        x = self.pool(self.relu(self.bn4(self.conv4(x))))
        return self.fc(x.mean(-1))
