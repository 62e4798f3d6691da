"""Formant synthesis of spoken words, for a miniature Speech Commands.

A word is a fixed sequence of phones; a speaker is a pitch, the scale of a vocal tract, a tempo and
a breathiness. Pulses and noise are filtered frame by frame with the formants' magnitude response.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.signal import istft, stft

from sonify.data.audio.pcm import PEAK
from sonify.data.synthesis.signals import log_uniform, noise, phase, pulses, unit_peak, wander
from sonify.data.synthesis.textures import background
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

RATE_HZ = 16000
_WINDOW, _HOP = 320, 80  # 20 ms and 5 ms
_FORMANT_SMOOTHING_S, _LEVEL_SMOOTHING_S = 0.06, 0.02
_EDGE = 8  # frames of silence at each end of a word, twice the reach of the smoothing
_BANDWIDTHS_HZ = np.array([80.0, 110.0, 160.0, 250.0])
_FOURTH_FORMANT_HZ = 3500.0


class Phone(NamedTuple):
    """Target of one phone: three formants in Hz, levels of voice and of noise, and the centre and
    width in Hz of the noise (which stays below 4 kHz, the models' Nyquist frequency)."""

    formants: tuple[float, float, float]
    voice: float = 0.0
    hiss: float = 0.0
    centre_hz: float = 2000.0
    width_hz: float = 1000.0


_NEUTRAL = (500.0, 1500.0, 2500.0)
PHONES: dict[str, Phone] = {
    "-": Phone(_NEUTRAL),
    "a": Phone((740, 1250, 2500), voice=1.0),
    "e": Phone((550, 1800, 2500), voice=1.0),
    "i": Phone((300, 2250, 2900), voice=0.8),
    "o": Phone((500, 880, 2400), voice=1.0),
    "u": Phone((320, 850, 2250), voice=0.8),
    "aw": Phone((620, 950, 2450), voice=1.0),
    "uh": Phone((660, 1250, 2450), voice=1.0),
    "y": Phone((270, 2250, 3000), voice=0.6),
    "l": Phone((360, 1100, 2700), voice=0.5),
    "r": Phone((420, 1150, 1600), voice=0.6),
    "n": Phone((250, 1650, 2600), voice=0.35),
    "d": Phone((300, 1800, 2600), voice=0.25, hiss=0.3, centre_hz=2900, width_hz=900),
    "g": Phone((280, 1500, 2200), voice=0.25, hiss=0.3, centre_hz=1500, width_hz=500),
    "s": Phone(_NEUTRAL, hiss=0.5, centre_hz=3700, width_hz=700),
    "f": Phone(_NEUTRAL, hiss=0.16, centre_hz=2400, width_hz=2200),
    "t": Phone(_NEUTRAL, hiss=0.6, centre_hz=3200, width_hz=900),
    "p": Phone(_NEUTRAL, hiss=0.4, centre_hz=900, width_hz=700),
}
# Phones with their durations in ms at tempo 1.
WORDS: dict[str, tuple[tuple[str, float], ...]] = {
    "yes": (("y", 80), ("e", 170), ("s", 190)),
    "no": (("n", 110), ("o", 190), ("u", 140)),
    "up": (("uh", 180), ("-", 80), ("p", 50)),
    "down": (("d", 35), ("a", 160), ("u", 120), ("n", 140)),
    "left": (("l", 100), ("e", 170), ("f", 120), ("-", 50), ("t", 60)),
    "right": (("r", 120), ("a", 160), ("i", 120), ("-", 70), ("t", 60)),
    "on": (("aw", 220), ("n", 180)),
    "off": (("aw", 200), ("f", 220)),
    "stop": (("s", 170), ("-", 60), ("t", 35), ("aw", 170), ("-", 60), ("p", 45)),
    "go": (("g", 45), ("o", 190), ("u", 150)),
}


@dataclass(frozen=True)
class Speaker:
    """A voice. pitch_hz: mean pitch; tract: scale of all formants; tempo: relative speed; breath:
    noise level in voiced sounds; rise: relative change of pitch over a word (negative: falling)."""

    pitch_hz: float
    tract: float
    tempo: float
    breath: float
    rise: float


def speaker(*identity: str | int) -> Speaker:
    """Draw the speaker with `identity` (seeds, split, number).

    As in humans, high voices tend to have short tracts.
    """
    rng = generator("synthesis", *identity, "speaker")
    height = rng.uniform()
    return Speaker(
        pitch_hz=90 * 2.6**height * rng.uniform(0.9, 1.1),
        tract=0.88 + 0.26 * height + rng.uniform(-0.04, 0.04),
        tempo=rng.uniform(0.85, 1.25),
        breath=log_uniform(0.005, 0.05, rng=rng),
        rise=rng.uniform(-0.25, 0.1),
    )


def spoken(word: str, voice: Speaker, *, rng: np.random.Generator) -> np.ndarray:
    """Render one take of `word`: (time,) int16 at 16 kHz, 1 s or, one time in ten, 0.6 to 0.95 s.

    Raises SonifyError, listing the known words, for any other.
    """
    if word not in WORDS:
        raise SonifyError(f"no word named {word!r}: choose one of {', '.join(WORDS)}")
    n = RATE_HZ if rng.uniform() > 0.1 else round(RATE_HZ * rng.uniform(0.6, 0.95))
    utterance = unit_peak(_utterance(word, voice, rng=rng))[:n]
    x = np.zeros(n)
    slack = n - len(utterance)
    at = round(slack * rng.uniform(0.25, 0.75))
    x[at : at + len(utterance)] = utterance
    room = background(n, RATE_HZ, rng=rng)
    x = x + 10 ** (rng.uniform(-45, -25) / 20) * room
    return np.rint(PEAK * 10 ** (rng.uniform(-14, -1) / 20) * unit_peak(x)).astype(np.int16)


def _utterance(word: str, voice: Speaker, *, rng: np.random.Generator) -> np.ndarray:
    """The bare word: (time,) float64, at no particular level."""
    tempo = voice.tempo * rng.uniform(0.92, 1.08)
    targets = [(PHONES[name], ms / 1000 / tempo * rng.uniform(0.88, 1.12))
               for name, ms in WORDS[word]]  # fmt: skip
    track = _track(targets)
    n = len(track) * _HOP
    glide = np.linspace(-0.5, 0.5, n) * voice.rise + 0.02 * wander(n, RATE_HZ, 8.0, rng=rng)
    pitch_hz = voice.pitch_hz * rng.uniform(0.94, 1.06) * (1 + glide)
    air = noise(n, rng=rng)
    # Pulses are scaled to unit variance, so that levels are independent of pitch.
    buzz = pulses(phase(pitch_hz, n, RATE_HZ)) * np.sqrt(RATE_HZ / pitch_hz) + voice.breath * air
    grid, _, voiced = _spectrum(buzz)
    _, _, breathy = _spectrum(air)
    frames = np.minimum(np.arange(voiced.shape[1]), len(track) - 1)
    formants, levels = track[frames, :3], track[frames, 3:]
    shape = voiced * _response(grid, voice.tract * formants) * levels[:, 0]
    hiss = np.exp(-0.5 * ((grid[:, None] - levels[:, 2]) / levels[:, 3]) ** 2)
    _, x = istft(shape + breathy * hiss * levels[:, 1], RATE_HZ, nperseg=_WINDOW,
                 noverlap=_WINDOW - _HOP)  # fmt: skip
    return x[:n]


def _track(targets: list[tuple[Phone, float]]) -> np.ndarray:
    """The smoothed parameter trajectories of a word: (frame, 7).

    Columns: three formants in Hz, levels of voice and of noise, centre and width of the noise in
    Hz. Levels change faster than formants, as closures are faster than the tongue.
    """
    counts = [max(1, round(duration_s * RATE_HZ / _HOP)) for _, duration_s in targets]
    values = np.array([[*phone.formants, *phone[1:]] for phone, _ in targets])
    # Mute the ends, so that smoothing fades the word in and out instead of cutting it.
    values = np.concatenate([values[:1], values, values[-1:]])
    values[[0, -1], 3:5] = 0.0
    track = np.repeat(values, [_EDGE, *counts, _EDGE], axis=0)
    slow = _smoothed(track[:, :3], _FORMANT_SMOOTHING_S)
    fast = _smoothed(track[:, 3:], _LEVEL_SMOOTHING_S)
    return np.concatenate([slow, fast], axis=1)


def _smoothed(track: np.ndarray, width_s: float) -> np.ndarray:
    frames = round(width_s * RATE_HZ / _HOP) | 1
    kernel = np.hanning(frames + 2)[1:-1]
    padded = np.pad(track, ((frames // 2, frames // 2), (0, 0)), mode="edge")
    columns = [np.convolve(c, kernel / kernel.sum(), mode="valid") for c in padded.T]
    return np.stack(columns, axis=1)


def _response(grid_hz: np.ndarray, formants_hz: np.ndarray) -> np.ndarray:
    """The magnitude response, (frequency, frame), of formants (frame, 3) and a fixed fourth one."""
    f = grid_hz[:, None]
    fourth = np.full(len(formants_hz), _FOURTH_FORMANT_HZ)
    power = np.ones((len(grid_hz), len(formants_hz)))
    for centre, width in zip([*formants_hz.T, fourth], _BANDWIDTHS_HZ, strict=True):
        squared = (centre / 1000) ** 2 - (f / 1000) ** 2
        squared *= squared
        squared += (width * f / 1e6) ** 2
        power *= squared
    peaks = (np.prod(formants_hz, axis=1) * _FOURTH_FORMANT_HZ / 1e12) ** 2
    tilt = 1 + f / 700  # of voice source and lip radiation combined
    return peaks / (tilt * np.sqrt(power))


def _spectrum(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return stft(x, RATE_HZ, nperseg=_WINDOW, noverlap=_WINDOW - _HOP)
