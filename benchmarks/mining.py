"""What mining the top clips of every filter costs beside a plain forward pass."""

import pandas as pd
import torch
import torch.nn.functional as F
from harness import Bench, bench, spread

from sonify.conventions import RATE_HZ
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet import Sonifier
from sonify.sonification.mining import TopActivations, observe

FORWARD = "forward"
CASES = [(1, 2.5, 4), (1, 10, 1), (1 / 4, 2.5, 8), (1 / 4, 10, 2)]  # width, seconds, clips a batch
QUICK = [(1 / 32, 0.25, 2)]
CLIPS = 32
NOTES = f"""\
Each run is over {CLIPS} clips of noise from a fresh start, when most maxima still enter the top 3;
further on, fewer do and the bookkeeping costs less. `forward` is the trunk as it is, without
gradients; storing the pool indices is what sonifying every clip on the way would need. Mining pools
before it rectifies, which gives the same maps with less to rectify, so that it may cost less than
the forward pass. `forwards` is the cost against `forward`, `spread` the slowest run over the
fastest."""


def main() -> None:
    run = bench("mining", __doc__)
    rows = [row for case in (QUICK if run.quick else CASES) for row in measured(run, *case)]
    run.write("Mining against a plain forward pass", pd.DataFrame(rows), NOTES)


def measured(run: Bench, width: float, seconds: float, clips: int) -> list[dict]:
    """The rows shown for one case."""
    torch.manual_seed(0)
    chain = CNN12(Architecture(width=width)).eval().trunk
    sonifier = Sonifier(chain)
    batches = torch.randn(4 if run.quick else CLIPS, round(seconds * RATE_HZ)).split(clips)

    @torch.no_grad()
    def forward() -> None:
        for x in batches:
            chain(x.unsqueeze(1))

    def mine() -> None:
        miner = TopActivations([block.conv.out_channels for block in sonifier.blocks])
        for i, x in enumerate(batches):
            observe(miner, sonifier, x, [f"{i:04d}-{j}" for j in range(len(x))])

    @torch.no_grad()
    def with_indices() -> None:
        for x in batches:
            h = x.unsqueeze(1)
            for block in sonifier.blocks:
                h = F.relu(block.conv(h))
                if block.pool is not None:
                    h, _ = F.max_pool1d(h, block.pool.kernel_size, return_indices=True)

    case = f"width {width:g}, batches of {clips} clips of {seconds:g} s"
    variants = {FORWARD: forward, "mining": mine, "forward, pool indices stored": with_indices}
    times = run.measure(case, variants, repetitions=5)
    return [
        {
            "width": width,
            "clip (s)": seconds,
            "batch": clips,
            "variant": name,
            "ms per clip": 1000 * median / sum(map(len, batches)),
            "forwards": median / times[FORWARD],
            "spread": spread(run, case, name),
        }
        for name, median in times.items()
    ]


if __name__ == "__main__":
    main()
