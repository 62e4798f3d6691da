"""Some of the layers of an explainer, for measurements on only these."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sonify.sonification.explainer import Explainer, Sonifications
from sonify.sonification.grid import Grid
from sonify.sonification.requests import check_layer, requests


@dataclass(frozen=True)
class Recorded:
    """Maps of the layers chosen, and the full record they come from."""

    maps: list[Tensor]
    whole: Any


class OnLayers(Explainer[Recorded]):
    """An explainer of the layers chosen, renumbered from 1.

    `layers` are those of `explainer`, ascending; nothing deeper is run. Raises SonifyError for one
    that does not exist.
    """

    def __init__(self, explainer: Explainer, layers: Sequence[int]) -> None:
        for layer in layers:
            check_layer(layer, explainer.n_layers)
        self.explainer, self.layers = explainer, tuple(layers)

    @property
    def filters(self) -> tuple[int, ...]:
        """Number of filters of each layer chosen."""
        return tuple(self.explainer.filters[layer - 1] for layer in self.layers)

    def grids(self, pooled: bool = True) -> tuple[Grid, ...]:
        """Return where the frames of the layers chosen stand."""
        every = self.explainer.grids(pooled)
        return tuple(every[layer - 1] for layer in self.layers)

    def maps(self, x: Tensor, pooled: bool = True) -> Iterator[Tensor]:
        """Yield the feature maps of the layers chosen."""
        every = enumerate(self.explainer.maps(x, pooled), start=1)
        for wanted in self.layers:
            yield next(maps for layer, maps in every if layer == wanted)

    def forward(self, x: Tensor, layers: int | None = None) -> Recorded:
        """Run x as far as the last of the first `layers` chosen (None: all), and record it."""
        chosen = self.layers[:layers]
        record = self.explainer.forward(x, chosen[-1])
        return Recorded([record.maps[layer - 1] for layer in chosen], record)

    def render_from(
        self, record: Recorded, x: Tensor, layers: int | Tensor, clips: Tensor, filters: Tensor
    ) -> Sonifications:
        """Sonify maps of the layers chosen, by their new numbers."""
        asked = requests(x, self.filters[: len(record.maps)], layers, clips, filters)
        own = torch.tensor(self.layers, device=x.device)[asked.layers - 1]
        return self.explainer.render_from(record.whole, x, own, asked.clips, asked.filters)
