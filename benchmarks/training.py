"""One training step of CNN12: ours, and the plain modules with and without autocast."""

import pandas as pd
import torch
from harness import GPU_TOO, Bench, bench, keep_memory, spread
from torch import Tensor

from sonify.contracts.audio_format import RATE_HZ
from sonify.models.cnn import CNN12, Architecture
from sonify.models.device import computes_bfloat16
from sonify.models.heads import SoundModel
from sonify.training.adam import Adam
from sonify.training.losses import classification_loss

PLAIN = "plain modules, float32"
CLASSES = 20
CASES = [(1 / 8, 128), (1 / 8, 16), (1 / 4, 16)]  # width, crops a step
ON_A_GPU = [(1, 256), (1, 64), (1 / 8, 128)]
QUICK = [(1 / 32, 2)]
NOTES = """\
A step goes forward, backward and updates the weights of the encoder and a classifier of 20 classes,
on crops of noise of 1 s; at a width of 1/8 or 1/4, 128 crops are the two views of a contrastive
batch of the miniature, 16 one of its batches of FSD50K. Plain modules are CNN12's, called one after
the other, and torch.optim.Adam as it comes; on a GPU with deterministic convolutions like ours, in
float32 or as PyTorch comes, in TensorFloat-32. bfloat16 is left out where the processor would
emulate it; training never takes it there. `times faster` is against them in float32; `spread`
is the slowest step over the fastest."""


class Plain(CNN12):
    """CNN12 as its modules are written."""

    def forward(self, x: Tensor) -> Tensor:
        """Features, (clip, feature), of waveforms x, (clip, time)."""
        return self.fc(self.trunk(x.unsqueeze(1)).mean(dim=-1))


class Step:
    """A training step of one variant, with a model of its own."""

    def __init__(
        self, kind: type[CNN12], precision: str, width: float, crops: int, device: str
    ) -> None:
        torch.manual_seed(0)
        encoder = kind(Architecture(width=width, layout="cnn12"))
        self.model = SoundModel(encoder, "classifier", CLASSES).to(device).train()
        self.conv = "tf32" if precision == "TensorFloat-32" else "ieee"
        self.half = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
        self.x = 0.1 * torch.randn(crops, RATE_HZ).to(device)
        self.y = (torch.rand(crops, CLASSES) < 0.1).float().to(device)
        if kind is Plain:
            self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, weight_decay=1e-5)
        else:
            self.adam = Adam(self.model.parameters(), weight_decay=1e-5)

    def __call__(self) -> None:
        """Forward, backward, and the update."""
        torch.backends.cudnn.conv.fp32_precision = self.conv
        with self.half:
            logits = self.model(self.x)
        classification_loss(logits, self.y, "multilabel").backward()
        if isinstance(self.adam, Adam):
            self.adam.step(1e-3)
        else:
            self.adam.step()
            self.adam.zero_grad()


def main() -> None:
    keep_memory()
    run = bench("training", __doc__, GPU_TOO, cpu_time=True)
    rows = [row for case in run.cases(QUICK, CASES, ON_A_GPU) for row in measured(run, *case)]
    run.write("A training step", pd.DataFrame(rows), NOTES)


def measured(run: Bench, width: float, crops: int) -> list[dict]:
    """The rows shown for one case."""
    types = ("float32", "bfloat16") if computes_bfloat16(run.device) else ("float32",)
    variants = {
        f"{name}, {precision}": Step(kind, precision, width, crops, run.device)
        for name, kind in (("plain modules", Plain), ("ours", CNN12))
        for precision in types
    }
    if run.device == "cuda":  # how PyTorch computes float32 there as it comes
        tf32 = "TensorFloat-32"
        variants[f"plain modules, {tf32}"] = Step(Plain, tf32, width, crops, run.device)
    case = f"width {width:g}, {crops} crops"
    times = run.measure(case, variants, repetitions=7)
    return [
        {
            "width": width,
            "crops": crops,
            "variant": name,
            "ms per step": 1000 * median,
            "times faster": times[PLAIN] / median,
            "spread": spread(run, case, name),
        }
        for name, median in times.items()
    ]


if __name__ == "__main__":
    main()
