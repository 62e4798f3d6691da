"""The block `reporting` of the configuration."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from sonify.evaluation.option_types import LayerNumber, LayerNumbers, RunNames

PerLayer = Annotated[int, Meta(ge=1, le=20, description="Filters per layer and model.")]


@dataclass(frozen=True)
class Listen:
    """Block `reporting.listen`."""

    layers: LayerNumbers
    per_layer: PerLayer


@dataclass(frozen=True)
class Gallery:
    """Block `reporting.gallery`."""

    audio: Annotated[
        Literal["flac", "opus"],
        Meta(
            description="Codec of sonifications in the gallery; flac is exact, opus takes about a "
            "quarter of the space."
        ),
    ]


@dataclass(frozen=True)
class PairsFigure:
    """Runs and layers of one of Figures 1 to 3."""

    runs: RunNames
    layers: LayerNumbers
    per_layer: PerLayer


@dataclass(frozen=True)
class ChosenPair:
    """A pair that a figure shows instead of those of the rule."""

    figure: Annotated[Literal["figure_1", "figure_2", "figure_3"], Meta(description="The figure.")]
    run: Annotated[str, Meta(description="A sonified run; its first seed is shown.")]
    layer: LayerNumber
    filter: Annotated[int, Meta(ge=0, description="0-based index of the filter.")]
    rank: Annotated[int, Meta(ge=1, description="1 for the clip that excites it most.")]


@dataclass(frozen=True)
class Pairs:
    """Contents of Figures 1 to 3."""

    figure_1: PairsFigure
    figure_2: PairsFigure
    figure_3: PairsFigure
    chosen: Annotated[
        tuple[ChosenPair, ...],
        Meta(description="Pairs that a figure shows instead of those of the rule."),
    ]

    @property
    def figures(self) -> dict[str, PairsFigure]:
        """The figures by name."""
        return {name: getattr(self, name) for name in ("figure_1", "figure_2", "figure_3")}


@dataclass(frozen=True)
class Reporting:
    """Figures of single sounds, gallery and page."""

    listen: Listen
    gallery: Gallery
    pairs: Pairs
    beside: Annotated[
        dict[
            Annotated[str, Meta(pattern=r"^[^=\x00-\x1f-][^=\x00-\x1f]*$(?!\n)")],
            Annotated[str, Meta(description="Its claims.parquet.")],
        ],
        Meta(description="Claims of other runs, by the name of their column beside ours."),
    ]
