"""Types that several blocks of the configuration share."""

from typing import Annotated

import msgspec
from msgspec import Meta

from sonify.data.corpora.registry import DATASETS

_UNIQUE = {"uniqueItems": True}

DatasetName = Annotated[
    str, Meta(description="A dataset.", extra_json_schema={"enum": list(DATASETS)})
]
RunNames = Annotated[
    tuple[str, ...],
    Meta(min_length=1, description="Names of training runs.", extra_json_schema=_UNIQUE),
]
LayerNumber = Annotated[int, Meta(ge=1, description="Layer of the encoder, from 1.")]
LayerNumbers = Annotated[
    tuple[LayerNumber, ...],
    Meta(min_length=1, description="Layers of the encoder.", extra_json_schema=_UNIQUE),
]
SeedCount = Annotated[
    int,
    Meta(ge=1, description="How many of the seeds, from the first one on; null: all there are."),
]
RecipeName = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]*$(?!\n)")]
RUN_PATTERN = r"^[a-z0-9][a-z0-9_.-]*$(?!\n)"
RunName = Annotated[str, Meta(pattern=RUN_PATTERN)]


class ClipOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a stage that measures some runs on the clips of one split."""

    runs: RunNames
    dataset: DatasetName
    split: Annotated[str, Meta(description="Split whose clips are measured.")]
