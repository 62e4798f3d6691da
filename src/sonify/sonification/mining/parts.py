"""Mining of a split one stored part at a time, so that it can be resumed and shared."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pandas as pd
import torch

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.by_part import Counter, by_part
from sonify.data.clips import Clips, Part, length_buckets
from sonify.data.kept import Kept
from sonify.data.mined import mined
from sonify.models.checkpoint import ModelCard
from sonify.runtime.errors import SonifyError
from sonify.sonification.explainer import Explainer
from sonify.sonification.mining.top_activations import TopActivations, observe
from sonify.sonification.settings import Mining

TABLE = "top_activations"
_CLIP = ["clip_id", "dataset", "split", "n_samples"]


def mine_parts(
    explainer: Explainer,
    card: ModelCard,
    parts: Iterable[Clips | Part],
    *,
    top: int,
    **how: Any,
) -> pd.DataFrame:
    """Return the top_activations table of a model: the `top` clips of every filter of a split.

    `explainer` is built for the model; `parts` are the stored parts of the split; the other
    arguments are those of `candidates`. Raises SonifyError as that does, and if no clip is left.

    The table is bit-identical however the parts are shared and however often a job was killed, for
    the same parts, `max_samples`, device and torch version; other batches may differ in the last
    bits of a float32.
    """
    merged, clips = TopActivations(explainer.filters, top), _clips()
    for table in candidates(explainer, card, parts, top=top, **how):
        merged.merge(table)
        # Of the clips that are still among the best: all candidates of all parts would be many.
        frames = clips, table[_CLIP].drop_duplicates("clip_id")
        clips = pd.concat([frame for frame in frames if len(frame)] or [clips])
        clips = clips[clips["clip_id"].isin(set(merged.clips.ravel()))]
    if not len(clips):
        raise SonifyError(
            "sonification.mining.exclude_labels leaves no clip to mine: name fewer labels"
        )
    return _table(merged, explainer, card, clips)


def candidates(
    explainer: Explainer,
    card: ModelCard,
    parts: Iterable[Clips | Part],
    *,
    top: int,
    mining: Mining,
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
    kept: Kept | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield the top_activations table of each part, as if it were the split.

    `mining` says which clips are mined, which stretch of each, and how they are ranked; batches
    hold at most `max_samples` samples. Parts that `kept` has are not mined again. `progress` is
    called with the number of clips done. Raises SonifyError as `mined` does.
    """
    kept = kept or Kept()

    def of_part(load: Callable[[], Clips], count: Counter) -> pd.DataFrame:
        miner, clips, seen = TopActivations(explainer.filters, top), _clips(), 0
        for part in mined([load()], mining.exclude_labels, mining.crop_s):
            clips = _clips(part)
            for indices in length_buckets(part.lengths, max_samples):
                x = torch.from_numpy(part.whole(indices)).to(device)
                observe(miner, explainer, x, [part.ids[i] for i in indices], mining.rule)
                seen += len(indices)
                count(seen)
        return tables.checked(_table(miner, explainer, card, clips), TABLE).to_pandas()

    for name, load, count in by_part(parts, kept, progress):
        yield kept.table(name, TABLE, partial(of_part, load, count))


def _clips(part: Clips | None = None) -> pd.DataFrame:
    """Return the mined clips of a part as they are mined, one row each."""
    if part is None:
        return pd.DataFrame(columns=_CLIP)
    values = part.ids, part.dataset, part.splits, part.lengths
    return pd.DataFrame(dict(zip(_CLIP, values, strict=True)))


def _table(
    miner: TopActivations, explainer: Explainer, card: ModelCard, clips: pd.DataFrame
) -> pd.DataFrame:
    """The candidates with the facts of their clips, and the times of their maxima."""
    grids = explainer.grids(pooled=False)
    table = miner.table().merge(clips, on="clip_id", how="left", validate="m:1")
    at = zip(table["layer"], table["frame"], table["n_samples"], strict=True)
    times = [grids[layer - 1].centre(frame, n) / RATE_HZ for layer, frame, n in at]
    return table.assign(time_s=times, **card.keys)
