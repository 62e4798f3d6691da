"""All 3 x filters of a model sonified: the cost of one sonification against the pseudo-code."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from harness import GPU_TOO, Bench, bench, keep_memory, spread, trunk
from oracles import literal_sonification

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import Clips
from sonify.models.device import computes_bfloat16
from sonify.runtime.seeds import generator
from sonify.sonification.deconvnet.sonifier import PRECISIONS, Sonifier
from sonify.sonification.mining.top_activations import TopActivations, observe
from sonify.sonification.rendering import render_layers

LITERAL = "pseudo-code of Figure B.2"
CASES = [(1, 2.5), (1 / 4, 2.5), (1 / 8, 2.5)]  # width, seconds
ON_A_GPU = [(1, 2.5), (1, 10)]
QUICK = [(1 / 32, 0.3)]
CLIPS = 48
GROUPS = 1  # clips of each layer whose sonifications are made
NOTES = f"""\
The top 3 of {CLIPS} clips (noise of varied colour) are mined for every filter. Of each layer the
filters won by {GROUPS} clip drawn among the winners are rendered; one of them is
sonified by the pseudo-code. Costs per sonification are weighted by how many sonifications each
layer has in the whole model. Without bfloat16 in the processor `fast` is `exact`. `spread` is the
slowest run over the fastest, at the layer where it was largest."""


def main() -> None:
    keep_memory()
    run = bench("rendering", __doc__, GPU_TOO, cpu_time=True)
    rows = [row for case in run.cases(QUICK, CASES, ON_A_GPU) for row in measured(run, *case)]
    run.write("All 3 x filters of a model sonified", pd.DataFrame(rows), NOTES)


def measured(run: Bench, width: float, seconds: float) -> list[dict]:
    """The rows shown for one case."""
    chain = trunk(width, run.device)
    clips = coloured_noise(6 if run.quick else CLIPS, round(seconds * RATE_HZ))
    top = mined(chain, clips)
    case = f"width {width:g}, clips of {seconds:g} s"
    precisions = PRECISIONS if computes_bfloat16(run.device) else PRECISIONS[:1]
    sonifiers = {p: Sonifier(chain, p) for p in precisions}
    costs, worst = {}, {}
    for layer, rows in top.groupby("layer"):
        drawn = np.random.default_rng(int(layer)).permutation(rows["clip_id"].unique())[:GROUPS]
        wanted = rows[rows["clip_id"].isin(drawn)]
        one = wanted.iloc[len(wanted) // 2]
        here = f"{case}, layer {layer}"
        times = run.measure(
            here,
            variants(sonifiers, chain, clips, wanted, one, run.device),
            repetitions=3 if run.device == "cpu" else 7,
        )
        for name, median in times.items():
            each = median if name == LITERAL else median / len(wanted)
            costs[name] = costs.get(name, 0.0) + each * len(rows) / len(top)
            worst[name] = max(worst.get(name, 1.0), spread(run, here, name))
    return [
        {
            "width": width,
            "clip (s)": seconds,
            "sonifications of the model": len(top),
            "variant": name,
            "ms per sonification": 1000 * cost,
            "times faster": costs[LITERAL] / cost,
            "spread": worst[name],
        }
        for name, cost in costs.items()
    ]


def variants(
    sonifiers: dict[str, Sonifier],
    chain: torch.nn.Sequential,
    clips: Clips,
    wanted: pd.DataFrame,
    one: pd.Series,
    device: str,
) -> dict[str, Callable[[], object]]:
    """Return what is timed: the pseudo-code on the row `one`, ours on all rows of `wanted`."""
    x = torch.from_numpy(clips.waveform(clips.ids.index(one["clip_id"]))).to(device)

    @torch.no_grad()
    def literal() -> None:
        literal_sonification(chain, x, int(one["layer"]), int(one["filter"]))

    def ours(sonifier: Sonifier) -> None:
        list(render_layers(sonifier, [clips], wanted, max_samples=120 * RATE_HZ, device=device))

    return {LITERAL: literal} | {
        f"ours, {p}": lambda s=sonifier: ours(s) for p, sonifier in sonifiers.items()
    }


def mined(chain: torch.nn.Sequential, clips: Clips) -> pd.DataFrame:
    """The top activations, with what rendering reads of them."""
    sonifier = Sonifier(chain)
    miner = TopActivations([block.conv.out_channels for block in sonifier.blocks])
    device = next(chain.parameters()).device
    for i, clip in enumerate(clips.ids):
        observe(miner, sonifier, torch.from_numpy(clips.whole([i])).to(device), [clip])
    return miner.table().assign(time_s=0.0, n_samples=int(clips.lengths[0]))


def coloured_noise(n: int, samples: int) -> Clips:
    """Clips of noise whose spectra fall or rise at rates of their own, at unit peak."""
    rng = generator("benchmark", "coloured noise")
    spectra = np.fft.rfft(rng.standard_normal((n, samples)))
    tilt = rng.uniform(-1.5, 0.5, (n, 1))
    x = np.fft.irfft(spectra * np.arange(1, spectra.shape[1] + 1) ** tilt, samples)
    pcm = np.rint(32767 * x / np.abs(x).max(axis=1, keepdims=True)).astype(np.int16)
    lengths = np.full(n, samples)
    return Clips(
        dataset="noise",
        ids=[f"{i:04d}" for i in range(n)],
        splits=["eval"] * n,
        classes=["noise"],
        targets=np.ones((n, 1), np.uint8),
        lengths=lengths,
        offsets=np.cumsum(lengths) - lengths,
        samples=pcm.ravel(),
    )


if __name__ == "__main__":
    main()
