"""The twenty synthetic sound classes and their six parents, named as in both taxonomies.

AudioSet and FSD50K share classes and mids, as the real datasets do, but not the spelling of labels.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sonify.data.synthesis import events, textures

Render = Callable[..., np.ndarray]


@dataclass(frozen=True)
class SoundClass:
    """A class. label: FSD50K spelling; display_name: AudioSet spelling, which begins with the label
    in plain words; parent: label of the parent class, empty for a parent."""

    label: str
    display_name: str
    mid: str
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class Leaf(SoundClass):
    """A class below a parent. render: `render(n, rate_hz, rng=rng)` gives (n,) in [-1, 1]."""

    render: Render


_PARENTS = (
    ("Tonal_sounds", "Tonal sounds"),
    ("Percussion", "Percussion"),
    ("Noise", "Noise"),
    ("Vehicle", "Vehicle"),
    ("Animal", "Animal"),
    ("Human_voice", "Human voice"),
)
_LEAVES: tuple[tuple[str, str, str, Render], ...] = (
    ("Tone", "Tone, beep", "Tonal_sounds", textures.tone),
    ("Vibrato", "Vibrato", "Tonal_sounds", textures.vibrato),
    ("Chirp_up", "Chirp up", "Tonal_sounds", events.chirp_up),
    ("Chirp_down", "Chirp down", "Tonal_sounds", events.chirp_down),
    ("Hum", "Hum, mains hum", "Tonal_sounds", textures.hum),
    ("Bell", "Bell", "Percussion", events.bell),
    ("Pluck", "Pluck, plucked string", "Percussion", events.pluck),
    ("Kick", 'Kick, "four on the floor"', "Percussion", events.kick),
    ("Clicks", "Clicks, ticking", "Percussion", events.clicks),
    ("Noise_burst", "Noise burst", "Noise", events.noise_burst),
    ("Hiss", "Hiss", "Noise", textures.hiss),
    ("Rain", "Rain", "Noise", textures.rain),
    ("Wind", "Wind", "Noise", textures.wind),
    ("Crackle", "Crackle, fire", "Noise", textures.crackle),
    ("Engine", "Engine", "Vehicle", textures.engine),
    ("Siren", "Siren", "Vehicle", textures.siren),
    ("Bird", "Bird, bird call", "Animal", events.bird),
    ("Bark", 'Bark, "woof"', "Animal", events.bark),
    ("Vowel", "Vowel", "Human_voice", textures.vowel),
    ("Laughter", "Laughter", "Human_voice", events.laughter),
)
PARENTS = tuple(
    SoundClass(label, name, f"/t/sy{i:03d}") for i, (label, name) in enumerate(_PARENTS)
)
LEAVES = tuple(
    Leaf(label, name, f"/t/sy{i:03d}", parent, render=render)
    for i, (label, name, parent, render) in enumerate(_LEAVES, start=len(_PARENTS))
)
CLASSES: tuple[SoundClass, ...] = PARENTS + LEAVES


def with_parents(sources: Iterable[SoundClass]) -> list[SoundClass]:
    """The classes of a clip with these sources: leaves and their parents, in order of mid."""
    leaves = set(sources)
    above = {source.parent for source in leaves}
    return [c for c in CLASSES if c in leaves or c.label in above]
