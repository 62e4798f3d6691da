"""The deconvnet and its rivals, clip by clip: how special their sounds are, and their metrics."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.data.clips import Clips
from sonify.evaluation.measurements.invariance import (
    correlation,
    drawn,
    returned,
    silence_margin,
)
from sonify.evaluation.measurements.rival_sounds import (
    SONIFICATION,
    SOUNDS,
    Heard,
    Method,
    Methods,
    heard,
)
from sonify.evaluation.measurements.scoring import Counter, measured
from sonify.evaluation.measurements.stems import read_stems
from sonify.evaluation.measurements.stimulation import responses
from sonify.evaluation.metrics import surrogates
from sonify.evaluation.metrics.bootstrap import resamples
from sonify.evaluation.metrics.coherence import mean_topk_coherence
from sonify.evaluation.metrics.concision import complexity, sparseness
from sonify.evaluation.metrics.faithfulness import faithfulness
from sonify.evaluation.metrics.rank_correlation import rank_correlation
from sonify.evaluation.metrics.segments import NPERSEG
from sonify.evaluation.metrics.separation import Sources, power
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.sonification.methods import DEFAULT
from sonify.sonification.on_layers import OnLayers
from sonify.sonification.selected import MOST_ACTIVE, clip_activity, layer_activity


class Tables(NamedTuple):
    """The tables rivals and rivals_removal."""

    rivals: pd.DataFrame
    removal: pd.DataFrame


@dataclass(frozen=True)
class Clip:
    """A clip that is measured, whole: waveform (time,), and its stems, None if there are none."""

    dataset: str
    split: str
    clip_id: str
    waveform: np.ndarray
    targets: np.ndarray
    sources: Sources | None


@torch.no_grad()
def rivals_tables(
    model: SoundModel,
    card: ModelCard,
    sizes: dict[Path, int],
    stems: Path | None,
    *,
    clips: int,
    layers: Sequence[int],
    shift: int,
    rule: str,
    top_k: int = 5,
    nperseg: int = NPERSEG,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> Tables:
    """Return both tables of one model on `clips` clips of one split, drawn alike for every model.

    sizes: its parts (`part_sizes`). stems: the folder of the clips' stems, None if there are none.
    shift: delay in samples of `delay_correlation`. rule: chooses the most active map. progress is
    called with the number of clips done, each counted once per method. Raises SonifyError for a
    layer that does not exist, an unknown rule, and as `read_stems` does.
    """
    measured_clips = [_clip(part, i, stems) for part, i in drawn(sizes, clips)]
    waveforms = [torch.from_numpy(c.waveform)[None].to(device) for c in measured_clips]
    whole = [_scores(model, x) for x in waveforms]
    phases = [
        surrogates.draw_phases(c.dataset, [c.clip_id], len(c.waveform)).to(device)
        for c in measured_clips
    ]
    every = Methods(model, card, layers, device)
    margin = silence_margin(card.architecture)
    rows: list[pd.DataFrame] = []
    scores: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    scores[DEFAULT, "clip"] = [of_clip[None] for of_clip in whole]
    first: list[tuple[Tensor, int]] = []  # energies and costs of the deconvnet
    for name in every.names:
        method = every[name]
        for at, (clip, x) in enumerate(zip(measured_clips, waveforms, strict=True)):
            energies = None if name == DEFAULT else first[at][0]
            made = heard(method, x, rule, phases[at], energies)
            if name == DEFAULT:
                first.append((surrogates.energy(made.made.signals), made.cost))
            table = _responses(method.trained, x, made, rule)
            measures = []
            for sound, signals in made.sounds.items():
                left = _scores(model, x - signals)
                scores[name, sound].append(left[:, None])
                measures.append(
                    _measures(clip, signals, top_k, nperseg)
                    | _faithful(whole[at], _scores(model, signals), left)
                )
            for column in measures[0]:
                table[column] = np.concatenate([m[column] for m in measures])
            own = table["sound"] == SONIFICATION
            how = ([0, shift], margin, rule, max_samples, device)
            both = returned(method.trained, clip.waveform, *how).signals
            table.loc[own, "delay_correlation"] = correlation(*both)
            table.loc[own, "randomised_correlation"] = _randomised(method, x, made, rule)
            table.loc[own, "cost"] = made.cost / first[at][1]
            table["layer"] = np.array(layers)[table["layer"] - 1]
            place = {"dataset": clip.dataset, "split": clip.split, "clip_id": clip.clip_id}
            rows.append(table.assign(method=name, **place))
            if progress:
                progress(len(rows))
    return Tables(
        pd.concat(rows, ignore_index=True).assign(**card.keys),
        _removal(measured_clips, scores, layers).assign(**card.keys),
    )


def _clip(part: Clips, i: int, stems: Path | None) -> Clip:
    waveform = part.waveform(i)
    found = None if stems is None else read_stems(stems, part.ids[i], len(waveform))
    sources = None if found is None else Sources(found)
    place = part.dataset, part.splits[i], part.ids[i]
    return Clip(*place, waveform, part.targets[i], sources)


def _removal(
    clips: Sequence[Clip],
    scores: dict[tuple[str, str], list[np.ndarray]],
    layers: Sequence[int],
) -> pd.DataFrame:
    """Return mAP after removal by method and sound, from scores, (layer, clip, class) in parts.

    The sound clip stands for the untouched clips, at layer 0.
    """
    place = {"dataset": clips[0].dataset, "split": clips[0].split}
    counts = resamples(place["dataset"], place["split"], [clip.clip_id for clip in clips])
    truth = np.stack([clip.targets for clip in clips])
    rows = []
    for (name, sound), parts in scores.items():
        numbers = [0] if sound == "clip" else layers
        for layer, left in zip(numbers, np.concatenate(parts, axis=1), strict=True):
            row = next(r for r in measured(truth, left, counts)[1] if r["metric"] == "mAP")
            named = {"method": name, "sound": sound, "layer": layer}
            rows.append({**place, **named, **row, "n_clips": len(clips)})
    return pd.DataFrame(rows)


def _responses(explainer: OnLayers, x: Tensor, made: Heard, rule: str) -> pd.DataFrame:
    """Return rows of how strongly each sound excites the filter that it sonifies."""
    whole = clip_activity(explainer, x, rule)
    played = {n: layer_activity(explainer, s[:, None], rule) for n, s in made.sounds.items()}
    rows = responses(played, whole, made.made.filters, MOST_ACTIVE)
    order = rows["sound"].map(SOUNDS.index)
    rows = rows.iloc[np.lexsort((rows["layer"], order))].reset_index(drop=True)
    return rows[["layer", "sound", "filter", "response", "leads", "dead"]].copy()


def _measures(clip: Clip, signals: Tensor, top_k: int, nperseg: int) -> dict[str, np.ndarray]:
    """Return the measures of sounds, (layer, time), alone or against their clip."""
    s, x, sources = signals.cpu().numpy(), clip.waveform[None], clip.sources
    powers = [power(sound) for sound in s]
    return {
        "coherence": mean_topk_coherence(x, s, top_k, nperseg, np.zeros(len(s), int)),
        "best_share": np.array([sources.shares(p).max() if sources else np.nan for p in powers]),
        "sparseness": np.array([sparseness(np.sqrt(p)) for p in powers]),
        "complexity": np.array([complexity(np.sqrt(p)) for p in powers]),
    }


def _faithful(whole: np.ndarray, alone: np.ndarray, left: np.ndarray) -> dict[str, np.ndarray]:
    return faithfulness(np.repeat(whole, len(alone), axis=0), alone, left)._asdict()


def _randomised(method: Method, x: Tensor, made: Heard, rule: str) -> list[float]:
    """Return the similarity of sounds to those of a layer with random weights, by layer.

    The rank correlation of the magnitudes of their short-time spectra (Adebayo et al. 2018).
    """
    found = []
    for signal, other in zip(made.made.signals[:, 0], method.mixed, strict=True):
        again = other.most_active(x, rule).signals[0, 0]
        both = (power(s.cpu().numpy()) for s in (signal, again))
        found.append(rank_correlation(*both))
    return found


def _scores(model: SoundModel, x: Tensor) -> np.ndarray:
    return model(x).float().cpu().numpy()
