"""The blocks `data.<dataset>` of the configuration: where a raw corpus comes from."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Url = Annotated[str, Meta(pattern="^https?://")]
Kind = Annotated[
    Literal["synthetic", "local", "download"],
    Meta(description="Where the raw corpus comes from."),
]

Duration = Annotated[
    Annotated[float, Meta(gt=0, le=3600)] | None,
    Meta(
        description="Seconds to which shorter recordings are repeated from their start, in all "
        "uses; null leaves them as they are."
    ),
]


@dataclass(frozen=True)
class LocalSource:
    """A corpus that only its owner has."""

    source: Annotated[Literal["local"], Meta(description="It is a folder of yours.")]
    path: Annotated[str, Meta(description="Root of the corpus.")]
    min_duration_s: Duration = None


@dataclass(frozen=True)
class PublishedSource:
    """A corpus that is synthesised, present in its public layout, or downloaded as archives."""

    source: Kind
    path: Annotated[
        str | None,
        Meta(
            description="Root of the corpus in its public layout: of the existing copy for local, "
            "where to put it for download (null: corpora/<dataset>)."
        ),
    ]
    base_url: Annotated[
        Url | None,
        Meta(
            description="For download: address of a mirror, a folder that holds the published "
            "files by their names; null for the publisher."
        ),
    ]
    keep_archives: Annotated[
        bool,
        Meta(
            description="For download: keep the archives, rather than delete each part as soon as "
            "it is unpacked."
        ),
    ]
    min_duration_s: Duration = None


@dataclass(frozen=True)
class AudiosetSource:
    """AudioSet, whose segment lists are published and whose audio is not."""

    source: Kind
    path: Annotated[
        str | None,
        Meta(
            description="Root of the corpus: of the existing copy for local, where to put it for "
            "download (null: corpora/audioset)."
        ),
    ]
    base_url: Annotated[
        Url | None,
        Meta(
            description="For download: address of a mirror of the segment lists, a folder that "
            "holds them by their names; null for the publisher."
        ),
    ]
    backend: Annotated[
        Literal["huggingface", "youtube"],
        Meta(
            description="For download: where the audio comes from, a copy of March 2023 or YouTube "
            "itself, which needs yt-dlp and ffmpeg."
        ),
    ]
    revision: Annotated[
        str,
        Meta(
            pattern="^[0-9a-f]{40}$",
            description="For huggingface: commit of agkphysics/AudioSet.",
        ),
    ]
    hub_url: Annotated[
        Url | None,
        Meta(description="For huggingface: address of a mirror; null for huggingface.co."),
    ]
    pause_s: Annotated[float, Meta(ge=0, description="For youtube: seconds between two videos.")]
    limit: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="For youtube: most videos that are asked for in one call; null for all. "
            "While more may be had the job fails, and the next call goes on."
        ),
    ]
    min_duration_s: Duration = None


Source = LocalSource | PublishedSource | AudiosetSource
