"""Data files of the gallery, which its page loads one at a time: scripts that may hold sounds.

A page opened from a disk may load scripts but not read files, so all data come as scripts.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
import soundfile

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.pcm import samples
from sonify.runtime.errors import SonifyError

CODECS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}


def write(folder: Path, key: str, value: object) -> None:
    """Write a JSON value below `folder` as the script <key>.js, which passes it to the page.

    No text in it can end a script element. Raises SonifyError for NaN or infinity.
    """
    file = folder / f"{key}.js"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"Gallery.put({_json(key)},{_json(value)});\n", encoding="ascii")


def sound(pcm: bytes, codec: str) -> str:
    """Encode samples (16-bit little-endian, mono, 8 kHz) as a sound file in base64.

    `flac` is lossless, `opus` takes about a fifth of the space. Raises SonifyError for any other
    codec.
    """
    if codec not in CODECS:
        raise SonifyError(f"audio is {codec!r}: it must be one of {', '.join(CODECS)}")
    container, coding = CODECS[codec]
    buffer = io.BytesIO()
    soundfile.write(buffer, samples(pcm), RATE_HZ, format=container, subtype=coding)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def number(value: float) -> float | None:
    """Round `value` to four significant digits; None if it is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _json(value: object) -> str:
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
