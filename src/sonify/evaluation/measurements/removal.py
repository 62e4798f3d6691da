"""The removal test (section 4.1): recognition of clips without a layer's sonification."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.by_part import Counter, by_part
from sonify.data.clips import Clips, Part
from sonify.data.kept import Kept
from sonify.evaluation.measurements.scoring import measured, whole_clips
from sonify.evaluation.metrics.bootstrap import Counts, resamples
from sonify.evaluation.stages.removal import Condition
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.most_active import Chosen, most_active


def residual(x: Tensor, s: Tensor, rescale: bool = False) -> Tensor:
    """Subtract the sonifications from their clips: r = x - s, (..., time).

    `rescale` scales r back to the clip's own peak; a silent residual stays silent.
    """
    r = x - s
    if not rescale:
        return r
    peak = r.abs().amax(-1, keepdim=True)
    factor = torch.where(peak > 0, x.abs().amax(-1, keepdim=True) / peak.clamp_min(1e-12), 1.0)
    return r * factor


def removal_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips | Part],
    *,
    conditions: Sequence[Condition],
    **how: Any,
) -> pd.DataFrame:
    """Return the removal table of one model on a split; see `removal_parts`.

    For each condition, mAP, mAUC and d_prime (`metrics.ranking`) on the residuals of each layer's
    most active map; layer 0 is the untouched baseline. n_dead counts the clips whose most active
    map was dead, so that nothing was removed.
    """
    made = removal_parts(model, parts, conditions=conditions, **how)
    joined = [name for name in made[0] if name not in ("dead", "split")]
    every = {name: np.concatenate([part[name] for part in made]) for name in joined}
    truth, dead = every["targets"], np.sum([part["dead"] for part in made], axis=0)
    dataset, split = made[0]["split"].tolist()
    shared = {"dataset": dataset, "split": split, **card.keys}
    counts = resamples(dataset, split, every["ids"].tolist())
    whole = _metrics(truth, every["whole"], counts)
    rows = []
    for condition in conditions:
        of_layer = np.ascontiguousarray(every[_name(condition)].swapaxes(0, 1))
        layers = [_metrics(truth, left, counts) for left in of_layer]
        n_dead = [0, *dead[_rules(conditions).index(condition.rule)]]
        for layer, metrics in enumerate([whole, *layers]):
            place = {**shared, "layer": layer, "n_dead": n_dead[layer]}
            place |= msgspec.structs.asdict(condition)
            rows += [{**place, **row, "n_clips": len(truth)} for row in metrics]
    return pd.DataFrame(rows)


@torch.no_grad()
def removal_parts(
    model: SoundModel,
    parts: Iterable[Clips | Part],
    *,
    conditions: Sequence[Condition],
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
    kept: Kept | None = None,
) -> list[dict[str, np.ndarray]]:
    """Return the data that a model's removal table is computed from, for each part of one split.

    By name: ids, (clip,), and targets, (clip, class), of its clips; their scores untouched, and
    under each condition without each layer's most active map, (clip, layer, class); numbers of dead
    maps, (rule, layer); dataset and split.

    Work that conditions share is done once, and none for parts that `kept` has or does not own.
    Raises SonifyError for an unknown rule.
    """
    kept = kept or Kept()
    explainer = build_explainer(method, model, precision=precision)
    rules = _rules(conditions)

    def scored(load: Callable[[], Clips], count: Counter) -> dict[str, np.ndarray]:
        clips = load()
        at_once = whole_clips([clips], max_samples, device, count)
        found: dict[str, list[np.ndarray]] = {}
        dead = np.zeros((len(rules), explainer.n_layers), np.int64)
        for _, indices, x in at_once:
            found.setdefault("ids", []).append(np.array([clips.ids[i] for i in indices]))
            found.setdefault("targets", []).append(clips.targets[indices])
            for batch, chosen in most_active(explainer, x, rules):
                found.setdefault("whole", []).append(_scores(model, x[batch]))
                for condition, left in _left(model, x[batch], chosen, conditions):
                    found.setdefault(_name(condition), []).append(left.swapaxes(0, 1))
                for rule, at in chosen.at.items():
                    dead[rules.index(rule)] += chosen.made.dead[at].sum(dim=1).cpu().numpy()
        same = {"dead": dead, "split": np.array([clips.dataset, clips.splits[0]])}
        return same | {name: np.concatenate(some) for name, some in found.items()}

    return [
        kept.arrays(name, partial(scored, load, count))
        for name, load, count in by_part(parts, kept, progress)
    ]


def _rules(conditions: Sequence[Condition]) -> list[str]:
    return list(dict.fromkeys(condition.rule for condition in conditions))


def _name(condition: Condition) -> str:
    return f"{condition.rule} {condition.rescaled}"


def _metrics(targets: np.ndarray, scores: np.ndarray, counts: Counts) -> list[dict[str, Any]]:
    """Return rows of the metrics of ranking."""
    return [row for row in measured(targets, scores, counts)[1] if row["metric"] != "accuracy"]


def _left(
    model: SoundModel, x: Tensor, chosen: Chosen, conditions: Sequence[Condition]
) -> Iterator[tuple[Condition, np.ndarray]]:
    """Yield each condition with the scores of its residuals, (layer, clip, class).

    Residuals that several conditions share go through the model once.
    """
    for rescaled in sorted({condition.rescaled for condition in conditions}):
        alike = [condition for condition in conditions if condition.rescaled == rescaled]
        at = torch.stack([chosen.at[condition.rule] for condition in alike])
        wanted, at = at.unique(return_inverse=True)
        left = residual(x[chosen.clips[wanted]], chosen.made.signals[wanted], rescaled)
        scores = np.concatenate([_scores(model, batch) for batch in left.split(len(x))])
        yield from zip(alike, scores[at.cpu().numpy()], strict=True)


def _scores(model: SoundModel, x: Tensor) -> np.ndarray:
    return model(x).float().cpu().numpy()
