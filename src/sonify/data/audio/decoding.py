"""Decode audio files with libsndfile, or with ffmpeg for containers that libsndfile cannot read.

A file yields every sample that its header promises, or none: a truncated file is never passed off
as complete.
"""

import errno
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from sonify.data.audio import containers, lengths, mpeg
from sonify.runtime.errors import SonifyError, named

HIGHEST_RATE_HZ = 768_000  # with the maximum duration, bounds the memory that a clip needs
_BLOCK = 2**20  # values decoded at a time, over all channels
_NO_LENGTH = 2**62  # libsndfile reports a larger frame count if the header has none
# MP3 headers may be off by the encoder and decoder delay.
_INEXACT_S = 0.1
_FFMPEG_S = 600  # generous for any clip within a sensible limit
# What files round to, of full scale: 16 bits, as coders are fed and decoders give out, or others.
_STEP = 2.0**-15
_STEPS = {
    **dict.fromkeys(("PCM_S8", "PCM_U8"), 2.0**-7),
    **{"PCM_24": 2.0**-23, "PCM_32": 2.0**-31, "FLOAT": 2.0**-23, "DOUBLE": 2.0**-31},
}
# Errors of the machine, not of a file: no reason to reject a clip.
_MACHINES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE)
_SYSTEM_ERROR = 2  # SF_ERR_SYSTEM of libsndfile, which says no more than that
_CUT_SHORT = ("partial file", "ended prematurely")  # in ffmpeg's messages about truncated input


class UnusableAudio(Exception):
    """A recording that cannot be used as a clip; `reason` is a key of `listing.REASONS`."""

    def __init__(self, reason: str, detail: str) -> None:
        """Take a clause of specifics as `detail`; whoever catches the exception names the file."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Decoded:
    """A recording at its original rate, mixed down to mono. x: (time,) float64, at least one
    sample, full scale 1.0, the mean of the channels; rate: in Hz; channels: number mixed;
    swing: half the range of values of the channel with the largest; step: what the file rounds to,
    of full scale."""

    x: np.ndarray
    rate: int
    channels: int
    swing: float
    step: float


def decoded(source: Path | BinaryIO, max_s: float) -> Decoded:
    """Decode a recording of at most `max_s` seconds, given as a path or an in-memory file.

    Integer formats are divided by full scale. `max_s` bounds the memory used, whatever the number
    of channels. Raises UnusableAudio: missing_file, unreadable, empty, truncated, too_long. Raises
    SonifyError if ffmpeg is needed but there is no room for its temporary file.
    """
    if not isinstance(source, Path):
        return _decoded(source, source, max_s)
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would block
            raise UnusableAudio("unreadable", "it is not a file but a folder, pipe or device")
        with named(source), source.open("rb") as file:
            return _decoded(source, file, max_s)
    except FileNotFoundError:
        raise UnusableAudio("missing_file", "there is no such file") from None
    except OSError as error:
        if error.errno in _MACHINES:
            raise
        raise UnusableAudio("unreadable", str(error.strerror)) from None


def too_long(max_s: float) -> UnusableAudio:
    """The exception for a recording that lasts longer than `max_s` seconds."""
    return UnusableAudio("too_long", f"it lasts more than the {max_s:g} s allowed")


def _decoded(source: Path | BinaryIO, file: BinaryIO, max_s: float) -> Decoded:
    file.seek(0)
    head = file.read(12)
    if not head:
        raise UnusableAudio("empty", "the file has 0 bytes")
    missing = containers.shortfall(file)
    if missing:
        raise UnusableAudio("truncated", missing)
    form = containers.foreign(head)
    try:
        streams = lengths.ogg_streams(file) if head[:4] == b"OggS" else [file]
        if len(streams) > 1:
            return _joined([_opened(part, part, max_s) for part in streams], max_s)
        # soundfile takes no path that is not UTF-8.
        plain = source if str(source).isprintable() or not isinstance(source, Path) else file
        return _opened(lengths.unclosed(file) or lengths.flac(file) or plain, file, max_s)
    except _NoLength:
        # soundfile seeks after reading, which fails at the end of a file of unknown length.
        form, why = "audio without a length", "its header does not give its length"
    except TypeError:  # raised for files named *.raw
        raise UnusableAudio("unreadable", "raw samples have no header") from None
    except soundfile.LibsndfileError as error:
        why = error.error_string.strip().rstrip(".").replace(". ", ": ")
    if form is None or not isinstance(source, Path):
        raise UnusableAudio("unreadable", why)
    try:
        return _through_ffmpeg(source, form, max_s)
    except OSError as error:  # the machine's fault, so no reason to reject the clip
        raise SonifyError(
            f"{source}: ffmpeg or its temporary directory cannot be used ({error.strerror}): fix "
            "that, or set TMPDIR to a directory with enough free space"
        ) from error


class _NoLength(Exception):
    """Neither the header nor counting gives the length of a file."""


def _sound(source: Path | BinaryIO, file: BinaryIO) -> soundfile.SoundFile:
    """Open a recording; by `file`, which is open already, where no more files can be."""
    try:
        return soundfile.SoundFile(source)
    except soundfile.LibsndfileError as error:
        if error.code != _SYSTEM_ERROR or not isinstance(source, Path):
            raise
    file.seek(0)
    return soundfile.SoundFile(file)


def _opened(source: Path | BinaryIO, file: BinaryIO, max_s: float) -> Decoded:
    """Read a recording with libsndfile; `file` has the bytes of an MP3 to count its frames in."""
    if not isinstance(source, Path):
        source.seek(0)
    with _sound(source, file) as sound:
        if sound.format != "MP3":
            if sound.frames >= _NO_LENGTH:
                raise _NoLength
            return _read(sound, max_s)
    counted, samples = mpeg.counted(file, max_s)
    file.seek(0)
    with _sound(counted or source, file) as sound:
        made = _read(sound, max_s)
    if samples - len(made.x) > _INEXACT_S * made.rate:
        detail = f"decoding gives {len(made.x)} of the {samples} samples in its frames"
        raise UnusableAudio("truncated", detail)
    return made


def _joined(parts: list[Decoded], max_s: float) -> Decoded:
    """One recording of several streams that follow each other in one file."""
    rates = sorted({part.rate for part in parts})
    if len(rates) > 1:
        detail = f"its streams have different sampling rates ({', '.join(map(str, rates))} Hz)"
        raise UnusableAudio("unreadable", detail)
    x = np.concatenate([part.x for part in parts])
    if len(x) > int(max_s * rates[0]):
        raise too_long(max_s)
    channels, swing = (max(getattr(part, name) for part in parts) for name in ("channels", "swing"))
    return Decoded(x, rates[0], channels, swing, parts[0].step)


def _read(sound: soundfile.SoundFile, max_s: float) -> Decoded:
    """Read an open file block by block, so that extra channels take no extra memory."""
    rate, channels = sound.samplerate, sound.channels
    if rate > HIGHEST_RATE_HZ:
        raise UnusableAudio("unreadable", f"its header gives a sampling rate of {rate} Hz")
    promised, longest = sound.frames, int(max_s * rate)
    if promised > longest:
        raise too_long(max_s)
    blocks: list[np.ndarray] = []
    n, size = 0, _BLOCK // channels
    low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
    while not blocks or len(blocks[-1]) == size:
        try:
            block = sound.read(size, dtype="float64", always_2d=True)
            blocks.append(mono(block))
            low = np.minimum(low, block.min(axis=0, initial=np.inf))
            high = np.maximum(high, block.max(axis=0, initial=-np.inf))
        except soundfile.LibsndfileError:
            detail = f"decoding fails before the {promised} samples that its header promises"
            raise UnusableAudio("truncated", detail) from None
        n += len(blocks[-1])
    if promised - n > _INEXACT_S * rate:
        detail = f"{n} of the {promised} samples that its header promises are there"
        raise UnusableAudio("truncated", detail)
    if n == 0:
        raise UnusableAudio("empty", "the file has a header and no samples")
    x = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    with np.errstate(invalid="ignore", over="ignore"):
        swing = float((high / 2 - low / 2).max())
    return Decoded(x, rate, channels, swing, _STEPS.get(sound.subtype, _STEP))


def mono(signal: np.ndarray) -> np.ndarray:
    """The mean of the channels: (time, channel) -> (time,)."""
    if signal.shape[1] == 1:
        return signal[:, 0]
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf: the caller checks for NaN
        return signal.mean(axis=1)


def _through_ffmpeg(path: Path, form: str, max_s: float) -> Decoded:
    """Decode the first audio stream with ffmpeg, into a temporary file bounded by `max_s`."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise UnusableAudio("unreadable", f"{form} needs ffmpeg, which is not installed")
    with tempfile.TemporaryDirectory(prefix="sonify-") as folder:
        wave = Path(folder) / "decoded.w64"
        command = [
            *(program, "-nostdin", "-v", "error", "-protocol_whitelist", "file"),
            # The explicit protocol keeps file names from being parsed as options or URLs.
            *("-i", f"file:{path.absolute()}", "-map", "0:a:0", "-t", f"{max_s + 1:g}"),
            *("-c:a", "pcm_f32le", "-f", "w64", str(wave)),
        ]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_FFMPEG_S
            )
        except subprocess.TimeoutExpired:
            detail = f"ffmpeg was not done with {form} after {_FFMPEG_S} s"
            raise UnusableAudio("unreadable", detail) from None
        messages = done.stderr.decode("utf-8", "replace")
        if any(words in messages for words in _CUT_SHORT):
            raise UnusableAudio("truncated", f"ffmpeg finds that {form} ends early")
        if os.strerror(errno.ENOSPC) in messages:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if done.returncode or not wave.is_file():
            raise UnusableAudio("unreadable", f"ffmpeg cannot decode {form}")
        with soundfile.SoundFile(wave) as sound:
            return _read(sound, max_s)
