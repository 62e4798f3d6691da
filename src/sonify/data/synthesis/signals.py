"""Building blocks of synthetic sounds: noise, oscillators, filters, and events that recur.

Conventions: signals are float64 arrays (time,); frequencies in Hz, durations in seconds; `rng` is
the only source of randomness, so equal generators give equal samples.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

# Highest cutoff of any filter, as a fraction of the sampling rate.
_HIGHEST = 0.48


def samples(duration_s: float, rate_hz: int) -> int:
    """The number of samples in a duration, at least one."""
    return max(1, round(duration_s * rate_hz))


def log_uniform(low: float, high: float, *, rng: np.random.Generator) -> float:
    """Draw a positive number with uniform logarithm, matching how pitch and tempo are heard."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def unit_peak(x: np.ndarray) -> np.ndarray:
    """Scale `x` to unit peak; silence stays silent."""
    peak = np.abs(x).max(initial=0.0)
    return x / peak if peak > 0 else x


def phase(frequency_hz: np.ndarray | float, n: int, rate_hz: int) -> np.ndarray:
    """The phase in radians of an oscillator, starting near 0; its frequency may vary, (time,)."""
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
    """A train of unit pulses, one per cycle of an oscillator: the source of voices and engines."""
    turns = np.floor(angle / (2 * np.pi))
    return np.diff(turns, prepend=-1.0)


def sparse_pulses(n: int, rate_hz: int, density_hz: float, spread: float, *, rng) -> np.ndarray:
    """Pulses at random times, `density_hz` per second on average, with log-normal amplitudes."""
    count = max(1, rng.poisson(density_hz * n / rate_hz))
    x = np.zeros(n)
    heights = np.exp(spread * rng.standard_normal(count)) * rng.choice((-1.0, 1.0), count)
    np.add.at(x, rng.integers(0, n, count), heights)
    return x


def resonator(x: np.ndarray, centre_hz: float, width_hz: float, rate_hz: int) -> np.ndarray:
    """Filter `x` with a resonance whose peak gain is close to 1."""
    radius = np.exp(-np.pi * width_hz / rate_hz)
    angle = 2 * np.pi * centre_hz / rate_hz
    gain = (1 - radius) * np.abs(1 - radius * np.exp(-2j * angle))
    return lfilter([gain], [1, -2 * radius * np.cos(angle), radius**2], x)


def band(x: np.ndarray, low_hz: float, high_hz: float, rate_hz: int) -> np.ndarray:
    """Band-pass `x` (12 dB per octave); with `low_hz` 0, low-pass it."""
    high = min(high_hz / rate_hz, _HIGHEST)
    if low_hz > 0:
        return sosfilt(butter(2, (low_hz / rate_hz, high), "bandpass", fs=1.0, output="sos"), x)
    return sosfilt(butter(2, high, "lowpass", fs=1.0, output="sos"), x)


def noise(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """White noise of unit variance."""
    return rng.standard_normal(n)


def wander(n: int, rate_hz: int, knots_hz: float, *, rng: np.random.Generator) -> np.ndarray:
    """A random curve in [-1, 1], interpolated between about `knots_hz` random values per second."""
    spacing = rate_hz / knots_hz
    values = rng.uniform(-1, 1, int(n / spacing) + 3)
    return np.interp(np.arange(n) / spacing + rng.uniform(), np.arange(len(values)), values)


def gated(x: np.ndarray, rate_hz: int, attack_s: float, release_s: float) -> np.ndarray:
    """Fade `x` in and out with half-cosine ramps, each at most half its length."""
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
    """Repeat an event every `period_s` over `n` samples, with small jitter in time and level.

    `takes` are renderings of the same event, used in turn. The series is already under way at the
    start, as in a crop of a longer recording, so that any two periods contain a complete onset and
    any two crops of a clip share content, as contrastive learning requires.
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
