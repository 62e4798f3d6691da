"""Sounds of recurring events: chirps, bells, plucks, kicks, clicks, birds, barks, laughter.

Every function renders `n` samples, float64 in [-1, 1] with unit peak, at `rate_hz`. The
characteristics of every class lie below 3.5 kHz, as all clips are later resampled to 8 kHz. Pitch,
timbre and tempo are drawn once per clip.
"""

import numpy as np
from scipy.signal import lfilter

from sonify.data.synthesis.signals import (
    band,
    decay,
    gated,
    harmonics,
    log_uniform,
    noise,
    phase,
    pulses,
    recurring,
    resonator,
    ringing,
    samples,
    unit_peak,
)

Rng = np.random.Generator
# Partials of a church bell: ratio to the strike note, level, relative half-life.
_BELL = (
    (0.5, 0.5, 1.0), (1.0, 1.0, 0.9), (1.2, 0.8, 0.7), (1.5, 0.4, 0.55), (2.0, 0.8, 0.5),
    (2.67, 0.4, 0.35), (3.0, 0.25, 0.3),
)  # fmt: skip


def chirp_up(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Rising sweeps of one to two octaves."""
    return _chirps(n, rate_hz, rising=True, rng=rng)


def chirp_down(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Falling sweeps of one to two octaves."""
    return _chirps(n, rate_hz, rising=False, rng=rng)


def bell(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Struck inharmonic partials that ring into the next stroke."""
    strike_hz = log_uniform(350, 1000, rng=rng)
    half_life_s = rng.uniform(0.1, 0.22)
    m = samples(7 * half_life_s, rate_hz)
    ring = np.zeros(m)
    for ratio, level, lasting in _BELL:
        ring += level * ringing(ratio * strike_hz, m, rate_hz, half_life_s * lasting)
    period_s = rng.uniform(0.4, 0.75)
    return _series([gated(ring, rate_hz, 0.001, 0.02)], n, rate_hz, period_s, rng=rng)


def pluck(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A plucked string (Karplus and Strong, 1983): a noise period in a damped delay loop."""
    period = samples(1 / log_uniform(110, 440, rng=rng), rate_hz)
    m = samples(rng.uniform(0.3, 0.55), rate_hz)
    loss = 0.5 * 0.001 ** (period / rate_hz / rng.uniform(0.6, 1.2))
    loop = np.zeros(period + 2)
    loop[0], loop[period], loop[period + 1] = 1.0, -loss, -loss
    pick = np.zeros(m)
    burst = band(noise(period, rng=rng), 0, 3000, rate_hz)[:m]
    pick[: len(burst)] = burst
    string = gated(lfilter([1.0], loop, pick), rate_hz, 0.001, 0.05)
    return _series([string], n, rate_hz, rng.uniform(0.22, 0.5), rng=rng)


def kick(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A bass drum: a tone that drops to 45-80 Hz, with a short click of the beater."""
    m = samples(rng.uniform(0.15, 0.3), rate_hz)
    rest_hz = rng.uniform(45, 80)
    pitch = rest_hz * (1 + rng.uniform(2, 4) * decay(m, rate_hz, rng.uniform(0.012, 0.025)))
    thump = np.sin(phase(pitch, m, rate_hz)) * decay(m, rate_hz, rng.uniform(0.04, 0.08))
    click = band(noise(m, rng=rng), 500, 2500, rate_hz) * decay(m, rate_hz, 0.002)
    event = gated(thump + rng.uniform(0.1, 0.3) * click, rate_hz, 0.001, 0.03)
    return _series([event], n, rate_hz, rng.uniform(0.3, 0.6), rng=rng)


def clicks(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A ticking mechanism: short resonant clicks at a steady rate, like a clock or a ratchet."""
    m = samples(0.03, rate_hz)
    strike = noise(m, rng=rng) * decay(m, rate_hz, 0.0007)
    colour = log_uniform(900, 2800, rng=rng)
    click = resonator(strike, colour, rng.uniform(150, 500), rate_hz) + 0.02 * strike
    period_s = 1 / log_uniform(5, 13, rng=rng)
    return _series([click], n, rate_hz, period_s, jitter=0.01, rng=rng)


def noise_burst(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Bursts of flat noise with abrupt onsets and offsets."""
    m = samples(rng.uniform(0.07, 0.2), rate_hz)
    low_hz, high_hz = rng.uniform(80, 500), rng.uniform(2500, 6000)
    takes = [
        gated(band(noise(m, rng=rng), low_hz, high_hz, rate_hz), rate_hz, 0.003, 0.01)
        for _ in range(2)
    ]
    return _series(takes, n, rate_hz, m / rate_hz + rng.uniform(0.1, 0.3), rng=rng)


def bird(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Tweets: groups of quick notes between 1.9 and 3.4 kHz, each a short sweep with a trill."""
    centre_hz = rng.uniform(2200, 3000)
    note = samples(rng.uniform(0.035, 0.07), rate_hz)
    gap = samples(rng.uniform(0.02, 0.05), rate_hz)
    position = np.linspace(-1, 1, note)
    notes = []
    for _ in range(rng.integers(3, 6)):
        sweep = rng.uniform(-0.1, 0.1) * position + rng.uniform(0.02, 0.05) * np.cos(
            rng.uniform(2, 6) * np.pi * position
        )
        tone = np.sin(phase(np.clip(centre_hz * (1 + sweep), 1900, 3400), note, rate_hz))
        notes += [gated(tone, rate_hz, 0.012, 0.015), np.zeros(gap)]
    song = np.concatenate(notes)
    return _series([song], n, rate_hz, len(song) / rate_hz + rng.uniform(0.05, 0.3), rng=rng)


def bark(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A dog: short rough barks whose pitch rises and falls, shaped by a wide-open mouth."""
    m = samples(rng.uniform(0.1, 0.18), rate_hz)
    pitch_hz = log_uniform(250, 500, rng=rng)
    mouth_hz = rng.uniform(800, 1300)
    arch = np.sin(np.pi * np.linspace(0.1, 1, m) ** 0.6)
    takes = []
    for _ in range(2):
        rough = 1 + 0.06 * band(noise(m, rng=rng), 20, 200, rate_hz)
        source = pulses(phase(pitch_hz * (0.6 + 0.5 * arch) * rough, m, rate_hz))
        source = source + 0.04 * noise(m, rng=rng)
        cry = resonator(source, mouth_hz, 250, rate_hz) + 0.5 * resonator(
            source, 2.1 * mouth_hz, 400, rate_hz
        )
        takes.append(gated(cry * arch, rate_hz, 0.008, 0.05))
    return _series(takes, n, rate_hz, rng.uniform(0.28, 0.55), rng=rng)


def laughter(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Ha-ha-ha: breathy open vowels, five or six per second, falling in pitch over each bout."""
    syllable = samples(1 / rng.uniform(4.5, 6.5), rate_hz)
    voiced = int(0.55 * syllable)
    pitch_hz = log_uniform(170, 330, rng=rng)
    tract = rng.uniform(0.9, 1.15)
    count = int(rng.integers(3, 6))
    bout = np.zeros(count * syllable)
    breath = 0.03 * noise(len(bout), rng=rng)
    for k in range(count):
        sinking = np.linspace(1.06, 0.94, voiced) * (1.15 - 0.3 * k / count)
        at = k * syllable + syllable - voiced
        envelope = gated(np.ones(voiced), rate_hz, 0.015, 0.06)
        bout[at : at + voiced] = envelope * pulses(phase(pitch_hz * sinking, voiced, rate_hz))
    throat = band(bout + breath, 60, 2500, rate_hz)
    vowel = np.zeros(len(throat))
    for formant, level in ((780, 1.0), (1250, 0.8), (2600, 0.4)):
        vowel += level * resonator(throat, tract * formant, 130, rate_hz)
    period_s = len(bout) / rate_hz + rng.uniform(0.0, 0.12)
    event = gated(vowel, rate_hz, 0.02, 0.02)
    return _series([event], n, rate_hz, period_s, jitter=0.03, rng=rng)


def _chirps(n: int, rate_hz: int, *, rising: bool, rng: Rng) -> np.ndarray:
    m = samples(rng.uniform(0.15, 0.35), rate_hz)
    octaves = rng.uniform(1.0, 2.0)
    low_hz = log_uniform(250, 3400 / 2**octaves, rng=rng)
    course = np.linspace(0, 1, m) if rising else np.linspace(1, 0, m)
    overtone = rng.uniform(0.0, 0.25)
    sweep = harmonics(phase(low_hz * 2 ** (octaves * course), m, rate_hz), (1.0, overtone))
    period_s = m / rate_hz + rng.uniform(0.05, 0.3)
    return _series([gated(sweep, rate_hz, 0.015, 0.03)], n, rate_hz, period_s, rng=rng)


def _series(
    takes: list[np.ndarray], n: int, rate_hz: int, period_s: float, *, rng: Rng, jitter: float = 0.1
) -> np.ndarray:
    return unit_peak(recurring(takes, n, rate_hz, period_s, rng=rng, jitter=jitter))
