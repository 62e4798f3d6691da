"""Specificity: how strongly each filter's sonifications excite it, and their share in one source.

The gallery shows it on each card. Stimulation measures the most active filter of every clip.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sonify.data.audio.pcm import decode
from sonify.data.clips import Clips
from sonify.data.mined import centre, centres
from sonify.evaluation.measurements.scoring import Counter
from sonify.evaluation.measurements.stems import read_stems
from sonify.evaluation.measurements.stimulation import answer
from sonify.evaluation.metrics import surrogates
from sonify.evaluation.metrics.separation import Sources, power
from sonify.models.checkpoint import ModelCard
from sonify.sonification.explainer import Explainer
from sonify.sonification.selected import filter_activity

_KEYS = ["dataset", "split", "clip_id", "layer", "filter", "rank"]


@torch.no_grad()
def specificity_table(
    explainer: Explainer,
    card: ModelCard,
    parts: Iterable[Clips],
    sonifications: Iterable[pd.DataFrame],
    lengths: pd.Series,
    *,
    rule: str,
    stems: Path | None = None,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the specificity table of one model: a row for each filter, top clip and sound.

    `sonifications` yields the rows of that table, a few at a time; `lengths` gives the samples
    mined of each of their clips, by clip_id, whose centres are read from `parts` of the split.
    Activity follows mining's `rule`, on the maps before the pool. `stems` is a folder with stems of
    some of the clips. `progress` is called with the number of sonifications done. Raises
    SonifyError as `centres` and `read_stems` do.
    """
    whole: dict[str, int] = {}
    stored = centres(_noted(parts, whole), lengths)
    sources = _Mixtures(stems, stored, whole)
    heard = partial(_heard, explainer, stored, sources, rule, device)
    rows, done = [], 0
    for some in sonifications:
        for (layer, _), alike in some.groupby(["layer", "n_samples"]):
            rows.append(heard(int(layer), alike))
            done += len(alike)
            if progress:
                progress(done)
    table = pd.concat(rows, ignore_index=True)
    counts = dict(enumerate(explainer.filters, start=1))
    return table.assign(n_filters=table["layer"].map(counts), **card.keys)


class _Mixtures:
    """The stems of the mined part of clips, read once each."""

    def __init__(
        self, folder: Path | None, stored: Mapping[str, np.ndarray], whole: Mapping[str, int]
    ) -> None:
        self._folder, self._stored, self._whole = folder, stored, whole
        self._known: dict[str, Sources | None] = {}

    def best_share(self, clip_id: str, sound: np.ndarray) -> float:
        """Return the fraction of a sound in its best source; NaN for silence and without stems."""
        if clip_id not in self._known:
            self._known[clip_id] = self._read(clip_id)
        sources = self._known[clip_id]
        return float("nan") if sources is None else float(sources.shares(power(sound)).max())

    def _read(self, clip_id: str) -> Sources | None:
        if self._folder is None:
            return None
        stems = read_stems(self._folder, clip_id, self._whole[clip_id])
        n = len(self._stored[clip_id])
        return None if stems is None else Sources(np.stack([centre(stem, n) for stem in stems]))


def _noted(parts: Iterable[Clips], whole: dict[str, int]) -> Iterator[Clips]:
    """Yield the parts, and note the length of each clip in `whole`."""
    for clips in parts:
        whole.update(zip(clips.ids, clips.lengths.tolist(), strict=True))
        yield clips


def _heard(
    explainer: Explainer,
    stored: Mapping[str, np.ndarray],
    sources: _Mixtures,
    rule: str,
    device: torch.device | str,
    layer: int,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    """Return a row for each sound and each of `rows`, sonifications of one layer and length."""
    at, clips = pd.factorize(rows["clip_id"])
    x = torch.from_numpy(decode(np.stack([stored[clip] for clip in clips]))).to(device)
    made = [decode(pcm) * np.float32(peak) for pcm, peak in zip(rows.pcm, rows.peak, strict=True)]
    s = torch.from_numpy(np.stack(made)).to(device)
    phases = surrogates.draw_phases(rows["dataset"].iloc[0], list(clips), x.shape[1])[at]
    noise = surrogates.phase_randomised(s, phases.to(s.device))
    noise = surrogates.matched(noise, surrogates.energy(s))
    active_on = partial(filter_activity, explainer, layer=layer, rule=rule, pooled=False)
    sounds = {"clip": x[at], "sonification": s, "phase": noise}
    active = {"clip": active_on(x)[at], "sonification": active_on(s), "phase": active_on(noise)}
    filters = torch.tensor(rows["filter"].to_numpy(), device=x.device).unsqueeze(1)
    on_clip = active["clip"].gather(1, filters).squeeze(1).double()
    frames = []
    for name, every in active.items():
        columns = answer(every, filters, on_clip, on_clip > 0)
        frame = rows[_KEYS].assign(**{key: v.cpu().numpy() for key, v in columns.items()})
        heard = sounds[name].cpu().numpy()
        shares = [sources.best_share(c, h) for c, h in zip(rows["clip_id"], heard, strict=True)]
        frames.append(frame.assign(sound=name, best_share=shares))
    return pd.concat(frames, ignore_index=True)
