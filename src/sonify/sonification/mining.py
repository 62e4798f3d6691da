"""Top-k mining (section 3.3): the clips that activate every filter of every layer most.

One pass over a dataset, keeping k candidates per filter; no feature map and no switch is stored:
the few winning clips are run again when they are sonified.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from sonify.sonification.deconvnet import Sonifier


class TopActivations:
    """Streaming, exact top-k per (layer, filter): largest maximum over time, ties by clip id.

    Feeding the clips in any order or batching, or merging the tables of any partition of the
    clips, gives the same result. Each clip must be fed once.
    """

    def __init__(self, filters: Sequence[int], k: int = 3) -> None:
        """`filters` is the number of filters of each layer; ValueError when k is under 1."""
        if k < 1:
            raise ValueError(f"top is {k}: keep at least one clip per filter")
        self.k = k
        self.layers = np.repeat(np.arange(1, len(filters) + 1), filters)
        self.filters = np.concatenate([np.arange(n) for n in filters])
        # Candidates, (filter of any layer, up to k): activation, frame, clip id.
        n = len(self.filters)
        self.activations = np.empty((n, 0), np.float64)
        self.frames = np.empty((n, 0), np.int64)
        self.clips = np.empty((n, 0), object)

    def update(self, maxima: np.ndarray, frames: np.ndarray, clip_ids: Sequence[str]) -> None:
        """Take in a batch: maxima and frames of the maxima are (clip, filter of any layer).

        Raises ValueError for shapes that do not fit or a value that is not finite.
        """
        shape = (len(clip_ids), len(self.filters))
        if maxima.shape != shape or frames.shape != shape:
            raise ValueError(f"maxima {maxima.shape}, frames {frames.shape}: expected {shape}")
        if not np.isfinite(maxima).all():
            bad = clip_ids[int(np.argwhere(~np.isfinite(maxima))[0, 0])]
            raise ValueError(f"clip {bad}: an activation is not finite; was training stable?")
        # The batch's own top k first, clips in id order so that ties fall right; only k + k
        # candidates per filter then need their ids compared.
        by_id = np.argsort(np.array(clip_ids, str), kind="stable")
        values = maxima[by_id].T.astype(np.float64)
        best = np.argsort(-values, axis=1, kind="stable")[:, : self.k]
        self._keep(
            np.concatenate([self.activations, np.take_along_axis(values, best, 1)], axis=1),
            np.concatenate([self.frames, np.take_along_axis(frames[by_id].T, best, 1)], axis=1),
            np.concatenate([self.clips, np.array(clip_ids, object)[by_id][best]], axis=1),
        )

    def merge(self, other: "TopActivations") -> None:
        """Take in the candidates of another miner over other clips of the same model."""
        if self.k != other.k or not np.array_equal(self.filters, other.filters):
            raise ValueError("miners of different models or different k cannot be merged")
        self._keep(
            np.concatenate([self.activations, other.activations], axis=1),
            np.concatenate([self.frames, other.frames], axis=1),
            np.concatenate([self.clips, other.clips], axis=1),
        )

    def table(self) -> pd.DataFrame:
        """Columns layer, filter, rank, clip_id, activation, frame, dead: k rows per filter.

        A filter is dead on a clip when its activation is zero; fewer clips than k give fewer rows.
        """
        n, k = self.activations.shape
        return pd.DataFrame(
            {
                "layer": np.repeat(self.layers, k),
                "filter": np.repeat(self.filters, k),
                "rank": np.tile(np.arange(1, k + 1), n),
                "clip_id": self.clips.ravel().astype(str),
                "activation": self.activations.ravel(),
                "frame": self.frames.ravel(),
                "dead": self.activations.ravel() == 0,
            }
        )

    def _keep(self, activations: np.ndarray, frames: np.ndarray, clips: np.ndarray) -> None:
        # Sort by clip id first, then stably by falling activation: the id decides among equals.
        by_id = np.argsort(clips.astype(str), axis=1, kind="stable")
        order = np.take_along_axis(activations, by_id, 1)
        by_activation = np.argsort(-order, axis=1, kind="stable")[:, : self.k]
        chosen = np.take_along_axis(by_id, by_activation, 1)
        self.activations = np.take_along_axis(activations, chosen, 1)
        self.frames = np.take_along_axis(frames, chosen, 1)
        self.clips = np.take_along_axis(clips, chosen, 1)


@torch.no_grad()
def maxima(sonifier: Sonifier, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Largest value over time of every map of every layer, and its frame; both (clip, filter).

    x is (clip, time). Filters of all layers stand side by side, first layer first.
    """
    values, frames = [], []
    h = x.unsqueeze(1)
    for block in sonifier.blocks:
        h = F.relu(block.conv(h))
        if block.pool is not None:
            h = block.pool(h)
        value, frame = h.max(dim=-1)
        values.append(value)
        frames.append(frame)
    return torch.cat(values, 1).cpu().numpy(), torch.cat(frames, 1).cpu().numpy()
