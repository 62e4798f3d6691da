"""Sustained sounds: tones, hums, sirens, engines, weather, fire, a held vowel.

Every function renders `n` samples, float64 in [-1, 1] with unit peak, at `rate_hz`. The
characteristics of every class lie below 3.5 kHz, as all clips are later resampled to 8 kHz.
`background` is the quiet texture behind the sources of a clip and belongs to no class.
"""

import numpy as np

from sonify.data.synthesis.signals import (
    band,
    gated,
    harmonics,
    log_uniform,
    noise,
    phase,
    pulses,
    recurring,
    resonator,
    samples,
    sparse_pulses,
    unit_peak,
    wander,
)

Rng = np.random.Generator
# First three formants of five held vowels, in Hz (Peterson and Barney, 1952, men, rounded).
_VOWELS = (
    (730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240),
)  # fmt: skip


def tone(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A pure tone, held or in beeps."""
    pitch_hz = log_uniform(300, 2600, rng=rng)
    if rng.uniform() < 0.4:
        return unit_peak(np.sin(phase(pitch_hz, n, rate_hz) + rng.uniform(0, 2 * np.pi)))
    beep = np.sin(phase(pitch_hz, samples(rng.uniform(0.15, 0.4), rate_hz), rate_hz))
    event = gated(beep, rate_hz, 0.01, 0.01)
    period_s = len(event) / rate_hz + rng.uniform(0.05, 0.25)
    return unit_peak(recurring([event], n, rate_hz, period_s, rng=rng, jitter=0.02))


def vibrato(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A held note with a few overtones and vibrato at 4.5 to 8 Hz."""
    speed_hz, depth = rng.uniform(4.5, 8), rng.uniform(0.03, 0.08)
    tremble = np.sin(phase(speed_hz, n, rate_hz) + rng.uniform(0, 2 * np.pi))
    angle = phase(log_uniform(350, 1100, rng=rng) * (1 + depth * tremble), n, rate_hz)
    return unit_peak(harmonics(angle, (1.0, rng.uniform(0.2, 0.5), rng.uniform(0.05, 0.3))))


def hum(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Mains hum: a dozen steady harmonics of 50 to 120 Hz."""
    weights = np.arange(1, 15) ** -rng.uniform(0.5, 1.0) * rng.uniform(0.3, 1.0, 14)
    angle = phase(log_uniform(50, 120, rng=rng), n, rate_hz) + rng.uniform(0, 2 * np.pi)
    return unit_peak(harmonics(angle, weights))


def siren(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A tone with overtones that sweeps between two pitches, once or twice a second."""
    low_hz, ratio = log_uniform(450, 850, rng=rng), rng.uniform(1.5, 2.0)
    turn = phase(rng.uniform(1.0, 2.0), n, rate_hz) / (2 * np.pi) + rng.uniform()
    if rng.uniform() < 0.5:
        wail = 0.5 + 0.5 * np.sin(2 * np.pi * turn)
    else:
        wail = np.clip(3 * np.abs(2 * (turn % 1) - 1) - 1, 0, 1)
    angle = phase(low_hz * ratio**wail, n, rate_hz)
    return unit_peak(harmonics(angle, (1.0, rng.uniform(0.3, 0.6), rng.uniform(0.1, 0.3))))


def engine(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A piston engine: uneven firing at 25 to 70 Hz, through an exhaust, with rattle."""
    speed_hz = log_uniform(25, 70, rng=rng) * (1 + 0.08 * wander(n, rate_hz, 2.0, rng=rng))
    firing = pulses(phase(speed_hz, n, rate_hz))
    at = np.flatnonzero(firing)
    firing[at] *= rng.uniform(0.4, 1.0, len(at))
    low_hz, high_hz = rng.uniform(90, 180), rng.uniform(350, 900)
    exhaust = resonator(firing, low_hz, 90, rate_hz) + resonator(firing, high_hz, 250, rate_hz)
    puffs = resonator(np.abs(firing) * 4.0, 0.0, 30, rate_hz)
    rattle = puffs * band(noise(n, rng=rng), 300, 2200, rate_hz)
    return unit_peak(unit_peak(exhaust) + rng.uniform(0.15, 0.35) * unit_peak(rattle))


def hiss(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Escaping steam: steady noise above a cutoff of 1.4 to 2.4 kHz."""
    return unit_peak(band(noise(n, rng=rng), rng.uniform(1400, 2400), 5000, rate_hz))


def rain(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Many small drops at random times over soft noise."""
    drops = sparse_pulses(n, rate_hz, rng.uniform(90, 250), 0.7, rng=rng)
    surface_hz = log_uniform(700, 2000, rng=rng)
    plop = resonator(drops, surface_hz, 300, rate_hz)
    # Reversed, they serve as other drops on a second surface at no extra cost.
    splash = resonator(drops[::-1], min(1.9 * surface_hz, 3300), 500, rate_hz)
    rush = band(noise(n, rng=rng), 400, 3500, rate_hz)
    wet = unit_peak(plop + splash)
    return unit_peak(wet + rng.uniform(0.15, 0.3) * wet.std() * rush / rush.std())


def wind(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """Howling air: noise through a low resonance, in gusts."""
    air = noise(n, rng=rng)
    centre_hz = log_uniform(180, 600, rng=rng)
    howl = resonator(air, centre_hz, 0.25 * centre_hz, rate_hz)
    rise = resonator(air, 1.35 * centre_hz, 0.25 * centre_hz, rate_hz)
    gust = 0.5 + 0.5 * wander(n, rate_hz, rng.uniform(2, 4), rng=rng)
    return unit_peak((0.3 + 0.7 * gust) * ((1 - gust) * howl + gust * rise))


def crackle(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A fire: dry snaps at random times, few loud and many soft, over a low murmur."""
    snaps = sparse_pulses(n, rate_hz, rng.uniform(12, 35), 1.0, rng=rng)
    dry = unit_peak(band(snaps, rng.uniform(300, 800), 3600, rate_hz))
    murmur = band(noise(n, rng=rng), 0, rng.uniform(120, 300), rate_hz)
    return unit_peak(dry + rng.uniform(0.02, 0.06) * unit_peak(murmur))


def vowel(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """A singer holding one vowel, in syllables of a quarter to half a second."""
    tract = rng.uniform(0.92, 1.18)
    formants = _VOWELS[rng.integers(len(_VOWELS))]
    m = samples(rng.uniform(0.25, 0.5), rate_hz)
    pitch_hz = log_uniform(95, 260, rng=rng) * np.linspace(1.03, 0.96, m)
    glottis = band(pulses(phase(pitch_hz, m, rate_hz)), 0, 900, rate_hz)
    glottis += 0.002 * noise(m, rng=rng)
    # The glottal spectrum falls steeply, so upper formants are boosted to be audible at all.
    voice = np.zeros(m)
    for formant, lift in zip(formants, (1.0, 2.0, 4.0), strict=True):
        bandwidth_hz = 70 + 0.04 * formant
        voice += lift * resonator(glottis, min(tract * formant, 3400), bandwidth_hz, rate_hz)
    syllable = gated(voice, rate_hz, 0.03, 0.06)
    period_s = m / rate_hz + rng.uniform(0.02, 0.15)
    return unit_peak(recurring([syllable], n, rate_hz, period_s, rng=rng, jitter=0.05))


def background(n: int, rate_hz: int, *, rng: Rng) -> np.ndarray:
    """The background of one clip: slowly swelling noise with a random tilt and two resonances."""
    air = noise(n, rng=rng)
    bed = resonator(air, 0.0, log_uniform(60, 1500, rng=rng), rate_hz)
    bed = bed / bed.std()
    for _ in range(2):
        centre_hz = log_uniform(150, 3200, rng=rng)
        ring = resonator(air, centre_hz, rng.uniform(0.08, 0.4) * centre_hz, rate_hz)
        bed = bed + rng.uniform(0.3, 1.5) * ring / ring.std()
    return unit_peak(bed * (1 + 0.25 * wander(n, rate_hz, 1.0, rng=rng)))
