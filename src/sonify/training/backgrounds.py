"""Recordings to mix in as backgrounds, out of a folder of the user's."""

from pathlib import Path

import numpy as np

from sonify.data.audio.decoding import UnusableAudio, decoded
from sonify.data.audio.samples import check_cancelled, resampled
from sonify.runtime.errors import SonifyError
from sonify.training.background_files import background_files

MAX_S = 3_600.0


def recordings(folder: Path) -> list[np.ndarray]:
    """The FLAC and WAV files anywhere below `folder`, by path, at 8 kHz: (time,) float32 each.

    Levels are as recorded; beyond full scale they are brought to it. Memory holds them all. Raises
    SonifyError for a folder without any, and for a file that cannot be used.
    """
    files = background_files(folder)
    if not files:
        raise SonifyError(
            f"augmentation.background_folder is {str(folder)!r}, which has no FLAC or WAV file: "
            "correct it"
        )
    return [_recording(file) for file in files]


def identity(folder: str | None) -> list[tuple[str, int, int]]:
    """Name, size and time of modification of each of these files: JSON; none without a folder."""
    if not folder:
        return []
    facts = [(str(f.relative_to(folder)), f.stat()) for f in background_files(Path(folder))]
    return [(name, fact.st_size, fact.st_mtime_ns) for name, fact in facts]


def _recording(file: Path) -> np.ndarray:
    try:
        original = decoded(file, MAX_S)
        check_cancelled(original)
    except UnusableAudio as error:
        raise SonifyError(
            f"{file} cannot be a background ({error}): remove it from the folder"
        ) from error
    x = resampled(original.x, original.rate)
    if not len(x) or not np.isfinite(x).all():
        raise SonifyError(f"{file} cannot be a background (no finite sound): remove it")
    return (x / max(1.0, float(np.abs(x).max()))).astype(np.float32)
