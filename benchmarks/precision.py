"""The accuracy of the fast path: trained models, their clips, and the published measures.

Needs the results of a run in the current folder, `make run` first, and a processor that computes in
bfloat16: on others the fast path is the exact one.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from harness import Bench, bench, leave

from sonify.data.clips import Clips, load
from sonify.evaluation.measurements.removal import residual
from sonify.evaluation.measurements.scoring import whole_clips
from sonify.evaluation.metrics.coherence import mean_topk_coherence
from sonify.evaluation.metrics.ranking import rank
from sonify.models import checkpoint
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import ModelCard
from sonify.models.device import computes_bfloat16
from sonify.models.heads import SoundModel
from sonify.sonification.deconvnet.sonifier import Sonifier

COHERENT = ("contrastive-s0", "supervised-s0")  # on AudioSet eval, as Figure 7
REMOVED = ("fsd50k-contrastive-full-s0", "fsd50k-supervised-full-s0")  # on FSD50K eval, as Figure 6
MAX_SAMPLES = 512_000
NOTES = """\
Each clip's most active map of every layer, exact and fast. `error` is the relative L2 distance of
the two sonifications (median over clips, and the largest); `coherence` its mean over the clips, and
`moves by` the difference of the fast path; `removal mAP` the same for what is left without the
sonification. The maps chosen are the same, since the forward pass is."""


def main() -> None:
    run = bench("precision", __doc__)
    if not computes_bfloat16(run.device):
        leave("the processor only emulates bfloat16, so that the fast path is the exact one")
    folder = Path("results")
    if run.quick:
        models = [("random", random_model(), random_clips(), True)]
    elif (folder / "models" / COHERENT[0]).is_dir():
        models = trained(folder)
    else:
        leave(f"{folder} has no trained models: `make run` first")
    rows = [row for name, *rest in models for row in measured(run, name, *rest)]
    run.write("The fast path beside the exact one", pd.DataFrame(rows), NOTES)


def trained(folder: Path) -> list[tuple[str, SoundModel, Clips, bool]]:
    """The models of a finished run and the clips they are measured on; whether by removal."""
    on = {
        False: load(folder / "data/audioset", ["eval"]),
        True: load(folder / "data/fsd50k", ["eval"]),
    }
    return [
        (name, checkpoint.load(folder / "models" / name)[0], on[removal], removal)
        for names, removal in ((COHERENT, False), (REMOVED, True))
        for name in names
    ]


@torch.no_grad()
def measured(run: Bench, name: str, model: SoundModel, clips: Clips, removal: bool) -> list[dict]:
    """A row for each layer."""
    sonifiers = {p: Sonifier(model, p) for p in ("exact", "fast")}
    errors, coherence, scores, targets = [], [], [], []
    for _, indices, x in whole_clips([clips], MAX_SAMPLES):
        exact, fast = (s.most_active(x) for s in sonifiers.values())
        size = exact.signals.norm(dim=-1)
        distance = (exact.signals - fast.signals).norm(dim=-1)
        errors.append(torch.where(size > 0, distance / size, 0.0).numpy())
        both = (exact.signals, fast.signals)
        if removal:
            left = [[model(residual(x, s, False)).numpy() for s in signals] for signals in both]
            scores.append(np.array(left))  # (precision, layer, clip, class)
            targets.append(clips.targets[indices])
        else:
            wave = x.double().numpy()
            found = [[mean_topk_coherence(wave, s.double().numpy()) for s in b] for b in both]
            coherence.append(np.array(found))
    error = np.concatenate(errors, axis=1)
    if removal:
        truth, logits = np.concatenate(targets), np.concatenate(scores, axis=2)
        values = np.array([[rank(truth, z).metrics["mAP"] for z in layers] for layers in logits])
    else:
        values = np.concatenate(coherence, axis=2).mean(axis=2)
    rows = []
    for layer in range(1, len(error) + 1):
        of_clips, (before, after) = error[layer - 1], values[:, layer - 1]
        run.record(f"{name}, layer {layer}", "fast", "relative error", "", of_clips.tolist())
        rows.append(
            {
                "model": name,
                "layer": layer,
                "error (median)": np.median(of_clips),
                "error (largest)": of_clips.max(),
                "measure": "removal mAP" if removal else "coherence",
                "exact": before,
                "moves by": after - before,
            }
        )
    return rows


def random_model() -> SoundModel:
    """A small untrained classifier."""
    torch.manual_seed(0)
    shape = Architecture(width=1 / 32)
    card = ModelCard("random", 0, "fsd50k", "supervised", "none", shape, "CNN12", "classifier", 3)
    return checkpoint.build(card).eval()


def random_clips() -> Clips:
    """A few clips of noise."""
    rng, n, length = np.random.default_rng(0), 6, 4_000
    return Clips(
        dataset="fsd50k",
        ids=[f"clip{i}" for i in range(n)],
        splits=["eval"] * n,
        classes=["a", "b", "c"],
        targets=np.tile(np.eye(3, dtype=np.uint8), (2, 1)),
        lengths=np.full(n, length),
        offsets=np.arange(n) * length,
        samples=rng.integers(-32767, 32768, n * length).astype(np.int16),
    )


if __name__ == "__main__":
    main()
