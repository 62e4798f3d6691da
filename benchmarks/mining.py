"""The cost of mining the top clips of every filter, in plain forward passes."""

from copy import deepcopy

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from harness import GPU_TOO, Bench, bench, keep_memory, spread, trunk

from sonify.contracts.audio_format import RATE_HZ
from sonify.models.channels_last import run_trunk
from sonify.sonification.activity import activity
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.top_activations import TopActivations, observe

FORWARD, LAST = "forward", "forward, channels last"
CASES = [
    (1, 2.5, 4),
    (1 / 4, 2.5, 4),
    (1 / 4, 10, 1),
    (1 / 8, 2.5, 4),
]  # width, seconds, clips a batch
ON_A_GPU = [(1, 2.5, 24), (1, 10, 6), (1 / 8, 10, 6)]
QUICK = [(1 / 32, 0.3, 2)]
CLIPS = 16
SEEN = 512
NOTES = f"""\
Each run is over {CLIPS} clips of noise: the first of a pass, when most scores still enter the top
3, and the next after {SEEN} others, when few do, as in most of a dataset. `forward` is the trunk as
it is, without gradients, and channels last what training and scoring run; storing the pool indices
is what sonifying every clip in the same pass would need. `forwards` is the cost against the faster
of the two, `spread` the slowest run over the fastest."""


def main() -> None:
    keep_memory()
    run = bench("mining", __doc__, GPU_TOO, cpu_time=True)
    rows = [row for case in run.cases(QUICK, CASES, ON_A_GPU) for row in measured(run, *case)]
    run.write("Mining against a plain forward pass", pd.DataFrame(rows), NOTES)


def measured(run: Bench, width: float, seconds: float, clips: int) -> list[dict]:
    """The rows shown for one case."""
    chain = trunk(width, run.device)
    sonifier = Sonifier(chain)
    noise = torch.randn(4 if run.quick else CLIPS, round(seconds * RATE_HZ))
    batches = noise.to(run.device).split(clips)

    @torch.no_grad()
    def forward() -> None:
        for x in batches:
            chain(x.unsqueeze(1))

    @torch.no_grad()
    def forward_last() -> None:
        for x in batches:
            run_trunk(chain, x.unsqueeze(1))

    def mine(miner: TopActivations) -> None:
        for i, x in enumerate(batches):
            observe(miner, sonifier, x, [f"{i:04d}-{j}" for j in range(len(x))])

    fresh = TopActivations([block.conv.out_channels for block in sonifier.blocks])
    seen = after(SEEN, sonifier, torch.randn(8, noise.shape[1]).to(run.device))

    @torch.no_grad()
    def with_indices() -> None:
        for x in batches:
            h = x.unsqueeze(1)
            for block in sonifier.blocks:
                h = F.relu(block.conv(h))
                if block.pool is not None:
                    h, _ = F.max_pool1d(h, block.pool.kernel_size, return_indices=True)

    case = f"width {width:g}, batches of {clips} clips of {seconds:g} s"
    variants = {
        FORWARD: forward,
        LAST: forward_last,
        "mining, the first clips": lambda: mine(deepcopy(fresh)),
        f"mining, after {SEEN} clips": lambda: mine(deepcopy(seen)),
        "forward, pool indices stored": with_indices,
    }
    times = run.measure(case, variants, repetitions=5)
    return [
        {
            "width": width,
            "clip (s)": seconds,
            "batch": clips,
            "variant": name,
            "ms per clip": 1000 * median / sum(map(len, batches)),
            "forwards": median / min(times[FORWARD], times[LAST]),
            "spread": spread(run, case, name),
        }
        for name, median in times.items()
    ]


def after(n: int, sonifier: Sonifier, few: torch.Tensor) -> TopActivations:
    """Return a miner that has seen `n` clips of noise.

    The scores of a few are computed, and redrawn for the others: only their order matters.
    """
    scores = [activity(h).cpu().numpy() for h in sonifier.maps(few, pooled=False)]
    miner = TopActivations([s.shape[1] for s in scores])
    rng = np.random.default_rng(0)
    for layer, of_layer in enumerate(scores, start=1):
        spread_ = of_layer.mean(0) + of_layer.std(0) * rng.standard_normal((n, of_layer.shape[1]))
        ids = [f"seen-{i:04d}" for i in range(n)]
        clips, filters = miner.entering(layer, spread_, ids)
        frames = np.zeros(len(clips), np.int64)
        names = np.asarray(ids, object)[clips]
        miner.update(layer, filters, spread_[clips, filters], frames, names)
    return miner


if __name__ == "__main__":
    main()
