"""Layer importance (appendix B, Figure 4): scores of probes on the first layers of an encoder."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from sonify.data.clips import Clips
from sonify.data.stored import StoredClips
from sonify.evaluation.measurements.scoring import measured, whole_clips
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.models.probes import Probes
from sonify.training.probes import Probing, train_probes


def passes(probing: Probing) -> int:
    """Count the passes over clips of the table below: each training's epochs, and its scoring."""
    return len(probing.trainings) * (probing.recipe.epochs + 1)


def layer_importance_table(
    probing: Probing,
    start: tuple[SoundModel, ModelCard],
    clips: StoredClips,
    held_out: Callable[[], Iterable[Clips]],
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int, str], None] | None = None,
) -> pd.DataFrame:
    """The layer importance table of one pretrained model: its probes trained on `clips` and scored
    on the whole clips of the parts of one split, which `held_out` opens anew at each call.

    `progress` is called with the `passes` done and a note. Raises SonifyError as `train_probes` and
    `scoring.measured` do.
    """
    model, card = start
    run = probing.run
    keys = replace(
        card,
        run=run.name,
        seed=probing.seed,
        regime=run.regime,
        finetune=run.finetune,
        architecture_name=run.architecture,
    ).keys
    done = 0

    def count(note: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, note)

    tables = []
    for probes in train_probes(probing, model.encoder, clips, device=device, progress=count):
        tables.append(_scores(probes, held_out(), max_samples, device))
        count("")
    return pd.concat(tables, ignore_index=True).assign(**keys)


@torch.no_grad()
def _scores(
    probes: Probes, parts: Iterable[Clips], max_samples: int, device: torch.device | str
) -> pd.DataFrame:
    """The metrics of every probe, all scored in one forward pass."""
    targets, logits = [], []
    for clips, indices, x in whole_clips(parts, max_samples, device):
        targets.append(clips.targets[indices])
        logits.append(probes(x).float().cpu().numpy())
    truth, scores = np.concatenate(targets), np.concatenate(logits, axis=1)
    rows = []
    for layer, of_layer in zip(probes.layers, scores, strict=True):
        ranking, values = measured(truth, of_layer)
        shared = {"dataset": clips.dataset, "split": clips.splits[0], "layer": layer}
        counts = {"n_clips": ranking.n_clips, "prevalence": ranking.prevalence}
        rows += [{**shared, "metric": m, "value": v, **counts} for m, v in values.items()]
    return pd.DataFrame(rows)
