"""Passband and alias rejection of resamplers to 8 kHz, measured with swept tones.

Writes resampling.parquet (every tone) and resampling.md (the table of docs/resampling.md).
Needs torchaudio, which Sonify itself does not.
"""

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.signal
import torch
import torchaudio

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.samples import resampled

RATES_HZ = (44100, 48000, 16000)
STEP_HZ = 50
ALIASED_HZ = 3000  # how far above 4 kHz tones are looked at
FLOOR_DB = -130.0  # what is lower varies with the machine, and nobody hears it
KAISER_BEST = {
    "lowpass_filter_width": 64,
    "rolloff": 0.9475937167399596,
    "resampling_method": "sinc_interp_kaiser",
    "beta": 14.769656459379492,
}
COLUMNS = {
    "flat to 0.1 dB up to": lambda t: f"{_flat_to(t)} Hz",
    "at 3.6 kHz": lambda t: _level(t, 3600),
    "at 3.8 kHz": lambda t: _level(t, 3800),
    "at 3.9 kHz": lambda t: _level(t, 3900),
    "alias of 4.1 kHz": lambda t: _level(t, 4100),
    "of 4.2 kHz": lambda t: _level(t, 4200),
    "of 4.5 kHz": lambda t: _level(t, 4500),
    "worst from 4.2 kHz": lambda t: _decibels(t[t.frequency_hz >= 4200].level_db.max()),
}


def _soxr(x: np.ndarray, rate_hz: int) -> np.ndarray:
    return np.stack([resampled(row, rate_hz) for row in x])


def _torchaudio(**options) -> Callable[[np.ndarray, int], np.ndarray]:
    def resample(x: np.ndarray, rate_hz: int) -> np.ndarray:
        y = torchaudio.functional.resample(torch.from_numpy(x), rate_hz, RATE_HZ, **options)
        return y.numpy()

    return resample


def _polyphase(x: np.ndarray, rate_hz: int) -> np.ndarray:
    ratio = Fraction(RATE_HZ, rate_hz)
    return scipy.signal.resample_poly(x, ratio.numerator, ratio.denominator, axis=1)


METHODS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "soxr HQ (Sonify)": _soxr,
    "torchaudio kaiser_best": _torchaudio(**KAISER_BEST),
    "torchaudio default": _torchaudio(),
    "scipy resample_poly": _polyphase,
}


def levels(method: str, rate_hz: int) -> pd.DataFrame:
    """Level after resampling of unit sines of 100 Hz to 7 kHz at `rate_hz`, in dB.

    Up to 4 kHz what arrives at the sine's own frequency, above all that arrives, which is alias.
    Columns method, rate_hz, frequency_hz, level_db.
    """
    top = min(RATE_HZ // 2 + ALIASED_HZ, rate_hz // 2)
    frequencies = np.setdiff1d(np.arange(100, top, STEP_HZ), RATE_HZ // 2)
    x = np.sin(2 * np.pi * frequencies[:, None] * np.arange(rate_hz) / rate_hz)
    y = METHODS[method](x, rate_hz)
    middle = slice(RATE_HZ // 4, 3 * RATE_HZ // 4)  # a whole number of periods of every sine
    phase = np.exp(-2j * np.pi * frequencies[:, None] * np.arange(RATE_HZ) / RATE_HZ)
    own = 2 * np.abs(np.mean((y * phase)[:, middle], axis=1))
    whole = np.sqrt(2 * np.mean(y[:, middle] ** 2, axis=1))
    amplitude = np.where(frequencies < RATE_HZ // 2, own, whole)
    level_db = 20 * np.log10(np.maximum(amplitude, 10 ** (FLOOR_DB / 20)))
    return pd.DataFrame(
        {
            "method": method,
            "rate_hz": rate_hz,
            "frequency_hz": frequencies,
            "level_db": level_db.round(2),
        }
    )


def table(measured: pd.DataFrame) -> str:
    """The Markdown table of `levels` of all methods and rates, in dB."""
    head = ["from", "resampler", *COLUMNS]
    rows = [
        [f"{rate / 1000:g} kHz", method, *(column(tones) for column in COLUMNS.values())]
        for (rate, method), tones in measured.groupby(["rate_hz", "method"], sort=False)
    ]
    lines = [head, ["--"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _level(tones: pd.DataFrame, frequency_hz: int) -> str:
    return _decibels(tones[tones.frequency_hz == frequency_hz].level_db.item())


def _decibels(level_db: float) -> str:
    shown = round(level_db, 1) + 0.0  # no negative zero
    return f"{shown:.1f}" if shown > FLOOR_DB else f"≤ {FLOOR_DB:.0f}"


def _flat_to(tones: pd.DataFrame) -> int:
    off = tones[tones.level_db.abs() > 0.1]
    return int(off.frequency_hz.min() - STEP_HZ)


def main() -> None:
    """Measure all methods at all rates."""
    options = argparse.ArgumentParser(description=__doc__)
    results = Path(__file__).resolve().parent / "results"
    options.add_argument("--quick", action="store_true", help="the same, into a folder of its own")
    options.add_argument("--out", type=Path, default=results, help="folder to write")
    args = options.parse_args()
    folder = results / "quick" if args.quick else args.out
    measured = pd.concat([levels(method, rate) for rate in RATES_HZ for method in METHODS])
    folder.mkdir(parents=True, exist_ok=True)
    measured.to_parquet(folder / "resampling.parquet", index=False)
    (folder / "resampling.md").write_text(table(measured), encoding="utf-8")
    print(table(measured))


if __name__ == "__main__":
    main()
