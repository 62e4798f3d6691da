"""Evolution of features over training (section 3.4, Figure 5): filters at every kept checkpoint.

Each filter is sonified for the clip that excites it most at the end of training (`fixed`, as in
the paper) and for the one that does so at the checkpoint itself (`own`, as Zeiler and Fergus did).

The change from one checkpoint to the next is the total variation distance of the normalised power
spectra of the whole sonifications. Spectra are comparable across clips and lengths; normalising
removes the clip's own level; and the distance has no free parameter (a logarithm would need a
floor) and a plain meaning: the fraction of the power that moved.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from scipy import signal

from sonify.data.audio.pcm import decode, encode_each, samples
from sonify.data.clips import Clips
from sonify.evaluation.measurements.scoring import Counter, whole_clips
from sonify.evaluation.metrics.spectra import spectral_shape
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator
from sonify.sonification.activity import activity
from sonify.sonification.explainer import Explainer
from sonify.sonification.methods import DEFAULT, build_explainer

NPERSEG = 256  # bins of 31 Hz
_FILTER = ["layer", "filter"]


def evolution_table(
    load: Callable[[int], tuple[SoundModel, ModelCard]],
    epochs: Sequence[int],
    top: pd.DataFrame,
    parts: Callable[[], Iterable[Clips]],
    *,
    layers: Sequence[int],
    filters_per_layer: int,
    rule: str = "mean",
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the evolution table of one model over the checkpoints kept after `epochs`.

    `load` returns a checkpoint; `top` is the model's top_activations table; `parts` opens the mined
    clips of the split (`data.mined`), and `rule` ranked them.

    `filters_per_layer` filters of each layer are drawn at random by the model's run and seed. A
    filter that is dead at a checkpoint gives silence there; one that is dead at the end keeps its
    first-ranked clip. All clips run through every checkpoint once; `progress` is called with the
    number of checkpoints done. Raises SonifyError when nothing was kept, for a layer or a number of
    filters that the model does not have, and for top activations of another model or split.
    """
    if not epochs:
        raise SonifyError("the model keeps no checkpoints: set checkpoints in its recipe")
    _, card = load(epochs[-1])
    drawn = _drawn(card, layers, filters_per_layer)
    first = top[(top["model"] == card.model) & (top["rank"] == 1)]
    fixed = drawn.merge(first[[*_FILTER, "clip_id"]], on=_FILTER, validate="1:1")
    if len(fixed) < len(drawn):
        raise SonifyError(f"the top activations lack filters of model {card.model}: mine it again")

    def explainer(epoch: int) -> Explainer:
        return build_explainer(method, load(epoch)[0], precision=precision, layers=max(layers))

    requests = []
    for done, epoch in enumerate(epochs, start=1):
        maxima = _maxima(explainer(epoch), parts(), drawn, rule, max_samples, device)
        requests.append(_requests(maxima, fixed).assign(epoch=epoch))
        if progress:
            progress(done)
    requests = pd.concat(requests)
    clips = _collected(parts(), set(requests["clip_id"]))
    made = []
    for epoch, rows in requests.groupby("epoch"):
        at = explainer(int(epoch))
        made += [_sonified(at, *clips[c], some, device) for c, some in rows.groupby("clip_id")]
    table = pd.concat(made).sort_values(["inputs", *_FILTER, "epoch"])
    table["change"] = _changes(table)
    return table.drop(columns=["spectrum", "score"]).assign(**card.keys)


def power_spectrum(s: np.ndarray) -> np.ndarray:
    """Power over the whole signal s, (time,), by frequency: Welch's estimate, NPERSEG // 2 + 1 bins
    up to 4 kHz, in float64.
    """
    return signal.welch(np.asarray(s, np.float64), nperseg=NPERSEG)[1]


def spectral_change(before: np.ndarray, after: np.ndarray) -> float:
    """Return the total variation distance of two power spectra, (bin,), each normalised to sum 1.

    In [0, 1]: 0 if both are silent, 1 if only one is.
    """
    if not (before.any() and after.any()):
        return float(before.any() != after.any())
    moved = np.abs(before / before.sum() - after / after.sum()).sum() / 2
    return min(1.0, float(moved))  # rounding may pass 1 by an ulp


def _drawn(card: ModelCard, layers: Sequence[int], n: int) -> pd.DataFrame:
    """Columns layer, filter: `n` filters of each layer."""
    sizes = dict(enumerate(card.architecture.filters, start=1))
    chosen = []
    for layer in layers:
        if layer not in sizes:
            raise SonifyError(f"layers has {layer}: model {card.model} has 1 to {max(sizes)}")
        if not 1 <= n <= sizes[layer]:
            raise SonifyError(
                f"filters_per_layer is {n}: layer {layer} of model {card.model} has {sizes[layer]}"
            )
        order = generator(card.run, card.seed, "evolution", layer).permutation(sizes[layer])
        chosen += [(layer, index) for index in order[:n]]
    return pd.DataFrame(chosen, columns=_FILTER)


@torch.no_grad()
def _maxima(
    explainer: Explainer,
    parts: Iterable[Clips],
    drawn: pd.DataFrame,
    rule: str,
    max_samples: int,
    device: torch.device | str,
) -> pd.DataFrame:
    """Columns clip_id, layer, filter, score, activation: of each drawn map on each clip, before the
    pool, what ranks the clips by `rule`, and the largest value.
    """
    columns = drawn.groupby("layer")["filter"].agg(list).to_dict()
    tables = []
    for clips, indices, x in whole_clips(parts, max_samples, device):
        ids = [clips.ids[i] for i in indices]
        for layer, h in enumerate(explainer.maps(x, pooled=False), start=1):
            for index in columns.get(layer, ()):
                rows = {"clip_id": ids, "layer": layer, "filter": index}
                own = h[:, index : index + 1]
                measures = {"score": activity(own, rule), "activation": own.amax(-1)}
                values = {name: v[:, 0].cpu().numpy() for name, v in measures.items()}
                tables.append(pd.DataFrame({**rows, **values}))
    return pd.concat(tables, ignore_index=True)


def _requests(maxima: pd.DataFrame, fixed: pd.DataFrame) -> pd.DataFrame:
    """Return what to sonify at a checkpoint: the rows of maxima of the fixed clips and of each
    filter's own (ties to the lower clip id).
    """
    order = maxima.sort_values(["score", "clip_id"], ascending=[False, True])
    own = order.drop_duplicates(_FILTER).assign(inputs="own")
    kept = fixed.merge(maxima, on=[*_FILTER, "clip_id"], how="left", validate="1:1")
    if kept["activation"].isna().any():
        lost = kept.loc[kept["activation"].isna(), "clip_id"].iloc[0]
        raise SonifyError(f"clip {lost} was mined but is not in the split: mine it again")
    return pd.concat([kept.assign(inputs="fixed"), own])


def _collected(parts: Iterable[Clips], wanted: set[str]) -> dict[str, tuple[dict, np.ndarray]]:
    """Return, by clip_id, the key columns of each wanted clip and its samples, (time,) int16."""
    return {
        clip: (
            {
                "dataset": clips.dataset,
                "split": clips.splits[i],
                "labels": [clips.classes[c] for c in np.flatnonzero(clips.targets[i])],
            },
            clips.pcm(i).copy(),  # a view would keep the whole part
        )
        for clips in parts
        for i, clip in enumerate(clips.ids)
        if clip in wanted
    }


def _sonified(
    explainer: Explainer,
    keys: dict,
    pcm: np.ndarray,
    rows: pd.DataFrame,
    device: torch.device | str,
) -> pd.DataFrame:
    """Return the rows of one clip with the sonifications they request."""
    x = torch.from_numpy(decode(pcm))[None].to(device)
    layers, filters = (torch.tensor(rows[c].to_numpy()) for c in _FILTER)
    rendered = explainer.render(x, layers, torch.zeros_like(layers), filters)
    signals = rendered.signals.cpu().numpy()
    peaks, stored = encode_each(signals)
    return rows.assign(
        dataset=keys["dataset"],
        split=keys["split"],
        labels=[keys["labels"]] * len(rows),
        dead=rendered.dead.cpu().numpy(),
        scale_factor=rendered.scales.cpu().numpy().astype(np.float64),
        peak=peaks,
        n_samples=len(pcm),
        pcm=stored,
        flatness=[_flatness(s) for s in stored],
        input_pcm=[pcm.tobytes() if i == "fixed" else None for i in rows["inputs"]],
        spectrum=[power_spectrum(s) for s in signals],
    )


def _flatness(pcm: bytes) -> float:
    """Spectral flatness of a stored signal, as of filters; NaN for silence and under NPERSEG."""
    s = samples(pcm)
    return float(spectral_shape(s[None], NPERSEG).flatness[0]) if len(s) >= NPERSEG else np.nan


def _changes(table: pd.DataFrame) -> list[float]:
    """`spectral_change` of each row to the one before, NaN at the first of a filter's."""
    same = table.duplicated(["inputs", *_FILTER])
    pairs = zip(same, table["spectrum"].shift(), table["spectrum"], strict=True)
    return [spectral_change(a, b) if known else np.nan for known, a, b in pairs]
