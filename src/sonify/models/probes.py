"""Linear classifiers on what the first layers of an encoder keep of a clip (appendix B)."""

import copy
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from sonify.models.architecture import Architecture
from sonify.models.channels_last import run_trunk
from sonify.models.cnn import CNN12, check_waveforms
from sonify.runtime.errors import SonifyError


def check_layers(layers: Collection[int], architecture: Architecture) -> None:
    """Raise SonifyError for no layers, one named twice, or one that the encoder lacks."""
    whole = architecture.whole
    missing = [layer for layer in layers if not 1 <= layer <= whole]
    if missing or not layers or len(set(layers)) < len(layers):
        raise SonifyError(
            f"layers are {list(layers)}: name different ones from 1 to {whole - 1}, "
            f"and {whole} for the whole encoder"
        )


def retained_features(architecture: Architecture, layer: int) -> int:
    """Width of the output of `layer`: its filters, or the features of the whole encoder."""
    return (*architecture.filters, architecture.features)[layer - 1]


class Retained(nn.Module):
    """The first layers of an encoder, as copies: changing them leaves the encoder as it was.

    `blocks` are its conv-relu-[pool] blocks up to the deepest of `layers` and no further; `fc` is
    its fully connected layer where `layers` has the whole encoder, else None: dropout stands before
    it, and behind it a ReLU if the encoder's heads begin with one. Raises SonifyError as
    `check_layers` does.
    """

    def __init__(self, encoder: CNN12, layers: Collection[int]) -> None:
        super().__init__()
        architecture = encoder.architecture
        check_layers(layers, architecture)
        blocks = _blocks(encoder.trunk)[: max(layers)]
        self.layers = tuple(sorted(layers))
        self.shortest = architecture.shortest_clip(len(blocks))
        self.blocks = copy.deepcopy(nn.ModuleList(blocks))
        self.fc = copy.deepcopy(encoder.fc) if architecture.whole in layers else None
        self.dropout = copy.deepcopy(encoder.dropout)
        self.relu = nn.ReLU() if architecture.relu_features else nn.Identity()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the output of each of `layers` for waveforms x, (clip, time) in [-1, 1] at 8 kHz.

        Feature maps averaged over time, (clip, filter), or the encoder's features, (clip, feature).

        Raises SonifyError as `check_waveforms` does, for the deepest block.
        """
        check_waveforms(x, self.shortest)
        h, found = x.unsqueeze(1), []
        blocks = (block for block in self.blocks if isinstance(block, nn.Sequential))  # all are
        for layer, block in enumerate(blocks, start=1):
            h = run_trunk(block, h)
            if layer in self.layers:
                found.append(h.mean(dim=-1))
        if self.fc is not None:
            found.append(self.relu(self.fc(self.dropout(h.mean(dim=-1)))))
        return found


class Probes(nn.Module):
    """A linear classifier, `heads[layer]`, after each of some layers of an encoder, copied into
    `encoder`; all have the same classes. Raises SonifyError as `check_layers` does.
    """

    def __init__(self, encoder: CNN12, heads: Mapping[int, nn.Linear]) -> None:
        super().__init__()
        self.encoder = Retained(encoder, heads)
        self.heads = nn.ModuleList(heads[layer] for layer in self.encoder.layers)

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers with a classifier, in rising order."""
        return self.encoder.layers

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (layer, clip, class), of waveforms x, (clip, time) in [-1, 1] at 8 kHz."""
        features = self.encoder(x)
        return torch.stack([head(h) for head, h in zip(self.heads, features, strict=True)])


def _blocks(trunk: nn.Sequential) -> list[nn.Sequential]:
    """The trunk cut before each convolution."""
    starts = [i for i, module in enumerate(trunk) if isinstance(module, nn.Conv1d)]
    return [trunk[a:b] for a, b in zip(starts, [*starts[1:], len(trunk)], strict=True)]
