"""Mix a synthetic clip from one to three recurring sources and a background.

A clip depends only on its seeds, dataset, split and number, so that it can be rendered on its own,
and a larger corpus begins with the clips of a smaller one.
"""

from dataclasses import dataclass

import numpy as np

from sonify.data.audio.pcm import PEAK
from sonify.data.synthesis.sources import LEAVES, Leaf
from sonify.data.synthesis.textures import background
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

# Probabilities of one, two, three sources: mean prevalence about 0.11 over leaves and parents.
_SOURCE_COUNTS = (0.55, 0.35, 0.10)
# Levels in dB: further sources and background relative to the first source, peak of the clip.
_SOURCE_DB = (-6.0, 0.0)
_BACKGROUND_DB = (-34.0, -18.0)
_PEAK_DB = (-14.0, -1.0)
_LENGTH_STEP_S = 0.25  # exact at 8, 16 and 44.1 kHz
_FRAME_S = 0.05


@dataclass(frozen=True)
class Mixture:
    """A rendered clip. sources: its leaf classes, first the one dealt from the deck; stems:
    (source, time) int16; background, mix: (time,) int16. `mix` equals the sum of the stems and the
    background to within half a step per summand."""

    sources: tuple[Leaf, ...]
    stems: np.ndarray
    background: np.ndarray
    mix: np.ndarray


def sources_of(*identity: str | int) -> tuple[Leaf, ...]:
    """Draw the leaf classes of the clip with `identity` (seeds, dataset, split, number).

    The first is dealt from a deck of all leaves, reshuffled every round, so that each round of
    clips contains every class. The others are drawn at random without replacement.
    """
    *corpus, number = identity
    lap, place = divmod(int(number), len(LEAVES))
    first = int(generator("synthesis", *corpus, "deck", lap).permutation(len(LEAVES))[place])
    rng = generator("synthesis", *identity, "sources")
    count = int(rng.choice(len(_SOURCE_COUNTS), p=_SOURCE_COUNTS)) + 1
    others = [int(i) for i in rng.permutation(len(LEAVES)) if i != first][: count - 1]
    return tuple(LEAVES[i] for i in (first, *others))


def mixture(
    sources: tuple[Leaf, ...], n: int, rate_hz: int, *, rng: np.random.Generator
) -> Mixture:
    """Mix `n` samples at `rate_hz` of the sources over a new background.

    Sources are first normalised to equal loudness (the loudest quarter of 50 ms frames), because
    peaks say little about the relative loudness of clicks and hums.
    """
    parts = [source.render(n, rate_hz, rng=rng) for source in sources]
    parts.append(background(n, rate_hz, rng=rng))
    levels_db = [0.0, *rng.uniform(*_SOURCE_DB, len(sources) - 1), rng.uniform(*_BACKGROUND_DB)]
    stems = np.stack(parts)
    for stem, level in zip(stems, levels_db, strict=True):
        stem *= 10 ** (level / 20) / loudness(stem, rate_hz)
    mix = stems.sum(axis=0)
    # Stems may peak above their sum, and must fit in 16 bits too.
    largest = max(mix.max(), -mix.min(), stems.max(), -stems.min())
    gain = PEAK * 10 ** (rng.uniform(*_PEAK_DB) / 20) / largest
    stems, mix = quantised(stems, gain), quantised(mix, gain)
    return Mixture(sources, stems[:-1], stems[-1], mix)


def quantised(x: np.ndarray, gain: float) -> np.ndarray:
    """Return x times `gain` as int16, rounded; overwrites x."""
    x *= gain
    return np.rint(x, out=x).astype(np.int16)


def loudness(x: np.ndarray, rate_hz: int) -> float:
    """The RMS of the loudest quarter of 50 ms frames; a shorter signal is one frame.

    Raises SonifyError for silence, which no gain can bring to a given level.
    """
    frame = min(len(x), round(_FRAME_S * rate_hz))
    count = len(x) // frame
    powers = np.sort(np.square(x[: count * frame]).reshape(count, frame).mean(axis=1))
    value = float(np.sqrt(powers[-max(1, count // 4) :].mean()))
    if not value > 0:
        raise SonifyError("a silent signal has no loudness: render it again with another generator")
    return value


def lengths_s(min_s: float, max_s: float) -> tuple[float, ...]:
    """The clip lengths of a corpus in seconds, two per octave, in multiples of 0.25 s.

    A handful of distinct lengths lets evaluation batch whole clips without padding.
    Raises SonifyError unless 0 < min_s <= max_s.
    """
    if not 0 < min_s <= max_s:
        raise SonifyError(f"min_s is {min_s} and max_s {max_s}: 0 < min_s <= max_s must hold")
    count = round(2 * np.log2(max_s / min_s)) + 1
    ladder = np.geomspace(min_s, max_s, count)
    steps = np.clip(np.rint(ladder / _LENGTH_STEP_S) * _LENGTH_STEP_S, min_s, max_s)
    return tuple(sorted({float(step) for step in steps}))
