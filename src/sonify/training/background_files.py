"""The files of a folder of backgrounds. Light: the workflow compares them before jobs read any."""

from pathlib import Path

SUFFIXES = (".flac", ".wav")


def background_files(folder: Path) -> list[Path]:
    """The FLAC and WAV files anywhere below a folder of backgrounds, by path."""
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
