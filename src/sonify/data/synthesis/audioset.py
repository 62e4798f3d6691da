"""A synthetic corpus in the layout of AudioSet: segment lists, and audio named after the videos."""

from collections.abc import Iterator, Mapping
from typing import Any

from sonify.data.synthesis.files import Seeds, flac, quoted, wav, youtube_id
from sonify.data.synthesis.mixtures import Mixture, mixture, sources_of
from sonify.data.synthesis.sources import CLASSES, Leaf, with_parents
from sonify.runtime.seeds import generator

RATE_HZ = 16000
SPLITS = ("balanced_train", "unbalanced_train", "eval")


def corpus(settings: Mapping[str, Any], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield all files; every split lists `missing` further segments without audio.

    These stand for vanished videos, which a reader has to account for."""
    seeds = settings["seed"], seed
    yield "class_labels_indices.csv", _vocabulary()
    for split in SPLITS:
        rows = []
        for kind, count in (("clip", settings["clips"][split]), ("gone", settings["missing"])):
            for number in range(count):
                identity = (*seeds, "audioset", _stream(split, kind), number)
                ytid = _ytid(seeds, split, kind, number)
                sources = sources_of(*identity)
                rows.append(_row(identity, ytid, settings["clip_s"], sources))
                if kind == "clip":
                    n = round(settings["clip_s"] * RATE_HZ)
                    clip = mixture(sources, n, RATE_HZ, rng=generator("synthesis", *identity))
                    yield f"audio/Y{ytid}.wav", wav(clip.mix, RATE_HZ)
                    if split == "eval":
                        yield from stems(f"eval_stems/{ytid}", clip, RATE_HZ)
        yield f"{split}_segments.csv", _segments(split, rows)


def stems(folder: str, clip: Mixture, rate_hz: int) -> Iterator[tuple[str, bytes]]:
    """Yield the stems of a clip: one file per source, and one for the background."""
    for k, (source, stem) in enumerate(zip(clip.sources, clip.stems, strict=True)):
        yield f"{folder}/{k}_{source.label}.flac", flac(stem, rate_hz)
    yield f"{folder}/background.flac", flac(clip.background, rate_hz)


def _stream(split: str, kind: str) -> str:
    return split if kind == "clip" else f"{split}, {kind}"


def _ytid(seeds: Seeds, split: str, kind: str, number: int) -> str:
    # Six interleaved series, so that the size of one never changes the ids of another.
    series = SPLITS.index(split) * 2 + (kind == "gone")
    return youtube_id(seeds, number * 2 * len(SPLITS) + series)


def _row(
    identity: tuple, ytid: str, clip_s: float, sources: tuple[Leaf, ...]
) -> tuple[str, list[str], str]:
    """The id and mids of a segment, and its line in the list."""
    start_s = 10 * int(generator("synthesis", *identity, "start").integers(0, 30))
    mids = [c.mid for c in with_parents(sources)]
    line = f"{ytid}, {start_s:.3f}, {start_s + clip_s:.3f}, {quoted(','.join(mids))}"
    return ytid, mids, line


def _segments(split: str, rows: list[tuple[str, list[str], str]]) -> bytes:
    """A segment list with its three header lines, sorted by id like the published ones."""
    labels = [mid for _, mids, _ in rows for mid in mids]
    head = (
        f"# Segments csv of a synthetic corpus: {split}",
        f"# num_ytids={len(rows)}, num_segs={len(rows)}, num_unique_labels={len(set(labels))}, "
        f"num_positive_labels={len(labels)}",
        "# YTID, start_seconds, end_seconds, positive_labels",
    )
    return ("\n".join([*head, *(line for _, _, line in sorted(rows))]) + "\n").encode()


def _vocabulary() -> bytes:
    lines = [f"{i},{c.mid},{quoted(c.display_name)}" for i, c in enumerate(CLASSES)]
    return ("\n".join(["index,mid,display_name", *lines]) + "\n").encode()
