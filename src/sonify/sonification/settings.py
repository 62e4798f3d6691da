"""Settings of the jobs that explain, mine and render. No torch: the plan makes them."""

from typing import Annotated, Literal, get_args

from msgspec import Meta

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


class ExplainerSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of a job that sonifies: the explanation method, and its precision."""

    method: str
    precision: Precision


class MiningSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of mining: how many clips are kept per filter."""

    top: int


class RenderingSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of rendering."""
