"""Decoding, resampling and scaling, against tones of known level and an independent resampler."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from resamplers import torchaudio_functional

from sonify.data.audio import decoding
from sonify.data.audio.decoding import decoded, mono
from sonify.data.audio.pcm import PEAK
from sonify.data.audio.samples import (
    FAINTEST,
    Limits,
    UnusableAudio,
    peak_scaled,
    prepared,
    resampled,
)

LIMITS = Limits(min_samples=512, max_s=60.0)


def tone(frequency_hz: float, rate_hz: int, duration_s: float = 2.0) -> np.ndarray:
    """A sine of amplitude 1, (time,)."""
    return np.sin(2 * np.pi * frequency_hz * np.arange(int(duration_s * rate_hz)) / rate_hz)


def level_db(y: np.ndarray) -> float:
    """Level of the middle half, relative to a sine of amplitude 1."""
    middle = y[len(y) // 4 : -len(y) // 4]
    return 10 * np.log10(2 * np.mean(middle**2))


@pytest.mark.parametrize("rate", [11025, 16000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("frequency", [50, 1000, 3000])
def test_resampling_keeps_the_passband(rate, frequency):
    assert abs(level_db(resampled(tone(frequency, rate), rate))) < 0.1


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("frequency", [4300, 5000, 7000])
def test_resampling_removes_what_would_alias(rate, frequency):
    assert level_db(resampled(tone(frequency, rate), rate)) < -100


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
def test_resampling_agrees_with_a_kaiser_sinc(rate):
    torch = pytest.importorskip("torch")
    functional = torchaudio_functional()
    x = sum(tone(f, rate) for f in (110, 440, 1000, 2500, 3200))
    ours = resampled(x, rate)
    theirs = functional.resample(
        torch.from_numpy(x), rate, 8000, lowpass_filter_width=256, rolloff=0.98,
        resampling_method="sinc_interp_kaiser", beta=14.0,
    ).numpy()  # fmt: skip
    middle = slice(2000, -2000)
    difference = ours[middle] - theirs[: len(ours)][middle]
    assert 10 * np.log10(np.mean(difference**2) / np.mean(ours[middle] ** 2)) < -60


@given(n=st.integers(1, 3000), rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]))
@settings(max_examples=60, deadline=None)
def test_resampled_length(n, rate):
    assert len(resampled(np.zeros(n), rate)) == int(n * 8000 / rate + 0.5)


def test_8_khz_is_left_alone():
    x = tone(1000, 8000)
    assert resampled(x, 8000) is x


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
@settings(max_examples=100, deadline=None)
def test_peak_scaling(values):
    x = np.array(values)
    assume(np.abs(x).max() >= FAINTEST)
    pcm, gain = peak_scaled(x)
    assert pcm.dtype == "<i2"
    assert np.abs(pcm.astype(int)).max() == PEAK
    np.testing.assert_allclose(pcm / PEAK / gain, x, atol=0.51 / PEAK / gain)
    again, _ = peak_scaled(pcm.astype(float))
    np.testing.assert_array_equal(again, pcm)


@pytest.mark.parametrize(
    "x", [np.zeros(4), np.full(2, 1e-310), np.array([]), np.array([np.inf]), np.array([np.nan])]
)
def test_no_peak_no_scaling(x):
    with pytest.raises(ValueError, match="cannot be scaled"):
        peak_scaled(x)


def test_mono_is_the_mean():
    np.testing.assert_array_equal(mono(np.array([[1.0, 0.0], [0.5, 0.1]])), [0.5, 0.3])


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 2**-15), ("a.wav", "PCM_24", 2**-23), ("a.wav", "FLOAT", 1e-7),
        ("a.flac", "PCM_24", 2**-23), ("a.aiff", "PCM_16", 2**-15), ("a.wav", "PCM_U8", 2**-7),
    ],
)  # fmt: skip
def test_decoding_formats(tmp_path, name, subtype, tolerance):
    x = np.stack([0.5 * tone(440, 16000, 0.1), 0.25 * tone(880, 16000, 0.1)], axis=1)
    soundfile.write(tmp_path / name, x, 16000, subtype=subtype)
    found = decoded(tmp_path / name, 60.0)
    assert (found.rate, found.channels, found.x.shape) == (16000, 2, (1600,))
    np.testing.assert_allclose(found.x, x.mean(axis=1), atol=tolerance)
    again = decoded(io.BytesIO((tmp_path / name).read_bytes()), 60.0)
    np.testing.assert_array_equal(again.x, found.x)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_blocks_make_no_difference(tmp_path, monkeypatch, name):
    x = np.stack([tone(440, 16000, 1.0), tone(880, 16000, 1.0)], axis=1) / 2
    soundfile.write(tmp_path / name, x, 16000)
    whole = decoded(tmp_path / name, 60.0)
    monkeypatch.setattr(decoding, "_BLOCK", 2000)
    np.testing.assert_array_equal(decoded(tmp_path / name, 60.0).x, whole.x)
    with pytest.raises(UnusableAudio, match="more than the 0.5 s allowed"):
        decoded(tmp_path / name, 0.5)


def test_prepared_stereo(tmp_path):
    x = np.stack([0.5 * tone(440, 44100), np.zeros(88200)], axis=1)
    soundfile.write(tmp_path / "a.wav", x, 44100, subtype="PCM_24")
    recording = prepared(tmp_path / "a.wav", LIMITS)
    assert (recording.channels, recording.source_rate, recording.source_samples) == (
        2,
        44100,
        88200,
    )
    assert len(recording.pcm) == 16000
    assert recording.gain == pytest.approx(4.0, rel=0.05)  # edges overshoot a little


def _faulty(folder: Path, fault: str) -> Path:
    path = folder / "a.wav"
    x = tone(440, 16000, 0.5)
    signals = {
        "silent": np.zeros(8000),
        "constant": np.full(8000, 0.25),
        "faint": 1e-10 * x,
        "opposite": np.stack([x, -x], axis=1),
        "ultrasonic": np.hanning(16000) * tone(7000, 16000, 1.0),
        "nan": np.where(np.arange(8000) == 77, np.nan, x),
        "inf": np.stack([np.where(np.arange(8000) == 5, s * np.inf, x) for s in (1, -1)], axis=1),
        "huge": np.where(np.arange(8000) % 2, 1.7e308, -1.7e308) * np.sign(x + 0.1),
        "short": x[:1000],
        "header": x[:0],
    }
    if fault in signals:
        soundfile.write(path, signals[fault], 16000, subtype="DOUBLE")
    elif fault != "gone":
        path.write_bytes({"zero": b"", "text": b"not audio, " * 50}[fault])
    return path


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        ("gone", "missing_file", "no such file"),
        ("zero", "empty", "0 bytes"),
        ("header", "empty", "no samples"),
        ("text", "unreadable", "Format not recognised"),
        ("silent", "silent", "all 8000 samples are 0"),
        ("constant", "silent", "all 8000 samples are 0.25"),
        ("opposite", "silent", "samples are 0"),
        ("faint", "silent", "its peak is 1e-10 of full scale"),
        ("ultrasonic", "silent", "below 4 kHz"),
        ("nan", "not_finite", "sample 77 is nan"),
        ("inf", "not_finite", "sample 5 is nan"),
        ("huge", "not_finite", "overflow when resampled"),
        ("short", "too_short", "500 samples at 8 kHz are fewer than the 512 needed"),
    ],
)
def test_unusable(tmp_path, fault, reason, detail):
    with pytest.raises(UnusableAudio, match=detail) as caught:
        prepared(_faulty(tmp_path, fault), LIMITS)
    assert caught.value.reason == reason
    assert str(tmp_path) not in caught.value.detail


@pytest.mark.parametrize(
    ("samples", "least", "detail"),
    [
        (1, 512, "it holds a single sample, where 512 at 8 kHz are needed"),
        (1, 1, "it holds a single sample, which is no sound"),
        (3, 2, "1 sample at 8 kHz is fewer than the 2 needed"),
        (6, 3, "2 samples at 8 kHz are fewer than the 3 needed"),
    ],
)
def test_a_few_samples_are_no_clip(tmp_path, samples, least, detail):
    """At 24 kHz, of which 8 kHz leaves a third."""
    soundfile.write(tmp_path / "a.wav", 0.5 * tone(1_000, 24_000)[1 : samples + 1], 24_000)
    with pytest.raises(UnusableAudio) as caught:
        prepared(tmp_path / "a.wav", Limits(min_samples=least, max_s=60.0))
    assert (caught.value.reason, caught.value.detail) == ("too_short", detail)


def test_a_folder_is_unreadable(tmp_path):
    with pytest.raises(UnusableAudio) as caught:
        prepared(tmp_path, LIMITS)
    assert caught.value.reason == "unreadable"
