"""The block `scatter` of the configuration."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class Scatter:
    """Among how many jobs the work of one is scattered."""

    measuring: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000,
            description="Jobs that share each mining, rendering, scoring, removal test, coherence "
            "and description of filters, by the stored parts of the split; above 1 one more merges "
            "what they made. Tables are the same.",
        ),
    ] = 1
    preparing: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000,
            description="Jobs that share the preparation of each corpus, by blocks of "
            "clips_per_part listed clips; above 1 one more writes the parts. Parts are the same.",
        ),
    ] = 1
