"""Synthetic raw corpora, each in the exact layout of the dataset that it stands in for.

Synthetic and real data are read by the same code. Equal settings and seeds give equal bytes.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from sonify.data.corpora.roots import SYNTHESISED
from sonify.data.synthesis import audioset, fsd50k, speech_commands
from sonify.runtime.errors import SonifyError

_CORPORA: dict[str, Callable[[Mapping[str, Any], int], Iterator[tuple[str, bytes]]]] = {
    "audioset": audioset.corpus,
    "fsd50k": fsd50k.corpus,
    "speech_commands": speech_commands.corpus,
}
# Every key is required: a default here would hide a setting from the configuration.
_KEYS: dict[str, tuple[str, ...]] = {
    "audioset": ("seed", "clips", "clip_s", "missing"),
    "fsd50k": ("seed", "clips", "min_s", "max_s"),
    "speech_commands": ("seed", "words", "takes_per_word"),
}
_NOTE = b"A corpus made by Sonify: its ids name no recording of the public dataset.\n"
# Settings that are given for each split.
_BY_SPLIT = {
    "audioset": ("clips", audioset.SPLITS),
    "fsd50k": ("clips", fsd50k.SPLITS),
    "speech_commands": ("takes_per_word", speech_commands.SPLITS),
}


def raw_corpus(dataset: str, settings: Mapping[str, Any], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield (POSIX path below the root, content) for every file of a synthetic corpus.

    `seed` is that of the runs that the corpus is for: it draws other sounds and ids of the same
    classes.

    Settings. All: `seed`. audioset: `clips` per split, `clip_s` in seconds, `missing` (further
    segments listed per split, without audio). fsd50k: `clips` per split, `min_s`, `max_s`.
    speech_commands: `words` (at most 10), `takes_per_word` per split. Splits of 20 clips or more
    contain every class. Raises SonifyError for an unknown dataset, or keys or values other than
    these.
    """
    if dataset not in _CORPORA:
        raise SonifyError(f"no dataset named {dataset!r}: choose one of {', '.join(_CORPORA)}")
    _check_keys(f"settings of {dataset}", settings, _KEYS[dataset])
    per_split, splits = _BY_SPLIT[dataset]
    _check_keys(f"{per_split} of {dataset}", settings[per_split], splits)
    for key, value in [*settings.items(), *settings[per_split].items(), ("seed of runs", seed)]:
        if key != per_split and value < 0:
            raise SonifyError(f"{key} of {dataset} is {value}: it must not be negative")
    if settings.get("clip_s", 1) <= 0:
        raise SonifyError(f"clip_s of {dataset} is {settings['clip_s']}: it must be above 0")
    return chain([(SYNTHESISED, _NOTE)], _CORPORA[dataset](settings, seed))


class Tally:
    """A running count of the clips in a corpus and of their total duration."""

    def __init__(self, dataset: str) -> None:
        """Start a count that is reported under the name `dataset`."""
        self.dataset, self.clips, self.seconds = dataset, 0, 0.0

    def counting(self, files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Pass `files` through, counting clips but not stems or background recordings."""
        for path, content in files:
            if path.endswith(".wav") and not path.startswith("_background_noise_"):
                self.clips += 1
                self.seconds += _wav_seconds(content)
            yield path, content

    def __str__(self) -> str:
        """Summarise the count, e.g. `synthesised fsd50k: 750 clips, 31.2 min of audio`."""
        minutes = self.seconds / 60
        return f"synthesised {self.dataset}: {self.clips} clips, {minutes:.1f} min of audio"


def _check_keys(name: str, given: Mapping[str, Any], wanted: tuple[str, ...]) -> None:
    if set(given) != set(wanted):
        raise SonifyError(f"{name} are {sorted(given)}: they must be {', '.join(wanted)}")


def _wav_seconds(content: bytes) -> float:
    """Duration of a WAV file that consists of a 44-byte header and samples."""
    (bytes_per_second,) = struct.unpack_from("<I", content, 28)
    return (len(content) - 44) / bytes_per_second
