"""A synthetic corpus in the layout of Speech Commands v0.02: word folders and two lists."""

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sonify.data.audio.pcm import encode
from sonify.data.synthesis.files import Seeds, wav
from sonify.data.synthesis.textures import background
from sonify.data.synthesis.words import RATE_HZ, WORDS, speaker, spoken
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator, seed_for

_TAKES = 2  # of each word per speaker
SPLITS = ("train", "val", "test")
_MAX_WAVS = 2**27 - 1  # constant of the published split rule
_NOISES, _NOISE_S = 4, 10.0
_README = """Synthetic words in the layout of Speech Commands v0.02.

Every word is made from formants; no person was recorded. Files are
<word>/<speaker>_nohash_<take>.wav, 16 kHz, mono, 16 bit. Files in neither
validation_list.txt nor testing_list.txt are for training. No speaker is in two
of the parts.
"""
_LICENCE = "CC0 1.0 Universal: https://creativecommons.org/publicdomain/zero/1.0/\n"


def corpus(settings: Mapping[str, Any], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield all files, laid out as at the root of the archive.

    Every speaker of a split says each word twice, of an odd number of takes the last one once.
    Raises SonifyError for a split without takes, or more words than WORDS has.
    """
    takes = settings["takes_per_word"]
    if not 1 <= settings["words"] <= len(WORDS):
        raise SonifyError(f"words is {settings['words']}: it must be between 1 and {len(WORDS)}")
    for split in SPLITS:
        if takes[split] < 1:
            raise SonifyError(f"takes_per_word of {split} is {takes[split]}: it must be 1 or more")
    return _files((settings["seed"], seed), list(WORDS)[: settings["words"]], takes)


def _files(seeds: Seeds, words: list[str], takes: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
    lists: dict[str, list[str]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        identity = (*seeds, "speech_commands", split)
        voices = [speaker(*identity, who) for who in range(-(-takes[split] // _TAKES))]
        for word in words:
            for number in range(takes[split]):
                who, take = divmod(number, _TAKES)
                path = f"{word}/{_hash(seeds, split, who)}_nohash_{take}.wav"
                lists[split].append(path)
                rng = generator("synthesis", *identity, word, number)
                yield path, wav(spoken(word, voices[who], rng=rng), RATE_HZ)
    for number in range(_NOISES):
        rng = generator("synthesis", *seeds, "speech_commands", "noise", number)
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


@cache
def _hash(seeds: Seeds, split: str, who: int) -> str:
    """Eight hexadecimal digits that the published rule assigns to this split, for its speaker.

    Each speaker tries 1000 numbers of its own, spread by an odd factor, so that no two speakers of
    a corpus share a hash; those of two corpora's do with a probability of 2^-32.
    """
    shift = seed_for("synthesis", *seeds, "speech_commands", "hashes")
    first = 1000 * (who * len(SPLITS) + SPLITS.index(split))
    hashes = (f"{(2654435761 * k + shift) % 2**32:08x}" for k in range(first, first + 1000))
    return next(h for h in hashes if which_split(h) == split)
