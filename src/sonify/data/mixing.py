"""Mixtures of recorded clips whose stems are known, made from any prepared dataset.

`python -m sonify.data.mixing results/data/fsd50k eval OUT --clips 200` writes a folder that
`data.folder` reads (docs/audio_files.md), with the stems in OUT/stems (`evaluation.stems`).
"""

import argparse
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import Clips, load
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import say
from sonify.runtime.seeds import generator

LEVELS_DB = (-12.0, 0.0)  # of further sources relative to the first
PEAK = 0.9


@dataclass(frozen=True)
class Source:
    """One clip in a mixture: its index, the sample at which it begins, and its level in dB."""

    clip: int
    start: int
    level_db: float


@dataclass(frozen=True)
class Mixture:
    """sources: what was mixed. stems: (source, time), whose sum is the mixture."""

    sources: tuple[Source, ...]
    stems: np.ndarray


def mixtures(clips: Clips, n: int, seconds: float, seed: int) -> Iterator[Mixture]:
    """Yield n mixtures of two or three different clips at drawn levels and times.

    A clip longer than the mixture is cut; a shorter one begins anywhere where it fits. All sources
    have one loudness but for their levels: root mean square where they sound. Silent clips are left
    out. Raises SonifyError for fewer than three clips that sound.
    """
    length = round(seconds * RATE_HZ)
    sounding = [i for i in range(len(clips)) if clips.pcm(i)[:length].any()]
    if len(sounding) < 3:
        raise SonifyError(f"{clips.dataset} has {len(sounding)} clips that sound: three are needed")
    for number in range(n):
        random = generator("mixtures", clips.dataset, seed, number)
        chosen = random.choice(sounding, size=int(random.integers(2, 4)), replace=False)
        sources, stems = [], np.zeros((len(chosen), length))
        for place, (stem, clip) in enumerate(zip(stems, chosen, strict=True)):
            x = clips.waveform(int(clip))[:length].astype(np.float64)
            start = int(random.integers(length - len(x) + 1))
            level = float(random.uniform(*LEVELS_DB)) if place else 0.0
            stem[start : start + len(x)] = x * 10 ** (level / 20) / np.sqrt(np.square(x).mean())
            sources.append(Source(int(clip), start, level))
        largest = max(abs(stems.sum(axis=0)).max(), abs(stems).max())
        yield Mixture(tuple(sources), stems * (PEAK / largest))


def write(out: Path, clips: Clips, split: str, made: Iterator[Mixture]) -> int:
    """Write the folder and return how many mixtures it has.

    clips.csv lists them with the labels of all their sources, sources.csv what each is made of.
    """
    listed = [("path", "split", "labels", "clip_id")]
    sources = [("mixture", "source", "clip_id", "start_s", "level_db")]
    (out / split).mkdir(parents=True, exist_ok=True)
    for number, mixture in enumerate(made):
        name = f"mixture{number:05d}"
        labels: set[str] = set()
        folder = out / "stems" / name
        folder.mkdir(parents=True, exist_ok=True)
        for place, (source, stem) in enumerate(zip(mixture.sources, mixture.stems, strict=True)):
            own = zip(clips.classes, clips.targets[source.clip], strict=True)
            labels |= {label for label, on in own if on}
            _write_flac(folder / f"{place}.flac", stem)
            when, level = f"{source.start / RATE_HZ:.6f}", f"{source.level_db:.3f}"
            sources.append((name, str(place), clips.ids[source.clip], when, level))
        whole = mixture.stems.sum(axis=0)
        _write_flac(out / split / f"{name}.flac", whole)
        listed.append((f"{split}/{name}.flac", split, ";".join(sorted(labels)), name))
    for file, rows in (("clips.csv", listed), ("sources.csv", sources)):
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        write_whole(out / file, text.getvalue().encode())
    return len(listed) - 1


def _write_flac(file: Path, samples: np.ndarray) -> None:
    """Write (time,) samples; libsndfile's own writer says of a full disk no more than "error"."""
    content = io.BytesIO()
    soundfile.write(content, samples, RATE_HZ, format="FLAC", subtype="PCM_24")
    write_whole(file, content.getvalue())


@one_sentence_errors()
def main(arguments: list[str] | None = None) -> None:
    """Make the folder that the command line names."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("data", type=Path, help="folder of a prepared corpus")
    options.add_argument("split", help="split whose clips are mixed, e.g. eval")
    options.add_argument("out", type=Path, help="folder to write")
    options.add_argument("--clips", type=int, default=200, help="number of mixtures")
    options.add_argument("--seconds", type=float, default=5.0, help="length of each")
    options.add_argument("--seed", type=int, default=0)
    args = options.parse_args(arguments)
    clips = load(args.data, [args.split])
    n = write(args.out, clips, "eval", mixtures(clips, args.clips, args.seconds, args.seed))
    say(f"{n} mixtures of {clips.dataset} {args.split} in {args.out}")


if __name__ == "__main__":
    main()
