"""The configuration blocks `data.<dataset>`: the source of each raw corpus."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Url = Annotated[str, Meta(pattern="^https?://")]
Kind = Annotated[
    Literal["synthetic", "local", "download"],
    Meta(description="Source of the raw corpus."),
]

Duration = Annotated[
    Annotated[float, Meta(gt=0, le=3600)] | None,
    Meta(
        description="Seconds to which shorter recordings are repeated from their start, in all "
        "uses; null leaves them as they are."
    ),
]

Part = Literal["balanced_train", "unbalanced_train", "eval"]


@dataclass(frozen=True)
class LocalSource:
    """A corpus of the user's own recordings."""

    source: Annotated[Literal["local"], Meta(description="A directory on this machine.")]
    path: Annotated[str, Meta(description="Root of the corpus.")]
    min_duration_s: Duration = None


@dataclass(frozen=True)
class PublishedSource:
    """A corpus that is synthesised, present in its public layout, or downloaded as archives."""

    source: Kind
    path: Annotated[
        str | None,
        Meta(
            description="Root of the corpus in its public layout. For local: the existing copy; "
            "for download: the destination (null: corpora/<dataset>)."
        ),
    ]
    base_url: Annotated[
        Url | None,
        Meta(
            description="For download: URL of a mirror that has the published files under the same "
            "names in one folder; null for the publisher."
        ),
    ]
    keep_archives: Annotated[
        bool,
        Meta(
            description="For download: keep the archives instead of deleting each part once it is "
            "unpacked."
        ),
    ]
    min_duration_s: Duration = None


@dataclass(frozen=True)
class AudiosetSource:
    """AudioSet, which publishes segment lists but no audio."""

    source: Kind
    path: Annotated[
        str | None,
        Meta(
            description="Root of the corpus. For local: the existing copy; for download: the "
            "destination (null: corpora/audioset)."
        ),
    ]
    base_url: Annotated[
        Url | None,
        Meta(
            description="For download: URL of a mirror that has the segment lists under the same "
            "names in one folder; null for the publisher."
        ),
    ]
    backend: Annotated[
        Literal["huggingface", "youtube"],
        Meta(
            description="For download: source of the audio, either a copy made in March 2023 or "
            "YouTube itself, which needs yt-dlp and ffmpeg."
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
        Meta(description="For huggingface: URL of a mirror; null for huggingface.co."),
    ]
    pause_s: Annotated[float, Meta(ge=0, description="For youtube: pause between videos in s.")]
    limit: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="For youtube: maximum number of videos requested per run; null for no "
            "limit. While videos remain to be fetched the job fails, and the next run resumes."
        ),
    ]
    parts: (
        Annotated[
            tuple[Part, ...],
            Meta(
                min_length=1,
                description="Splits that there are, for a copy or a download that lacks others: "
                "recipes train on those of their splits that are among them, and are taken for "
                "trained on all, in tables and claims. null: all.",
                extra_json_schema={"uniqueItems": True},
            ),
        ]
        | None
    ) = None
    min_duration_s: Duration = None


Source = LocalSource | PublishedSource | AudiosetSource
