"""Settings of the jobs that explain, mine and render. Without torch, since the plan makes them."""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from sonify.models.settings import JobSettings

Precision = Annotated[
    Literal["exact", "fast"],
    Meta(
        description="Of sonifications: the waveforms' own type, or bfloat16 on the way down from "
        "the maps."
    ),
]
Rule = Annotated[
    Literal["max", "mean", "energy"],
    Meta(description="What makes a feature map the most active of its layer."),
]
PRECISIONS: tuple[str, ...] = get_args(get_args(Precision)[0])
RULES: tuple[str, ...] = get_args(get_args(Rule)[0])


class Mining(Struct, frozen=True, kw_only=True):
    """Block `sonification.mining`: what is mined, and how it is ranked."""

    rule: Annotated[
        Literal["max", "mean", "energy"],
        Meta(
            description="What ranks the clips of a filter: mean, largest value or sum of squares "
            "of its map over time, after the ReLU and before the pool."
        ),
    ] = "mean"
    exclude_labels: Annotated[
        tuple[str, ...],
        Meta(
            description="Labels of the dataset; clips with any of them are not mined, and are "
            "listed in left_out.",
            extra_json_schema={"uniqueItems": True},
        ),
    ] = ()
    crop_s: (
        Annotated[
            float,
            Meta(
                gt=0,
                description="Seconds at the centre of longer clips that are mined, rendered and "
                "shown; null keeps clips whole.",
            ),
        ]
        | None
    ) = None


class ExplainerSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of a job that sonifies: the explanation method, and its precision."""

    method: str
    precision: Precision


class MiningSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of mining: how many clips to keep per filter, from which clips, by which rule."""

    top: int
    mining: Mining


class RenderingSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of rendering."""
