"""A synthetic corpus in the layout of Speech Commands v0.02: word folders and two lists."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from sonify.data.audio.pcm import encode
from sonify.data.synthesis.files import wav
from sonify.data.synthesis.textures import background
from sonify.data.synthesis.words import RATE_HZ, WORDS, speaker, spoken
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator, seed_for

_TAKES = 2  # of each word per speaker
# Splits of speakers 0, 1, 2, ..., cyclically: three speakers are enough to fill all splits.
_SPLITS = ("train", "test", "val", "train", "train", "train", "test", "train", "train", "train")
_MAX_WAVS = 2**27 - 1  # constant of the published split rule
_NOISES, _NOISE_S = 4, 10.0
_README = """Synthetic words in the layout of Speech Commands v0.02.

Every word is made from formants; no person was recorded. Files are
<word>/<speaker>_nohash_<take>.wav, 16 kHz, mono, 16 bit. Files in neither
validation_list.txt nor testing_list.txt are for training. No speaker is in two
of the parts.
"""
_LICENCE = "CC0 1.0 Universal: https://creativecommons.org/publicdomain/zero/1.0/\n"


def corpus(settings: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield all files, laid out as at the root of the archive.

    Raises SonifyError for too few takes for three speakers, or more words than WORDS has.
    """
    seed, takes = settings["seed"], settings["takes_per_word"]
    if not 1 <= settings["words"] <= len(WORDS):
        raise SonifyError(f"words is {settings['words']}: it must be between 1 and {len(WORDS)}")
    if takes <= 2 * _TAKES:
        raise SonifyError(
            f"takes_per_word is {takes}: it must be at least {2 * _TAKES + 1}, for a speaker with "
            f"up to {_TAKES} takes in each of train, val and test"
        )
    return _files(seed, list(WORDS)[: settings["words"]], takes)


def _files(seed: int, words: list[str], takes: int) -> Iterator[tuple[str, bytes]]:
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for word in words:
        for number in range(takes):
            who, take = divmod(number, _TAKES)
            path = f"{word}/{_hash(seed, who)}_nohash_{take}.wav"
            lists[_split(who)].append(path)
            rng = generator("synthesis", seed, "speech_commands", word, number)
            yield path, wav(spoken(word, speaker(seed, who), rng=rng), RATE_HZ)
    for number in range(_NOISES):
        rng = generator("synthesis", seed, "speech_commands", "noise", number)
        texture = 0.5 * background(round(_NOISE_S * RATE_HZ), RATE_HZ, rng=rng)
        path = f"_background_noise_/texture_{number}.wav"
        yield path, wav(encode(texture), RATE_HZ)
    for name, split in (("validation_list.txt", "val"), ("testing_list.txt", "test")):
        yield name, "".join(f"{path}\n" for path in sorted(lists[split])).encode()
    yield "README.md", _README.encode()
    yield "LICENSE", _LICENCE.encode()


def which_split(speaker_hash: str) -> str:
    """The split that the published rule assigns to a speaker: 80% train, 10% val, 10% test."""
    digest = int(hashlib.sha1(speaker_hash.encode()).hexdigest(), 16)
    percentage = (digest % (_MAX_WAVS + 1)) * (100.0 / _MAX_WAVS)
    if percentage < 10:
        return "val"
    return "test" if percentage < 20 else "train"


def _split(who: int) -> str:
    return _SPLITS[who % len(_SPLITS)]


def _hash(seed: int, who: int) -> str:
    """Eight hexadecimal digits that the published rule assigns to this speaker's split.

    Left to chance, a small corpus might have no test speaker. Each speaker tries 1000 numbers of
    its own, spread by an odd factor, so that no two speakers share a hash.
    """
    shift = seed_for("synthesis", seed, "speech_commands", "hashes")
    numbers = range(1000 * who, 1000 * (who + 1))
    hashes = (f"{(2654435761 * k + shift) % 2**32:08x}" for k in numbers)
    return next(h for h in hashes if which_split(h) == _split(who))
