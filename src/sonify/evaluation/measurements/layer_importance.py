"""Layer importance (appendix B, Figure 4): scores of probes on the first layers of an encoder."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import Clips, parts
from sonify.data.stored import StoredClips, clip_ids, stored
from sonify.evaluation.measurements.scoring import measured, whole_clips
from sonify.evaluation.metrics.bootstrap import resamples
from sonify.models.checkpoint import ModelCard, digest
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.training import backgrounds
from sonify.training.probes import Probing, named, train_probes
from sonify.training.resume import Saver
from sonify.training.validation import centre_crops

# Names of clips, their targets, (clip, class), and waveforms, (clip, time).
Batch = tuple[list[str], np.ndarray, Tensor]


@dataclass(frozen=True)
class ScoredClips:
    """The split that probes are scored on; `batches` opens its clips anew at each call.

    identity: its clips and how they are cut, as JSON.
    """

    dataset: str
    split: str
    classes: list[str]
    batches: Callable[[], Iterator[Batch]]
    identity: Any = None


def scored_clips(
    folder: Path,
    split: str,
    crop_s: float | None,
    max_samples: int,
    device: torch.device | str = "cpu",
) -> ScoredClips:
    """Return a split of the prepared dataset in `folder`: whole clips, or `crop_s` seconds of each.

    Crops are from the centre of a clip; shorter clips are repeated to length. A batch has at most
    `max_samples` samples in all, and at least one clip. Raises SonifyError as `stored` does.
    """
    clips = stored(folder, [split])

    def batches() -> Iterator[Batch]:
        if crop_s is None:
            return whole_batches(parts(folder, [split]), max_samples, device)
        ids = clip_ids(folder, [split])
        return centre_batches(clips, ids, round(crop_s * RATE_HZ), max_samples, device)

    identity = [clips.identity, crop_s, max_samples]
    return ScoredClips(clips.dataset, split, clips.classes, batches, identity)


def whole_batches(
    some: Iterable[Clips], max_samples: int, device: torch.device | str = "cpu"
) -> Iterator[Batch]:
    """Yield the clips of some parts whole, each batch of one length."""
    for clips, indices, x in whole_clips(some, max_samples, device):
        yield [clips.ids[i] for i in indices], clips.targets[indices], x


def centre_batches(
    clips: StoredClips,
    ids: list[str],
    samples: int,
    max_samples: int,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """Yield the `centre_crops` of all clips, whose names are `ids`."""
    size = max(1, max_samples // samples)
    for at, crops in centre_crops(clips, np.arange(len(clips)), samples):
        for first in range(0, len(at), size):
            some = slice(first, first + size)
            yield [ids[i] for i in at[some]], clips.targets(at[some]), crops[some].to(device)


def passes(probing: Probing) -> int:
    """Count the passes over clips of the table below: each training's epochs, and its scoring."""
    return len(probing.trainings) * (probing.recipe.epochs + 1)


def layer_importance_table(
    probing: Probing,
    start: tuple[SoundModel, ModelCard],
    clips: StoredClips,
    scored: ScoredClips,
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[int, str], None] | None = None,
    saver: Saver | None = None,
) -> pd.DataFrame:
    """Return the layer importance table of one pretrained model: its probes trained on `clips`.

    `progress` is called with the `passes` done and a note. With a `saver`, a killed job resumes: it
    repeats neither scored probes nor epochs before the last checkpoint. Raises SonifyError as
    `train_probes` and `scoring.measured` do.
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
    done, kept = 0, {}
    if saver:
        saver.begin(
            {
                "configuration": [asdict(run), probing.seed, asdict(probing.recipe), keys],
                "clips": [clips.identity, scored.identity],
                "backgrounds": backgrounds.identity(probing.recipe.augmentation.background_folder),
                "weights to start from": digest(model.encoder),
                "torch or device": [torch.__version__, torch.device(device).type],
            }
        )
        files = {layers: saver.place / f"{named(layers)}.parquet" for layers in probing.trainings}
        kept = {k: tables.read(f, "layer_importance") for k, f in files.items() if f.is_file()}
        done = len(kept) * (probing.recipe.epochs + 1)

    def count(note: str) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, note)

    how: dict[str, Any] = {"device": device, "progress": count, "saver": saver}
    left = [layers for layers in probing.trainings if layers not in kept]
    trained = train_probes(probing, model.encoder, clips, **how, without=set(kept))
    for layers, probes in zip(left, trained, strict=True):
        kept[layers] = _scores(probes, probes.layers, scored).assign(**keys)
        if saver:
            tables.write(kept[layers], files[layers], "layer_importance")
            saver.file.unlink(missing_ok=True)
        count("")
    return pd.concat([kept[layers] for layers in probing.trainings], ignore_index=True)


def whole_encoder_table(model: SoundModel, card: ModelCard, scored: ScoredClips) -> pd.DataFrame:
    """Return the layer importance table of a finetuned classifier, with no layer removed.

    Its only rows are those of the whole encoder: the dashed lines of Figure 4.

    Raises SonifyError for a model with other classes, and as `scoring.measured` does.
    """
    if list(card.classes) != scored.classes:
        raise SonifyError(
            f"model {card.model} knows other classes than {scored.dataset} has: train it on "
            f"{scored.dataset} first"
        )
    table = _scores(lambda x: model(x)[None], [card.architecture.whole], scored)
    return table.assign(**card.keys)


@torch.no_grad()
def _scores(
    logits_of: Callable[[Tensor], Tensor], layers: Sequence[int], scored: ScoredClips
) -> pd.DataFrame:
    """The metrics after each of `layers`, of logits (layer, clip, class) from one forward pass."""
    ids, targets, logits = [], [], []
    for names, truth, x in scored.batches():
        ids += names
        targets.append(truth)
        logits.append(logits_of(x).float().cpu().numpy())
    truth, scores = np.concatenate(targets), np.concatenate(logits, axis=1)
    counts = resamples(scored.dataset, scored.split, ids)
    rows = []
    for layer, of_layer in zip(layers, scores, strict=True):
        ranking, metrics = measured(truth, of_layer, counts)
        shared = {"dataset": scored.dataset, "split": scored.split, "layer": layer}
        clips = {"n_clips": ranking.n_clips, "prevalence": ranking.prevalence}
        rows += [{**shared, **row, **clips} for row in metrics]
    return pd.DataFrame(rows)
