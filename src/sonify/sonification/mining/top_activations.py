"""Top-k mining (section 3.3): the clips that activate each filter most.

One pass over a dataset, keeping k candidates per filter. No feature map and no switch index is
stored: the few winning clips run again when they are sonified.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sonify.runtime.errors import SonifyError
from sonify.sonification.activity import activity
from sonify.sonification.explainer import Explainer

_CANDIDATE = ("filter", "activation", "frame", "clip_id", "score")  # as `update` takes them


class TopActivations:
    """Streaming, exact top-k per (layer, filter): largest score, ties by clip id.

    Any order and any batching of the clips gives the same result, and so does merging the tables of
    any partition of the clips. Each clip must be added once. `filters` is the number of filters of
    each layer. Raises SonifyError if k is below 1. Scores are the activations unless given
    separately.

    >>> import numpy as np
    >>> from sonify.api import TopActivations
    >>> top = TopActivations(filters=[2], k=1)  # one layer of two filters
    >>> both = np.array([0, 1])
    >>> top.update(1, both, np.array([0.5, 2.0]), frames=np.array([7, 3]), clip_ids=["a", "a"])
    >>> top.update(1, both, np.array([0.9, 1.0]), frames=np.array([1, 4]), clip_ids=["b", "b"])
    >>> print(top.table()[["layer", "filter", "rank", "clip_id", "activation", "frame"]])
       layer  filter  rank clip_id  activation  frame
    0      1       0     1       b         0.9      1
    1      1       1     1       a         2.0      3
    """

    def __init__(self, filters: Sequence[int], k: int = 3) -> None:
        if k < 1:
            raise SonifyError(f"top is {k}: keep at least one clip per filter")
        self.k = k
        # Index of each layer's first filter among all filters.
        self.firsts = np.cumsum([0, *filters])
        self.layers = np.repeat(np.arange(1, len(filters) + 1), filters)
        self.filters = np.concatenate([np.arange(n) for n in filters])
        # Candidates, (filter of any layer, k), best first; score -inf where there is none yet.
        shape = (len(self.filters), k)
        self.scores = np.full(shape, -np.inf)
        self.activations = np.zeros(shape)
        self.frames = np.zeros(shape, np.int64)
        self.clips = np.full(shape, "", object)

    def entering(
        self, layer: int, scores: np.ndarray, clip_ids: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the clip and filter indices, (entry,), of scores that may be among the k best.

        scores is (clip, filter of the layer). Late in a pass hardly any are returned. Raises
        SonifyError for a shape that does not fit or a value that is not finite.
        """
        of_layer = slice(*self.firsts[layer - 1 : layer + 1])
        worst, holders = self.scores[of_layer, -1], self.clips[of_layer, -1]
        if scores.shape != (len(clip_ids), len(worst)):
            raise SonifyError(f"scores {scores.shape}: expected {(len(clip_ids), len(worst))}")
        if not np.isfinite(scores).all():
            bad = clip_ids[int(np.argwhere(~np.isfinite(scores))[0, 0])]
            raise SonifyError(
                f"clip {bad}: an activation is not finite; check that training was stable"
            )
        enter = scores > worst
        # A dead filter ties with its candidates in every batch: then the lower clip id enters.
        tied = np.nonzero(scores == worst)
        enter[tied] = np.asarray(clip_ids, object)[tied[0]] < holders[tied[1]]
        if len(scores) > self.k:  # early in a pass all would enter: of a batch, k can stay
            enter &= scores >= np.partition(scores, -self.k, axis=0)[-self.k]
        clips, filters = np.nonzero(enter)
        return clips, filters

    def update(
        self,
        layer: int | np.ndarray,
        filters: np.ndarray,
        activations: np.ndarray,
        frames: np.ndarray,
        clip_ids: Sequence[str] | np.ndarray,
        scores: np.ndarray | None = None,
    ) -> None:
        """Add candidates, (entry,) each: filter, activation, its frame, clip, score.

        `layer` is one for all, or one for each. Without scores, activations are ranked.
        """
        if not len(filters):
            return
        scores = activations if scores is None else scores
        touched, row = np.unique(self.firsts[layer - 1] + filters, return_inverse=True)
        clips = np.asarray(clip_ids, object)
        order = np.lexsort((clips.astype(str), -scores, row))
        row = row[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)  # 0 for a filter's best
        shape = (len(touched), min(self.k, int(place.max()) + 1))
        best = place < self.k
        at, order = (row[best], place[best]), order[best]
        new = (
            np.full(shape, -np.inf),
            np.zeros(shape),
            np.zeros(shape, np.int64),
            np.full(shape, "", object),
        )
        for held, given in zip(new, (scores, activations, frames, clips), strict=True):
            held[at] = given[order]
        self._keep(touched, *new)

    def merge(self, table: pd.DataFrame) -> None:
        """Add a table of candidates of the same model over other clips (see `table`).

        Raises SonifyError for a filter that the model does not have.
        """
        for layer, rows in table.groupby("layer"):
            known = 1 <= layer < len(self.firsts)
            if not known or rows["filter"].max() >= np.diff(self.firsts)[layer - 1]:
                raise SonifyError(
                    f"candidates are of another model: layer {layer} has other filters; mine again"
                )
            columns = (rows[c].to_numpy() for c in _CANDIDATE)
            self.update(int(layer), *columns)

    def table(self) -> pd.DataFrame:
        """Return columns layer, filter, rank, clip_id, score, activation, frame, dead.

        k rows per filter. A filter is dead on a clip when its activation is zero; fewer clips than
        k give fewer rows.
        """
        n, k = self.activations.shape
        table = pd.DataFrame(
            {
                "layer": np.repeat(self.layers, k),
                "filter": np.repeat(self.filters, k),
                "rank": np.tile(np.arange(1, k + 1), n),
                "clip_id": self.clips.ravel().astype(str),
                "score": self.scores.ravel(),
                "activation": self.activations.ravel(),
                "frame": self.frames.ravel(),
                "dead": self.activations.ravel() == 0,
            }
        )
        return table[table["score"] > -np.inf].reset_index(drop=True)

    def _keep(
        self,
        at: np.ndarray,
        scores: np.ndarray,
        activations: np.ndarray,
        frames: np.ndarray,
        clips: np.ndarray,
    ) -> None:
        """Keep the k best of kept and new candidates, (at, n), for the filters `at`."""
        scores = np.concatenate([self.scores[at], scores], axis=1)
        clips = np.concatenate([self.clips[at], clips], axis=1)
        # Sort by clip id first, then stably by falling score: the id decides among equals.
        by_id = np.argsort(clips.astype(str), axis=1, kind="stable")
        order = np.take_along_axis(scores, by_id, 1)
        by_score = np.argsort(-order, axis=1, kind="stable")[:, : self.k]
        chosen = np.take_along_axis(by_id, by_score, 1)
        activations = np.concatenate([self.activations[at], activations], axis=1)
        frames = np.concatenate([self.frames[at], frames], axis=1)
        self.scores[at] = np.take_along_axis(scores, chosen, 1)
        self.activations[at] = np.take_along_axis(activations, chosen, 1)
        self.frames[at] = np.take_along_axis(frames, chosen, 1)
        self.clips[at] = np.take_along_axis(clips, chosen, 1)


@torch.no_grad()
def observe(
    miner: TopActivations,
    explainer: Explainer,
    x: Tensor,
    clip_ids: Sequence[str],
    rule: str = "mean",
) -> None:
    """Run waveforms x, (clip, time), forward and offer every map's score to the miner.

    Maps are scored after the ReLU and before the pool, by `rule` (see `activity`). Costs a plain
    forward pass on a CPU, a few on a GPU, which waits for the bookkeeping: maxima and their frames
    are looked up only for the scores that enter.
    """
    ids, entries = np.asarray(clip_ids, object), []
    for layer, h in enumerate(explainer.maps(x, pooled=False), start=1):
        scores = activity(h, rule).cpu().numpy()
        clips, filters = miner.entering(layer, scores, clip_ids)
        at = torch.from_numpy(clips).to(h.device), torch.from_numpy(filters).to(h.device)
        largest, frames = h[at].max(dim=-1)
        entered = scores[clips, filters].astype(np.float64)
        maxima = largest.cpu().numpy().astype(np.float64)
        layers = np.full(len(filters), layer)
        entries.append((layers, filters, maxima, frames.cpu().numpy(), ids[clips], entered))
    # All layers at once: sorting a few candidates costs as much as sorting one.
    columns = [np.concatenate(column) for column in zip(*entries, strict=True)]
    miner.update(*columns)
