"""Building blocks of synthetic sounds: noise, oscillators, filters, and events that recur.

Conventions: signals are float64 arrays (time,); frequencies in Hz, durations in seconds; `rng` is
the only source of randomness, so equal generators give equal samples.
"""

from collections.abc import Sequence

import numpy as np
from scipy.signal import lfilter, sosfilt

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
    """Sum over k = 1, 2, ... of amplitudes[k-1] sin(k angle).

    By Clenshaw's recurrence, which takes one sine and one cosine for any number of harmonics.
    """
    twice = 2 * np.cos(angle)
    last, before = np.zeros_like(angle), np.zeros_like(angle)
    for amplitude in reversed(amplitudes):
        before *= -1
        before += twice * last
        before += amplitude
        last, before = before, last
    return last * np.sin(angle)


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
    return sosfilt(butterworth(low_hz / rate_hz, min(high_hz / rate_hz, _HIGHEST)), x)


def butterworth(low: float, high: float) -> np.ndarray:
    """Second-order sections, (section, 6), of the second-order Butterworth filter between two
    cutoffs in cycles per sample, a band-pass or, with `low` 0, a low-pass.

    In closed form, since SciPy's general design takes longer than filtering a clip.
    """
    rise, edge = 4 * np.tan(np.pi * low), 4 * np.tan(np.pi * high)  # bilinear, 2 samples per unit
    pole = np.exp(0.75j * np.pi)
    analog: tuple[complex, ...]
    if low > 0:
        half = pole * (edge - rise) / 2
        root = np.sqrt(half**2 - rise * edge)
        analog, zeros = (half + root, half - root), (1.0, 0.0, -1.0)
        centre = np.exp(2j * np.arctan(np.sqrt(rise * edge) / 4))
    else:
        analog, zeros, centre = (pole * edge,), (1.0, 2.0, 1.0), 1.0
    sections = []
    for s in analog:
        z = (4 + s) / (4 - s)
        poles = (1.0, -2 * z.real, abs(z) ** 2)
        gain = abs(np.polyval(poles, centre) / np.polyval(zeros, centre))
        sections.append([*(gain * b for b in zeros), *poles])
    return np.array(sections)


def noise(n: int, *, rng: np.random.Generator) -> np.ndarray:
    """White noise of unit variance, drawn in single precision, which takes half the time."""
    return rng.standard_normal(n, np.float32).astype(np.float64)


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


def ringing(frequency_hz: float, n: int, rate_hz: int, half_life_s: float) -> np.ndarray:
    """A sine that starts near 0 and halves every `half_life_s`: what is struck.

    As the response of its two poles to a pulse, which takes neither sines nor powers.
    """
    angle, radius = 2 * np.pi * frequency_hz / rate_hz, 0.5 ** (1 / (half_life_s * rate_hz))
    pulse = np.zeros(n)
    pulse[0] = np.sin(angle)
    return lfilter([1.0], [1, -2 * radius * np.cos(angle), radius**2], pulse)


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
