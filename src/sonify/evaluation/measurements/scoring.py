"""Scores of whole clips: evaluation is on the entire clip at once (appendix A.3)."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from sonify.data.clips import Clips, length_buckets
from sonify.evaluation.metrics.ranking import Ranking, accuracy, rank
from sonify.models.checkpoint import ModelCard
from sonify.runtime.errors import SonifyError

Counter = Callable[[int], None]  # called with the number of clips done


def whole_clips(
    parts: Iterable[Clips],
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> Iterator[tuple[Clips, np.ndarray, Tensor]]:
    """Batches of clips of equal length, never padded: the part of a split that the clips are in,
    their indices there, and waveforms (clip, time).

    A batch has at most `max_samples` samples in all, and at least one clip; memory holds one part.
    """
    done = 0
    for clips in parts:
        for indices in length_buckets(clips.lengths, max_samples):
            yield clips, indices, torch.from_numpy(clips.whole(indices)).to(device)
            done += len(indices)
            if progress:
                progress(done)


def measured(targets: np.ndarray, scores: np.ndarray) -> tuple[Ranking, dict[str, float]]:
    """The ranking of scores, (clip, class), and its metrics by name; accuracy is among them where
    every clip has one class. Raises SonifyError as `rank` does.
    """
    ranking = rank(targets, scores)
    values = ranking.metrics
    if (targets.sum(axis=1) == 1).all():
        values = {**values, "accuracy": accuracy(targets, scores)}
    return ranking, values


@torch.no_grad()
def metrics_table(
    model: nn.Module,
    card: ModelCard,
    parts: Iterable[Clips],
    *,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """The metrics table of one model on the parts of one split: mAP, mAUC, d_prime, and accuracy
    where every clip has one class. Raises SonifyError when the model has other classes than the
    clips.
    """
    targets, logits = [], []
    for clips, indices, x in whole_clips(parts, max_samples, device, progress):
        if list(card.classes) != clips.classes:
            raise SonifyError(
                f"model {card.model} knows other classes than {clips.dataset} has: train it on "
                f"{clips.dataset} first"
            )
        targets.append(clips.targets[indices])
        logits.append(model(x).float().cpu().numpy())
    ranking, values = measured(np.concatenate(targets), np.concatenate(logits))
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
