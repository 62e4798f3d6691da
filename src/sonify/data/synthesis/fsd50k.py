"""A synthetic corpus in the layout of FSD50K: ground truth, metadata, and two audio folders."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sonify.data.synthesis.audioset import stems
from sonify.data.synthesis.files import Seeds, freesound_id, table, wav
from sonify.data.synthesis.mixtures import lengths_s, mixture, sources_of
from sonify.data.synthesis.sources import CLASSES, Leaf, with_parents
from sonify.runtime.seeds import generator

RATE_HZ = 44100
SPLITS = ("train", "val", "eval")
_LICENCE = "http://creativecommons.org/publicdomain/zero/1.0/"
_UPLOADERS = 40  # per part; dev and eval have none in common, as in the real corpus


def corpus(settings: Mapping[str, Any], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield all files, with the classes in alphabetical order of their labels, as published.

    Raises SonifyError unless 0 < min_s <= max_s.
    """
    lengths = lengths_s(settings["min_s"], settings["max_s"])
    return _files((settings["seed"], seed), settings["clips"], lengths)


def _files(
    seeds: Seeds, clips: Mapping[str, int], lengths: tuple[float, ...]
) -> Iterator[tuple[str, bytes]]:
    vocabulary = [(i, c.label, c.mid) for i, c in enumerate(sorted(CLASSES, key=lambda c: c.label))]
    yield "FSD50K.ground_truth/vocabulary.csv", table(vocabulary)
    for part, splits in (("dev", SPLITS[:2]), ("eval", SPLITS[2:])):
        rows, info = [], {}
        for split in splits:
            for number in range(clips[split]):
                identity = (*seeds, "fsd50k", split, number)
                name = _name(seeds, split, number)
                sources = sources_of(*identity)
                rows.append(_row(name, split, sources))
                info[name] = _info(part, number, sources)
                yield from _audio(part, name, identity, sources, lengths)
        columns = ("fname", "labels", "mids", "split")
        kept = len(columns) if part == "dev" else len(columns) - 1
        listed = table(row[:kept] for row in [columns, *rows])
        yield f"FSD50K.ground_truth/{part}.csv", listed
        yield f"FSD50K.metadata/{part}_clips_info_FSD50K.json", json.dumps(info, indent=1).encode()


def _audio(
    part: str,
    name: str,
    identity: tuple,
    sources: tuple[Leaf, ...],
    lengths: tuple[float, ...],
) -> Iterator[tuple[str, bytes]]:
    length_s = float(generator("synthesis", *identity, "length").choice(lengths))
    n = round(length_s * RATE_HZ)
    clip = mixture(sources, n, RATE_HZ, rng=generator("synthesis", *identity))
    yield f"FSD50K.{part}_audio/{name}.wav", wav(clip.mix, RATE_HZ)
    if part == "eval":
        yield from stems(f"FSD50K.eval_stems/{name}", clip, RATE_HZ)


def _name(seeds: Seeds, split: str, number: int) -> str:
    return freesound_id(seeds, number * len(SPLITS) + SPLITS.index(split))


def _row(name: str, split: str, sources: tuple[Leaf, ...]) -> tuple[str, str, str, str]:
    classes = with_parents(sources)
    return name, ",".join(c.label for c in classes), ",".join(c.mid for c in classes), split


def _info(part: str, number: int, sources: tuple[Leaf, ...]) -> dict[str, object]:
    names = [source.label.replace("_", " ").lower() for source in sources]
    return {
        "title": " and ".join(names),
        "description": f"Synthetic: {', '.join(names)} over a background texture.",
        "tags": [name.replace(" ", "-") for name in names],
        "license": _LICENCE,
        "uploader": f"synthesised_{part}_{number % _UPLOADERS:02d}",
    }
