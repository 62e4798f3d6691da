"""Types that several blocks of the configuration share."""

from typing import Annotated

from msgspec import Meta

_UNIQUE = {"uniqueItems": True}

DatasetName = Annotated[str, Meta(description="A dataset of `data`.")]
RunNames = Annotated[
    list[str],
    Meta(min_length=1, description="Names of training runs.", extra_json_schema=_UNIQUE),
]
LayerNumber = Annotated[int, Meta(ge=1, description="Layer of the encoder, from 1.")]
LayerNumbers = Annotated[
    list[LayerNumber],
    Meta(min_length=1, description="Layers of the encoder.", extra_json_schema=_UNIQUE),
]
