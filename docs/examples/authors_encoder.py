"""The paper's CNN12 as one writes it for unpooling: its pools return where the maxima were."""

from torch import Tensor, nn

LAYERS = {  # kernel, filters at full width, whether a pool follows
    1: (7, 64, True),
    2: (7, 64, True),
    3: (5, 128, True),
    4: (5, 128, True),
    5: (5, 256, True),
    6: (3, 256, True),
    7: (3, 512, True),
    8: (3, 512, True),
    9: (3, 1024, False),
    10: (3, 1024, False),
    11: (3, 2048, False),
}


class Encoder(nn.Module):
    """Eleven blocks of convolution, ReLU and, in the first eight, max-pool; a mean over time."""

    def __init__(self, width: float = 1 / 8) -> None:
        super().__init__()
        channels = 1
        for i, (kernel, full, pooled) in LAYERS.items():
            filters = round(full * width)
            self.add_module(f"conv{i}", nn.Conv1d(channels, filters, kernel))
            nn.init.kaiming_normal_(self.get_submodule(f"conv{i}").weight)
            self.add_module(f"relu{i}", nn.ReLU())
            if pooled:
                self.add_module(f"pool{i}", nn.MaxPool1d(2, return_indices=True))
            channels = filters

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Vectors, (clip, filter), and the switch indices by pool, of (clip, 1, time) at 8 kHz."""
        switches = {}
        for name, child in self.named_children():
            if name.startswith("pool"):
                x, switches[name] = child(x)
            else:
                x = child(x)
        return x.mean(-1), switches
