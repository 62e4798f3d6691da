"""The most active map of all 11 layers: ours, the pseudo-code as printed, and Captum."""

import warnings
from collections.abc import Callable

import pandas as pd
import torch
import torch.nn.functional as F
from harness import GPU_TOO, Bench, bench, keep_memory, spread, trunk
from oracles import Rectified, captum_sonification, literal_sonification
from torch import Tensor, nn

from sonify.contracts.audio_format import RATE_HZ
from sonify.sonification.deconvnet.sonifier import PRECISIONS, Sonifier

LITERAL, FORWARD, BOTH = "pseudo-code of Figure B.2", "forward", "forward + backward to the input"
CASES = [(1, 2.5, 2), (1 / 4, 2.5, 4), (1 / 8, 2.5, 4)]  # width, seconds, clips
ON_A_GPU = [(1, 2.5, 24), (1, 10, 6), (1 / 8, 10, 6)]
QUICK = [(1 / 32, 0.3, 2)]
NOTES = """\
Every variant starts from waveforms and chooses the most active map itself. The pseudo-code and
Captum run once for each layer, as they are written: a whole forward pass, and a sweep with every
channel. `autograd` runs forward once, channels last, and back once for each layer, all clips
together, with ReLU's backward step replaced by relu(gradient). Without bfloat16 in the processor
`fast` computes as `exact` does. `forward` is the trunk alone, without gradients. Weights are random
(He-normal), clips are noise. `times faster` is against the pseudo-code; `forwards` and `forward +
backwards` say how many of those passes the variant costs; `spread` is its slowest run over its
fastest."""


def main() -> None:
    keep_memory()
    warnings.filterwarnings("ignore", "Setting backward hooks on ReLU")  # Captum, on every call
    run = bench("sonification", __doc__, GPU_TOO, cpu_time=True)
    rows = [row for case in run.cases(QUICK, CASES, ON_A_GPU) for row in measured(run, *case)]
    run.write("Most active map of all 11 layers", pd.DataFrame(rows), NOTES)


def measured(run: Bench, width: float, seconds: float, clips: int) -> list[dict]:
    """The rows shown for one case."""
    chain = trunk(width, run.device)
    x = torch.randn(clips, round(seconds * RATE_HZ)).to(run.device)
    case = f"width {width:g}, {clips} clips of {seconds:g} s"
    times = run.measure(case, variants(chain, x), repetitions=3)
    return [
        {
            "width": width,
            "clip (s)": seconds,
            "clips": clips,
            "variant": name,
            "ms per clip": 1000 * median / clips,
            "times faster": times[LITERAL] / median,
            "forwards": median / times[FORWARD],
            "forward + backwards": median / times[BOTH],
            "spread": spread(run, case, name),
        }
        for name, median in times.items()
    ]


def variants(chain: torch.nn.Sequential, x: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Return the variants that are timed, by name."""
    layers = range(1, Sonifier(chain).n_layers + 1)

    @torch.no_grad()
    def literal() -> None:
        for layer in layers:
            literal_sonification(chain, x, layer)

    def captum() -> None:
        for layer in layers:
            captum_sonification(chain, x, layer)

    @torch.no_grad()
    def forward() -> None:
        chain(x.unsqueeze(1))

    def both() -> None:
        leaf = x.unsqueeze(1).clone().requires_grad_()
        torch.autograd.grad(chain(leaf).square().sum(), leaf)

    ours = {f"ours, {p}": Sonifier(chain, precision=p) for p in PRECISIONS}
    return {
        LITERAL: literal,
        "Captum": captum,
        "autograd": lambda: by_autograd(chain, x),
        **{name: lambda s=sonifier: s.most_active(x) for name, sonifier in ours.items()},
        BOTH: both,
        FORWARD: forward,
    }


def by_autograd(chain: nn.Sequential, x: Tensor) -> list[Tensor]:
    """Raw deconvolutions of the most active map of each layer, (clip, time) each."""
    clips = x[:, None, None].clone().requires_grad_()
    h, ends = clips.to(memory_format=torch.channels_last), []
    for module in chain:
        if isinstance(module, nn.Conv1d):
            h = F.conv2d(h, module.weight.unsqueeze(2), module.bias, padding=(0, *module.padding))
            ends.append(h)
        elif isinstance(module, nn.ReLU):
            h = ends[-1] = Rectified.apply(h)
        else:
            h = ends[-1] = F.max_pool2d(h, (1, module.kernel_size))
    raw = []
    for maps in ends:
        with torch.no_grad():
            chosen = maps.amax((2, 3)).argmax(1)
            rows = torch.arange(len(maps), device=x.device)
            start = torch.zeros_like(maps)
            start[rows, chosen] = maps[rows, chosen]
        raw += torch.autograd.grad(maps, clips, start, retain_graph=maps is not ends[-1])
    return raw


if __name__ == "__main__":
    main()
