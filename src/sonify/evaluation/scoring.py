"""Scores of whole clips: evaluation is on the entire clip at once (appendix A.3)."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from sonify.data.clips import Clips, length_buckets
from sonify.evaluation.ranking import accuracy, rank
from sonify.models.checkpoint import ModelCard


def whole_clips(
    clips: Clips, max_samples: int, device: torch.device | str = "cpu"
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Batches of clips of equal length: indices, and waveforms (clip, time). Never padded.

    A batch has at most `max_samples` samples in all, and at least one clip.
    """
    for indices in length_buckets(clips.lengths, max_samples):
        yield indices, torch.from_numpy(clips.whole(indices)).to(device)


@torch.no_grad()
def score(
    model: nn.Module,
    clips: Clips,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Logits of whole clips, (clip, class), in the order of `clips`."""
    scores, done = None, 0
    for indices, x in whole_clips(clips, max_samples, device):
        logits = model(x).float().cpu().numpy()
        if scores is None:
            scores = np.full((len(clips.ids), logits.shape[1]), np.nan, np.float32)
        scores[indices] = logits
        done += len(indices)
        if progress:
            progress(done)
    if scores is None:
        raise ValueError("there are no clips to score")
    return scores


def metrics_table(
    model: nn.Module,
    card: ModelCard,
    clips: Clips,
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """The metrics table of one model on one split: mAP, mAUC, d_prime, and accuracy where every
    clip has one class. Raises ValueError when the model has other classes than the clips.
    """
    if list(card.classes) != clips.classes:
        raise ValueError(
            f"model {card.model} knows other classes than {clips.dataset} has: train it on "
            f"{clips.dataset} first"
        )
    scores = score(model, clips, max_samples, device, progress)
    ranking = rank(clips.targets, scores)
    values = ranking.metrics
    if (clips.targets.sum(axis=1) == 1).all():
        values = {**values, "accuracy": accuracy(clips.targets, scores)}
    return pd.DataFrame(
        {
            "dataset": clips.dataset,
            "split": clips.splits[0],
            **card.keys,
            "metric": metric,
            "value": value,
            "n_clips": ranking.n_clips,
            "n_classes": ranking.n_classes,
            "n_dropped": ranking.n_dropped,
            "prevalence": ranking.prevalence,
        }
        for metric, value in values.items()
    )
