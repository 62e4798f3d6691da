"""CNN12, the paper's raw-waveform encoder (section 3.1, Figure A.1)."""

import torch
from torch import Tensor, nn

from sonify.models.architecture import Architecture, Initialisation
from sonify.models.channels_last import run_trunk
from sonify.runtime.errors import SonifyError

__all__ = ["CNN12", "Architecture", "check_waveforms", "count_parameters"]


class CNN12(nn.Module):
    """Encoder f_enc: 11 conv-relu-[pool] blocks, average over time, dropout, a linear layer.

    `trunk` is one flat nn.Sequential (conv1, relu1, pool1, conv2, ...), which is what the Sonifier
    reads. Pooling has kernel = stride, so that its switches say everything needed to undo it. No
    normalisation layer anywhere.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.trunk = _trunk(architecture)
        self.dropout = Dropout(architecture.dropout)
        self.fc = nn.Linear(architecture.filters[-1], architecture.features)
        _initialise(self, architecture.initialisation)

    def forward(self, x: Tensor) -> Tensor:
        """Features h, (clip, feature), of waveforms x, (clip, time) in [-1, 1] at 8 kHz.

        Raises SonifyError as `check_waveforms` does, for the shortest clip of the architecture.
        """
        check_waveforms(x, self.architecture.shortest_clip())
        return self.fc(self.dropout(run_trunk(self.trunk, x.unsqueeze(1)).mean(dim=-1)))


class Dropout(nn.Dropout):
    """Dropout whose masks of a batch are, on a CPU, those of its parts one after another.

    PyTorch's own depend on how a batch is cut. Draws from torch's global generator, in training and
    with p above 0 alone, unless `chances`, (clip, value) in [0, 1), have been drawn for it.
    """

    chances: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return x with a fraction p of its values 0 and the others divided by 1 - p."""
        if not self.training or self.p == 0:
            return x
        drawn = torch.rand(x.shape, device=x.device) if self.chances is None else self.chances
        kept = drawn >= self.p
        return x * kept / (1 - self.p)


def check_waveforms(x: Tensor, shortest: int) -> None:
    """Raise SonifyError unless x is (clip, time) with at least `shortest` samples per clip.

    Shorter clips would leave no frame to average.
    """
    if x.ndim != 2:
        raise SonifyError(f"waveforms have shape {tuple(x.shape)}: expected (clip, time)")
    if x.shape[1] < shortest:
        raise SonifyError(
            f"clips of {x.shape[1]} samples are shorter than the {shortest} that leave a frame: "
            "leave them out or repeat them to length"
        )


def count_parameters(module: nn.Module) -> int:
    """Number of trainable and frozen parameters of `module`."""
    return sum(p.numel() for p in module.parameters())


def _trunk(architecture: Architecture) -> nn.Sequential:
    trunk = nn.Sequential()
    channels = 1
    shape = (architecture.filters, architecture.kernels, architecture.pools, architecture.paddings)
    for layer, (filters, kernel, pool, padding) in enumerate(zip(*shape, strict=True), start=1):
        stride = pool if architecture.downsampling == "strided" else 1
        conv = nn.Conv1d(channels, filters, kernel, stride=stride, padding=padding)
        trunk.add_module(f"conv{layer}", conv)
        trunk.add_module(f"relu{layer}", nn.ReLU())
        if pool > 1 and architecture.downsampling == "pool":
            trunk.add_module(f"pool{layer}", nn.MaxPool1d(pool))
        channels = filters
    return trunk


def _initialise(encoder: CNN12, how: Initialisation) -> None:
    """Give convolutions normal weights by fan-in and zero biases; with "he" the last layer too.

    "he" keeps the variance from layer to layer. With "unit_gain", the authors' choice, it falls by
    about half in each, and training begins slowly.
    """
    for module in encoder.trunk:
        if isinstance(module, nn.Conv1d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu" if how == "he" else "linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if how == "he":
        nn.init.kaiming_normal_(encoder.fc.weight, nonlinearity="linear")
        nn.init.zeros_(encoder.fc.bias)
