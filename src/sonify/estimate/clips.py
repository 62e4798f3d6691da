"""Give the number and lengths of each split's clips, before anything is downloaded or made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from sonify.config.types import Config
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.synthesis.mixtures import lengths_s
from sonify.runtime.errors import SonifyError

# Published clips and hours. FSD50K: its own description (Zenodo 4060432); train and val have 36,796
# and 4,170 of the 40,966 clips of dev. Speech Commands v0.02: its lists; clips are cut to 1 s.
# AudioSet: what the pinned copy of March 2023 has left, by its card; 10 s each.
PUBLISHED: dict[str, dict[str, tuple[int, float]]] = {
    "audioset": {
        "balanced_train": (18_685, 18_685 / 360),
        "unbalanced_train": (1_738_788, 1_738_788 / 360),
        "eval": (17_142, 17_142 / 360),
    },
    "fsd50k": {
        "train": (36_796, 80.4 * 36_796 / 40_966),
        "val": (4_170, 80.4 * 4_170 / 40_966),
        "eval": (10_231, 27.9),
    },
    "speech_commands": {
        "train": (84_843, 84_843 / 3600),
        "val": (9_981, 9_981 / 3600),
        "test": (11_005, 11_005 / 3600),
    },
}
CLASSES = {"audioset": 527, "fsd50k": 200, "speech_commands": 35}
SYNTHETIC_CLASSES = 26  # of mixtures: 20 sources and what they are kinds of
WORD_S = 0.98  # seconds of a synthesised word, on average


@dataclass(frozen=True)
class Clips:
    """Clips of a split.

    number: how many. mean_s: seconds of each, on average. classes: how many there are. alike: the
    fraction, 0 to 1, that has one of a few lengths and so runs in batches; the others run one by
    one. lengths: how many lengths those are, each of as many clips.
    """

    number: int
    mean_s: float
    classes: int
    alike: float
    lengths: int = 1

    @property
    def seconds(self) -> float:
        """Seconds of all clips."""
        return self.number * self.mean_s

    @property
    def samples(self) -> int:
        """Samples of a clip of average length at 8 kHz."""
        return round(self.mean_s * RATE_HZ)

    def batches(self, max_samples: float) -> float:
        """Return in how many batches of at most `max_samples` samples the clips run.

        At most as many as there are clips: the lengths of a few clips need not all occur.
        """
        together = max(1, int(max_samples // max(1, self.samples)))
        alike = self.number * self.alike
        batched = self.lengths * math.ceil(alike / self.lengths / together)
        return self.number - alike + min(alike, batched)

    def cropped(self, crop_s: float | None) -> "Clips":
        """Return them cut, or repeated, to `crop_s` seconds; None leaves them whole."""
        return self if crop_s is None else replace(self, mean_s=crop_s, alike=1.0, lengths=1)

    def centres(self, crop_s: float | None) -> "Clips":
        """Return them with longer ones cut to `crop_s` seconds; None leaves them whole."""
        if crop_s is None or self.mean_s <= crop_s:
            return self
        return Clips(self.number, crop_s, self.classes, 1.0)


def clips(config: Config, dataset: str, split: str) -> Clips:
    """Return the clips of one split of a configured dataset.

    Of real datasets the published numbers, whether downloaded or local. Raises SonifyError for
    recordings of the user's own, which only preparation counts.
    """
    source = config.data.sources[dataset]
    if source.source == "synthetic":
        return _synthetic(config, dataset, split)
    if dataset not in PUBLISHED:
        raise SonifyError(
            f"data.{dataset} holds recordings of your own, which are counted only when they are "
            "prepared: estimate the configuration without it, or with a published dataset in its "
            "place"
        )
    number, hours = PUBLISHED[dataset][split]
    mean_s, shortest = 3600 * hours / number, source.min_duration_s or 0.0
    if dataset == "fsd50k":  # durations about exponentially distributed, the short ones repeated
        short = 1 - math.exp(-shortest / mean_s)
        return Clips(number, shortest + mean_s * (1 - short), CLASSES[dataset], short)
    return Clips(number, max(mean_s, shortest), CLASSES[dataset], 1.0)


def several(config: Config, dataset: str, splits: Sequence[str]) -> Clips:
    """Return the clips of several splits of a dataset together."""
    each = [clips(config, dataset, split) for split in splits]
    number = sum(some.number for some in each)
    mean_s = sum(some.seconds for some in each) / max(1, number)
    alike, lengths = min(some.alike for some in each), max(some.lengths for some in each)
    return Clips(number, mean_s, each[0].classes, alike, lengths)


def _synthetic(config: Config, dataset: str, split: str) -> Clips:
    sizes = config.data.synthetic
    if dataset == "audioset":
        number = getattr(sizes.audioset.clips, split)
        return Clips(number, sizes.audioset.clip_s, SYNTHETIC_CLASSES, 1.0)
    if dataset == "fsd50k":  # a handful of lengths, all equally likely
        lengths = lengths_s(sizes.fsd50k.min_s, sizes.fsd50k.max_s)
        number = getattr(sizes.fsd50k.clips, split)
        return Clips(number, fmean(lengths), SYNTHETIC_CLASSES, 1.0, len(lengths))
    words = sizes.speech_commands.words
    number = words * getattr(sizes.speech_commands.takes_per_word, split)
    return Clips(number, WORD_S, words, 0.0)
