"""Convert audio files to 16-bit samples at 8 kHz: decode, mix down, resample, scale to unit peak.

Conventions: signals are float64, time first, with full scale 1.0. Scaling to unit peak is the only
preprocessing: DC offsets stay, and nothing is trimmed or padded.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.decoding import Decoded, UnusableAudio, decoded
from sonify.data.audio.pcm import PEAK, decode, encode
from sonify.runtime.errors import SonifyError
from sonify.runtime.plurals import counted

# Relative amplitude that resampling leaves of a sound wholly above 4 kHz (soxr's stopband is at
# -140 dB). Scaling such a residue to unit peak would turn rounding noise into a clip.
RESIDUE = 1e-6
# Least significant bit of 32-bit samples: anything fainter is floating-point rounding, not sound.
FAINTEST = 2.0**-31
# Share of samples that may be outliers, and the steps of 16 bits that must be left for the others
# where they go beyond full scale: less is rounding, not sound.
OUTLIERS = 1e-3
STEPS = 8
# Channels in opposite phase leave the rounding of each in their mean: with the usual dither, 1.5
# steps at most.
ROUNDING_STEPS = 1.5


@dataclass(frozen=True)
class Limits:
    """Bounds on a usable recording: fewest samples once resampled, longest duration in seconds."""

    min_samples: int
    max_s: float


@dataclass(frozen=True)
class Form:
    """The form in which recordings are stored: repeated until they have `shortest` samples, and
    scaled to unit peak or not.
    """

    shortest: int = 0
    peak_scaling: bool = True


@dataclass(frozen=True)
class Recording:
    """A prepared recording. pcm: (time,) little-endian int16 whose largest magnitude is 32767,
    unless it was `unscaled`; gain: the scale factor applied; the other fields describe the
    original file."""

    pcm: np.ndarray
    gain: float
    source_rate: int
    source_samples: int
    channels: int

    @property
    def facts(self) -> dict[str, int | float]:
        """All fields but the samples, keyed by column of the contracts `clips` and `harvest`."""
        return {
            "n_samples": len(self.pcm),
            "gain": self.gain,
            "source_rate": self.source_rate,
            "source_samples": self.source_samples,
            "channels": self.channels,
        }


def prepared(source: Path | BinaryIO, limits: Limits, rate_hz: int = RATE_HZ) -> Recording:
    """Prepare a recording, given as a path or an in-memory file, for storage at `rate_hz`.

    Raises UnusableAudio, with a reason from `listing.REASONS`, for a missing, unreadable, empty or
    truncated file, NaN or infinite samples, silence, values so extreme that everything else
    vanishes beside them, and recordings too short or too long.
    """
    original = decoded(source, limits.max_s)
    x, rate = original.x, original.rate
    if not np.isfinite(x).all():
        first = int(np.argmin(np.isfinite(x)))
        raise UnusableAudio("not_finite", f"sample {first} is {x[first]}")
    if len(x) == 1:
        needed = f"where {limits.min_samples} at {rate_hz / 1000:g} kHz are needed"
        why = needed if limits.min_samples > 1 else "which is no sound"
        raise UnusableAudio("too_short", f"it holds a single sample, {why}")
    if x.min() == x.max():
        raise UnusableAudio("silent", f"all {len(x)} samples are {x[0]:g}")
    check_cancelled(original)
    _check_outliers(x)
    y = resampled(x, rate, rate_hz)
    if len(y) < limits.min_samples:
        raise too_short(len(y), limits.min_samples, rate_hz)
    if not np.isfinite(y).all():
        raise UnusableAudio("not_finite", "its samples overflow when resampled")
    if np.abs(y).max() < FAINTEST:
        raise UnusableAudio("silent", f"its peak is {np.abs(y).max():.2g} of full scale")
    if np.abs(y).max() <= RESIDUE * np.abs(x).max():
        top = f"{rate_hz / 2000:g} kHz"
        raise UnusableAudio("silent", f"nothing of its sound at {rate} Hz is below {top}")
    pcm, gain = peak_scaled(y)
    return Recording(pcm, gain, rate, len(x), original.channels)


def check_cancelled(original: Decoded) -> None:
    """Raise UnusableAudio if channels cancel each other, so that their mean is only rounding.

    Offsets aside. A recording that is as faint in its channels is not concerned.
    """
    left = float(original.x.max() / 2 - original.x.min() / 2)
    rounding = max(ROUNDING_STEPS * original.step, RESIDUE * original.swing)
    if left <= rounding and left * STEPS < original.swing:
        raise UnusableAudio(
            "silent",
            f"its {original.channels} channels, up to {original.swing:.2g}, cancel each other: "
            f"their mean, up to {left:.2g}, is only rounding",
        )


def _check_outliers(x: np.ndarray) -> None:
    """Raise UnusableAudio if a few values far beyond full scale, or an offset, drown all others.

    All others are then only rounding in 16 bits.

    Within full scale a click over faint noise is a sound like any other.
    """
    peak = float(np.abs(x).max())
    if peak <= 1.0:
        return
    y = x / peak * PEAK  # in steps
    if np.abs(y - y.mean()).mean() > 2 * OUTLIERS * PEAK + STEPS:  # the quick way out
        return
    others = np.abs(y - np.median(y))
    few = max(1, int(OUTLIERS * len(x)))
    usual = float(np.partition(others, len(x) - 1 - few)[len(x) - 1 - few]) if len(x) > few else 0
    if 0 < usual < STEPS:
        at = int(np.abs(x).argmax())
        raise UnusableAudio(
            "outliers",
            f"sample {at} is {x[at]:g}: scaled to it, the rest, up to "
            f"{usual * peak / PEAK:.2g}, is only rounding",
        )


def unscaled(recording: Recording) -> Recording:
    """Return the recording at the level of its file, to 16 bits.

    Values that resampling pushed beyond full scale are clipped.

    Raises UnusableAudio for one too faint for 16 bits.
    """
    x = decode(recording.pcm, np.float64) / recording.gain
    pcm = encode(np.clip(x, -1.0, 1.0))
    if not pcm.any():
        raise UnusableAudio("silent", f"its peak is {1 / recording.gain:.2g} of full scale")
    return replace(recording, pcm=pcm, gain=1.0)


def repeated(recording: Recording, samples: int) -> Recording:
    """The recording, repeated from its start and cut to `samples` samples where it is shorter."""
    if len(recording.pcm) >= samples:
        return recording
    return replace(recording, pcm=np.resize(recording.pcm, samples))


def too_short(samples: int, min_samples: int, rate_hz: int = RATE_HZ) -> UnusableAudio:
    """The exception for a recording with fewer than `min_samples` samples at `rate_hz`."""
    rate = f"{rate_hz / 1000:g} kHz"
    there, verb = counted(samples, "sample"), "is" if samples == 1 else "are"
    return UnusableAudio(
        "too_short", f"{there} at {rate} {verb} fewer than the {min_samples} needed"
    )


def resampled(x: np.ndarray, rate_hz: int, to_hz: int = RATE_HZ) -> np.ndarray:
    """Resample `x`, (time,), from `rate_hz` to `to_hz` with soxr at quality HQ.

    The output has soxr's own length, n * to_hz / rate_hz rounded half up. Linear phase; at 8 kHz
    flat to 0.01 dB up to 3.6 kHz and more than 120 dB down above 4.2 kHz. If the rates are equal,
    the signal is returned unchanged.
    """
    if rate_hz == to_hz:
        return x
    return soxr.resample(np.ascontiguousarray(x), rate_hz, to_hz, quality="HQ")


def peak_scaled(x: np.ndarray) -> tuple[np.ndarray, float]:
    """Scale `x`, (time,), to unit peak; return it as little-endian int16 with the gain 1 / max|x|.

    Raises SonifyError if no gain can do that: an empty or non-finite signal, or a peak below 2^-31.
    """
    peak = float(np.abs(x).max(initial=0.0))
    if not FAINTEST <= peak < np.inf:
        raise SonifyError(f"a signal with peak {peak:g} cannot be scaled to unit peak")
    return encode(x, peak), 1.0 / peak
