"""The configuration blocks `data.synthetic.<dataset>`: sizes of the synthetic corpora."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

Seed = Annotated[int, Meta(ge=0, le=2**31 - 1, description="Random seed, beside that of the runs.")]
Count = Annotated[
    int,
    Meta(ge=20, description="Number of clips; with 20 or more, every class has one."),
]
Takes = Annotated[
    int,
    Meta(ge=1, le=100_000, description="Recordings of each word; no speaker is in two splits."),
]
Seconds = Annotated[float, Meta(ge=0.25, le=60)]


@dataclass(frozen=True)
class AudiosetCounts:
    """Number of clips in each split."""

    balanced_train: Count
    unbalanced_train: Count
    eval: Count


@dataclass(frozen=True)
class AudiosetSizes:
    """A corpus in the layout of AudioSet."""

    seed: Seed
    clips: AudiosetCounts
    clip_s: Annotated[float, Meta(ge=0.5, le=60, description="Length of every clip in seconds.")]
    missing: Annotated[int, Meta(ge=0, description="Listed clips without audio, per split.")]


@dataclass(frozen=True)
class Fsd50kCounts:
    """Number of clips in each split."""

    train: Count
    val: Count
    eval: Count


@dataclass(frozen=True)
class Fsd50kSizes:
    """A corpus in the layout of FSD50K."""

    seed: Seed
    clips: Fsd50kCounts
    min_s: Annotated[Seconds, Meta(description="Shortest clip in seconds.")]
    max_s: Annotated[Seconds, Meta(description="Longest clip in seconds.")]


@dataclass(frozen=True)
class SpeechCommandsTakes:
    """Recordings of each word in each split."""

    train: Takes
    val: Takes
    test: Takes


@dataclass(frozen=True)
class SpeechCommandsSizes:
    """A corpus in the layout of Speech Commands."""

    seed: Seed
    words: Annotated[int, Meta(ge=2, le=10, description="Words (classes).")]
    takes_per_word: SpeechCommandsTakes
