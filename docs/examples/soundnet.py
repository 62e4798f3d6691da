"""SoundNet, the network of Aytar et al. (2016), https://arxiv.org/abs/1610.09001, with two heads.

`python soundnet.py sound8.npy soundnet.pt` converts the weights in the package soundnet.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATE_HZ = 22_050
LAYERS = {  # filters, kernel, padding, pool
    "conv1": (16, 64, 32, 8),
    "conv2": (32, 32, 16, 8),
    "conv3": (64, 16, 8, 1),
    "conv4": (128, 8, 4, 1),
    "conv5": (256, 4, 2, 4),
    "conv6": (512, 4, 2, 1),
    "conv7": (1024, 4, 2, 1),
}
HEADS = {"conv8": ("objects", 1000), "conv8_2": ("scenes", 401)}
ARRAY_PARTS = {
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class SoundNet(nn.Module):
    """Seven blocks of strided convolution, batch norm, ReLU and, in some, max-pool; two heads."""

    def __init__(self) -> None:
        super().__init__()
        channels = 1
        for name, (filters, kernel, padding, _) in LAYERS.items():
            self.add_module(name, nn.Conv1d(channels, filters, kernel, 2, padding))
            self.add_module(f"{name}_norm", nn.BatchNorm1d(filters))
            channels = filters
        for name, classes in HEADS.values():
            self.add_module(name, nn.Conv1d(channels, classes, 8, 2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of objects and scenes, (clip, class, frame), of x, (clip, 1, time) in [-1, 1]."""
        x = 256 * x
        for name, (_, _, _, pool) in LAYERS.items():
            x = self.get_submodule(f"{name}_norm")(self.get_submodule(name)(x))
            x = F.max_pool1d(F.relu(x), pool)
        return self.get_submodule("objects")(x), self.get_submodule("scenes")(x)


class ArraysOnly(pickle.Unpickler):
    """Unpickling runs whatever code a file names: this one names nothing but arrays."""

    def find_class(self, module: str, name: str) -> object:
        """Return what an array is made of."""
        if (module, name) not in ARRAY_PARTS:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}: only arrays may load")
        return ARRAY_PARTS[module, name]


def converted(file: Path) -> dict[str, Tensor]:
    """The state dict of SoundNet with the weights in `file`."""
    with file.open("rb") as opened:
        np.lib.format.read_magic(opened)
        np.lib.format.read_array_header_1_0(opened)
        layers = ArraysOnly(opened, encoding="latin1").load().item()
    state = SoundNet().state_dict()
    names = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}
    for layer in (*LAYERS, *HEADS):
        parts = {key: torch.from_numpy(np.array(part)) for key, part in layers[layer].items()}
        name = HEADS[layer][0] if layer in HEADS else layer
        state[f"{name}.weight"] = parts["weights"].squeeze(1).permute(2, 1, 0).contiguous()
        state[f"{name}.bias"] = parts["biases"]
        if layer in LAYERS:
            state |= {f"{name}_norm.{ours}": parts[theirs] for ours, theirs in names.items()}
    return state


if __name__ == "__main__":
    torch.save(converted(Path(sys.argv[1])), sys.argv[2])
