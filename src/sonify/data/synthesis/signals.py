"""Building blocks of synthetic sounds: noise, oscillators, filters, and events that recur.

Conventions: signals are float64 arrays (time,); frequencies in Hz, durations in seconds; `rng` is
the only source of chance, so equal generators give equal samples.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

# No filter edge lies nearer to the Nyquist frequency than this share of the sampling rate.
_HIGHEST = 0.48


def samples(duration_s: float, rate_hz: int) -> int:
    """The number of samples in a duration, at least one."""
    return max(1, round(duration_s * rate_hz))


def log_uniform(low: float, high: float, *, rng: np.random.Generator) -> float:
    """A positive number whose logarithm is uniform, as pitches and tempi are heard."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def unit_peak(x: np.ndarray) -> np.ndarray:
    """`x` scaled to a largest magnitude of 1; silence stays silence."""
    peak = np.abs(x).max(initial=0.0)
    return x / peak if peak > 0 else x


def phase(frequency_hz: np.ndarray | float, n: int, rate_hz: int) -> np.ndarray:
    """Phase in radians of an oscillator at a frequency that may vary (time,); starts near 0."""
    step = 2 * np.pi / rate_hz
    if np.ndim(frequency_hz) == 0:
        return step * frequency_hz * np.arange(1, n + 1)
    return np.cumsum(step * frequency_hz)


def harmonics(angle: np.ndarray, amplitudes: Sequence[float] | np.ndarray) -> np.ndarray:
    """Sum over k = 1, 2, ... of amplitudes[k-1] sin(k angle)."""
    total = np.zeros_like(angle)
    for k, amplitude in enumerate(amplitudes, start=1):
        total += amplitude * np.sin(k * angle)
    return total


def pulses(angle: np.ndarray) -> np.ndarray:
    """A unit pulse at every whole turn of an oscillator: the source of voices and engines."""
    turns = np.floor(angle / (2 * np.pi))
    return np.diff(turns, prepend=-1.0)


def sparse_pulses(n: int, rate_hz: int, density_hz: float, spread: float, *, rng) -> np.ndarray:
    """Pulses at random moments, `density_hz` a second on average, with log-normal heights."""
    count = max(1, rng.poisson(density_hz * n / rate_hz))
    x = np.zeros(n)
    heights = np.exp(spread * rng.standard_normal(count)) * rng.choice((-1.0, 1.0), count)
    np.add.at(x, rng.integers(0, n, count), heights)
    return x


def resonator(x: np.ndarray, centre_hz: float, width_hz: float, rate_hz: int) -> np.ndarray:
    """`x` through one resonance with its peak near unit gain."""
    radius = np.exp(-np.pi * width_hz / rate_hz)
    angle = 2 * np.pi * centre_hz / rate_hz
    gain = (1 - radius) * np.abs(1 - radius * np.exp(-2j * angle))
    return lfilter([gain], [1, -2 * radius * np.cos(angle), radius**2], x)


def band(x: np.ndarray, low_hz: float, high_hz: float, rate_hz: int) -> np.ndarray:
    """`x` between two frequencies (12 dB per octave outside); `low_hz` 0 keeps the bottom."""
    high = min(high_hz / rate_hz, _HIGHEST)
    if low_hz > 0:
        return sosfilt(butter(2, (low_hz / rate_hz, high), "bandpass", fs=1.0, output="sos"), x)
    return sosfilt(butter(2, high, "lowpass", fs=1.0, output="sos"), x)


def noise(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """White noise of unit variance."""
    return rng.standard_normal(n)


def wander(n: int, rate_hz: int, knots_hz: float, *, rng: np.random.Generator) -> np.ndarray:
    """A curve in [-1, 1] that changes at random, about `knots_hz` times a second."""
    spacing = rate_hz / knots_hz
    values = rng.uniform(-1, 1, int(n / spacing) + 3)
    return np.interp(np.arange(n) / spacing + rng.uniform(), np.arange(len(values)), values)


def gated(x: np.ndarray, rate_hz: int, attack_s: float, release_s: float) -> np.ndarray:
    """`x` with half-cosine ramps at its ends; each takes at most half of it."""
    y = x.copy()
    rise = min(samples(attack_s, rate_hz), len(x) // 2)
    fall = min(samples(release_s, rate_hz), len(x) // 2)
    if rise:
        y[:rise] *= _ramp(rise)
    if fall:
        y[-fall:] *= _ramp(fall)[::-1]
    return y


def decay(n: int, rate_hz: int, half_life_s: float) -> np.ndarray:
    """An exponential that starts at 1 and halves every `half_life_s`."""
    return np.exp2(-np.arange(n) / (half_life_s * rate_hz))


def recurring(
    takes: Sequence[np.ndarray],
    n: int,
    rate_hz: int,
    period_s: float,
    *,
    rng: np.random.Generator,
    jitter: float = 0.1,
) -> np.ndarray:
    """`n` samples in which an event returns every `period_s`, with small jitter in time and level.

    `takes` are renderings of the one event, used in turn. The series is under way at the start, as
    in a crop of something longer, so that any stretch of two periods holds a whole onset: two crops
    of a clip share their content, without which there would be nothing for contrastive learning.
    """
    longest = max(map(len, takes))
    period = period_s * rate_hz
    first = -rng.uniform() * period
    count = int((n - first) / period) + 2
    starts = first + period * (np.arange(count) + jitter * rng.uniform(-1, 1, count))
    gains = 10 ** (rng.uniform(-2, 2, count) / 20)
    x = np.zeros(n + 2 * longest + 2)
    for k, (start, gain) in enumerate(zip(np.rint(starts).astype(int), gains, strict=True)):
        take = takes[k % len(takes)]
        at = start + longest
        if 0 <= at < n + longest:
            x[at : at + len(take)] += gain * take
    return x[longest : longest + n]


def _ramp(n: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
