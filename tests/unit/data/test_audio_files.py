"""Every kind of bad or odd audio file, each with its outcome: docs/audio_files.md is this table.

`python tests/unit/data/test_audio_files.py` writes the page anew.
"""
# ruff: noqa: E501 (one line a kind)

import io
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sonify.data.audio.samples import Limits, UnusableAudio, prepared
from sonify.data.corpora.listing import REASONS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "audio_files.md"
LIMITS = Limits(min_samples=2_370, max_s=60.0)
RATE = 16000


@dataclass(frozen=True)
class Kind:
    """One kind of file: how it is made, and what becomes of it (`used`, or a reason)."""

    name: str
    make: Callable[[Path], object]
    outcome: str
    detail: str  # what is said of a rejected one, or what is done with a used one
    file: str = "a.wav"
    needs: str = ""  # a program, or "user" where root sees no permissions


def tone(rate: int = RATE, seconds: float = 1.0, frequency: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def sound(x=None, rate: int = RATE, **options) -> bytes:
    """An encoded file; a WAV file unless told otherwise."""
    buffer = io.BytesIO()
    options = {"format": "WAV"} | options
    soundfile.write(buffer, tone(rate) if x is None else x, rate, **options)
    return buffer.getvalue()


def holding(content: bytes | Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content())


def cut(content: bytes, share: float = 0.6) -> bytes:
    return content[: int(share * len(content))]


def with_value(index: int, value: float) -> bytes:
    x = tone()
    x[index] = value
    return sound(x, subtype="FLOAT")


def with_size(content: bytes, size: int) -> bytes:
    """A WAV file whose header gives `size` bytes of samples."""
    return content[:40] + struct.pack("<I", size) + content[44:]


def sparse(path: Path) -> None:
    """Nine hours of nothing that take no room on the disk."""
    size = 2**30
    path.write_bytes(with_size(sound(), size))
    os.truncate(path, size + 44)


def transcoded(*options: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        wave = path.with_name("original.wav")
        wave.write_bytes(sound(tone(44100), 44100))
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(wave), *options, str(path)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    return make


def cut_after(make: Callable[[Path], object], share: float) -> Callable[[Path], object]:
    def both(path: Path) -> None:
        make(path)
        path.write_bytes(cut(path.read_bytes(), share))

    return both


def forbidden(path: Path) -> None:
    path.write_bytes(sound())
    path.chmod(0)


def flipped(content: bytes) -> bytes:
    """With 64 bytes in the middle turned over."""
    middle = len(content) // 2
    wrong = bytes(b ^ 0xFF for b in content[middle : middle + 64])
    return content[:middle] + wrong + content[middle + 64 :]


STEREO = np.stack([tone(), 0.5 * tone(frequency=880)], axis=1)
WAV, FLAC, MP3 = sound(), sound(format="FLAC"), sound(tone(44100), 44100, format="MP3")
OGG, OPUS = sound(format="OGG"), sound(rate=48000, format="OGG", subtype="OPUS")
KINDS = (
    Kind("no file", lambda path: None, "missing_file", "there is no such file"),
    Kind("dangling link", lambda p: p.symlink_to("gone"), "missing_file", "there is no such file"),
    Kind("link to a file", lambda p: (p.with_name("b").write_bytes(WAV), p.symlink_to("b")), "used", "as the file it leads to"),
    Kind("folder", Path.mkdir, "unreadable", "it is not a file but a folder, pipe or device"),
    Kind("named pipe", lambda p: os.mkfifo(p), "unreadable", "it is not a file but a folder, pipe or device"),
    Kind("no permission", forbidden, "unreadable", "Permission denied", needs="user"),
    Kind("zero bytes", holding(b""), "empty", "the file has 0 bytes"),
    Kind("one byte", holding(b"R"), "unreadable", "Format not recognised"),
    Kind("text", holding(b"not audio, " * 50), "unreadable", "Format not recognised"),
    Kind("a picture", holding(b"\x89PNG\r\n\x1a\n" + bytes(500)), "unreadable", "Format not recognised"),
    Kind("a web page in place of the download", holding(b"<!DOCTYPE html><title>404</title>"), "unreadable", "Format not recognised"),
    Kind("samples without a header", holding(WAV[44:]), "unreadable", "raw samples have no header", file="a.raw"),
    Kind("header only", holding(sound(tone()[:0])), "empty", "the file has a header and no samples"),
    Kind("header cut short", holding(WAV[:30]), "unreadable", "Error in WAV file: No 'data' chunk marker"),
    Kind("WAV cut short", holding(cut(WAV)), "truncated", "19182 of the 32000 bytes of samples that its header promises are there"),
    Kind("WAV without its last byte", holding(WAV[:-1]), "truncated", "31999 of the 32000 bytes of samples that its header promises are there"),
    Kind("RF64 cut short", holding(cut(sound(format="RF64"))), "truncated", "bytes of samples that its header promises are there"),
    Kind("W64 cut short", holding(cut(sound(format="W64"))), "truncated", "bytes of samples that its header promises are there", file="a.w64"),
    Kind("AIFF cut short", holding(cut(sound(format="AIFF"))), "truncated", "bytes of samples that its header promises are there", file="a.aiff"),
    Kind("CAF cut short", holding(cut(sound(format="CAF"))), "truncated", "bytes of samples that its header promises are there", file="a.caf"),
    Kind("AU cut short", holding(cut(sound(format="AU"))), "truncated", "bytes of samples that its header promises are there", file="a.au"),
    Kind("FLAC cut short", holding(cut(FLAC)), "truncated", "decoding fails before the 16000 samples that its header promises", file="a.flac"),
    Kind("Ogg Vorbis cut short", holding(cut(OGG)), "truncated", "the file ends before its last Ogg page", file="a.ogg"),
    Kind("Opus cut short", holding(cut(OPUS)), "truncated", "the file ends before its last Ogg page", file="a.opus"),
    Kind("MP3 cut short", holding(cut(MP3)), "truncated", "of the 44100 samples that its header promises are there", file="a.mp3"),
    Kind("WAV of unknown length (written to a pipe)", holding(with_size(WAV, 0xFFFFFFFF)), "used", "with all samples to its end"),
    Kind("FLAC of unknown length (written to a pipe)", holding(FLAC[:21] + bytes([FLAC[21] & 0xF0, 0, 0, 0, 0]) + FLAC[26:]), "used", "decoded by ffmpeg, to its end", file="a.flac", needs="ffmpeg"),
    Kind("WAV with more behind its samples", holding(WAV + b"LIST" + bytes(64)), "used", "without what is behind"),
    Kind("FLAC with damaged bytes", holding(flipped(FLAC)), "truncated", "decoding fails before the 16000 samples that its header promises", file="a.flac"),
    Kind("NaN", holding(with_value(77, np.nan)), "not_finite", "sample 77 is nan"),
    Kind("infinite", holding(with_value(5, -np.inf)), "not_finite", "sample 5 is -inf"),
    Kind("silence", holding(sound(0 * tone())), "silent", "all 16000 samples are 0"),
    Kind("DC only", holding(sound(0 * tone() + 0.25)), "silent", "all 16000 samples are 0.25"),
    Kind("fainter than 32 bits", holding(sound(1e-10 * tone(), subtype="DOUBLE")), "silent", "its peak is 5e-11 of full scale"),
    Kind("nothing below 4 kHz", holding(sound(np.hanning(RATE) * tone(frequency=7000), subtype="DOUBLE")), "silent", "nothing of its sound at 16000 Hz is below 4 kHz"),
    Kind("nothing below 4 kHz, in 16 bits", holding(sound(np.hanning(RATE) * tone(frequency=7000))), "used", "what is left is the rounding noise of the file"),
    Kind("stereo in opposite phase", holding(sound(np.stack([tone(), -tone()], axis=1), subtype="FLOAT")), "silent", "all 16000 samples are 0"),
    Kind("1 sample", holding(sound(tone()[1:2])), "silent", "all 1 samples are 0.0859375"),
    Kind("short", holding(sound(tone()[:1000])), "too_short", "500 samples at 8 kHz are fewer than the 2370 needed"),
    Kind("very long", holding(lambda: sound(np.tile(tone(8000), 61), 8000)), "too_long", "it lasts more than the 60 s allowed"),
    Kind("nine hours, sparse", sparse, "too_long", "it lasts more than the 60 s allowed"),
    Kind("clipped", holding(sound(np.clip(9 * tone(), -1, 1))), "used", "as it is"),
    Kind("beyond full scale", holding(sound(8 * tone(), subtype="FLOAT")), "used", "scaled to unit peak"),
    Kind("with an offset", holding(sound(0.4 * tone() + 0.3)), "used", "with its offset"),
    Kind("stereo", holding(sound(STEREO)), "used", "mean of the channels"),
    Kind("6 channels", holding(sound(np.tile(STEREO, 3), format="WAVEX")), "used", "mean of the channels"),
    Kind("64 channels", holding(sound(np.tile(STEREO, 32), format="WAVEX")), "used", "mean of the channels"),
    Kind("8 bit", holding(sound(subtype="PCM_U8")), "used", "divided by full scale"),
    Kind("24 bit", holding(sound(subtype="PCM_24")), "used", "divided by full scale"),
    Kind("32-bit integers", holding(sound(subtype="PCM_32")), "used", "divided by full scale"),
    Kind("64-bit floats", holding(sound(subtype="DOUBLE")), "used", "as they are"),
    Kind("µ-law", holding(sound(subtype="ULAW")), "used", "decoded"),
    Kind("ADPCM", holding(sound(subtype="IMA_ADPCM")), "used", "decoded"),
    Kind("RIFX (big-endian WAV)", holding(sound(endian="BIG")), "used", "as WAV"),
    Kind("8 kHz", holding(sound(rate=8000)), "used", "not resampled"),
    Kind("12 345 Hz", holding(sound(rate=12345)), "used", "resampled"),
    Kind("44.1 kHz", holding(sound(rate=44100)), "used", "resampled"),
    Kind("192 kHz", holding(sound(rate=192000)), "used", "resampled"),
    Kind("4 kHz", holding(sound(rate=4000)), "used", "resampled upwards"),
    Kind("1 GHz", holding(WAV[:24] + struct.pack("<I", 10**9) + WAV[28:]), "unreadable", "its header gives a sampling rate of 1000000000 Hz"),
    Kind("FLAC named .wav", holding(FLAC), "used", "by its content, not its name"),
    Kind("FLAC", holding(FLAC), "used", "decoded", file="a.flac"),
    Kind("Ogg Vorbis", holding(OGG), "used", "decoded", file="a.ogg"),
    Kind("Opus", holding(OPUS), "used", "decoded", file="a.opus"),
    Kind("MP3", holding(MP3), "used", "decoded", file="a.mp3"),
    Kind("name beginning with -", holding(WAV), "used", "as any other", file="-i.wav"),
    Kind("name with blanks, quotes and $", holding(WAV), "used", "as any other", file="a '\"$(x) é.wav"),
    Kind("m4a, ffmpeg absent", holding(b"\0\0\0\x20ftypM4A " + bytes(99)), "unreadable", "MPEG-4 audio needs ffmpeg, which is not installed", file="a.m4a", needs="no ffmpeg"),
    Kind("webm, ffmpeg absent", holding(b"\x1a\x45\xdf\xa3" + bytes(99)), "unreadable", "Matroska or WebM audio needs ffmpeg, which is not installed", file="a.webm", needs="no ffmpeg"),
    Kind("m4a", transcoded("-c:a", "aac"), "used", "decoded by ffmpeg", file="a.m4a", needs="ffmpeg"),
    Kind("m4a named .wav and beginning with -", transcoded("-c:a", "aac", "-f", "ipod"), "used", "decoded by ffmpeg", file="-y.wav", needs="ffmpeg"),
    Kind("webm", transcoded("-c:a", "libopus"), "used", "decoded by ffmpeg", file="a.webm", needs="ffmpeg"),
    Kind("mkv", transcoded("-c:a", "aac"), "used", "decoded by ffmpeg", file="a.mkv", needs="ffmpeg"),
    Kind("aac", transcoded("-c:a", "aac"), "used", "decoded by ffmpeg", file="a.aac", needs="ffmpeg"),
    Kind("m4a cut short", cut_after(transcoded("-c:a", "aac"), 0.5), "unreadable", "ffmpeg cannot decode MPEG-4 audio", file="a.m4a", needs="ffmpeg"),
    Kind("m4a with its index in front, cut short", cut_after(transcoded("-c:a", "aac", "-movflags", "faststart"), 0.6), "truncated", "ffmpeg finds that MPEG-4 audio ends early", file="a.m4a", needs="ffmpeg"),
    Kind("webm cut short", cut_after(transcoded("-c:a", "libopus"), 0.6), "truncated", "ffmpeg finds that Matroska or WebM audio ends early", file="a.webm", needs="ffmpeg"),
    Kind("video without sound", transcoded("-f", "lavfi", "-i", "color=size=32x32:duration=1", "-map", "1:v"), "unreadable", "ffmpeg cannot decode MPEG-4 audio", file="a.mp4", needs="ffmpeg"),
)  # fmt: skip


def outcome(path: Path) -> tuple[str, str]:
    try:
        prepared(path, LIMITS)
    except UnusableAudio as error:
        return error.reason, error.detail
    return "used", ""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_each_kind_of_file(tmp_path, monkeypatch, kind):
    if kind.needs == "user" and os.geteuid() == 0:
        pytest.skip("root may read every file")
    if kind.needs == "ffmpeg" and not shutil.which("ffmpeg"):
        pytest.skip("ffmpeg is not installed")
    path = tmp_path / kind.file
    kind.make(path)
    if kind.needs != "ffmpeg":
        monkeypatch.setenv("PATH", "")
    reason, detail = outcome(path)
    assert reason == kind.outcome, detail
    if reason != "used":
        assert kind.detail in detail
        assert str(tmp_path) not in detail and "\n" not in detail and not detail.endswith(".")
        assert detail
    assert reason in {"used", *REASONS}


def page() -> str:
    """docs/audio_files.md."""
    rows = [f"| {k.name} | {k.outcome} | {k.detail} |" for k in KINDS]
    rows += [
        "| id listed twice | duplicate_id | the first counts, in whatever split |",
        "| ids differing in case alone | used | as two clips |",
        "| file listed twice, under two ids | duplicate_file | the first counts |",
        "| name that is not UTF-8 | bad_name | written with escapes, caf\\xe9.wav |",
    ]
    reasons = [f"| {reason} | {meaning} |" for reason, meaning in REASONS.items()]
    parts = [INTRODUCTION, *rows, "", REASONS_HEAD, *reasons, "", LIMITS_OF_IT, OWN]
    return "\n".join(parts)


INTRODUCTION = """# Invalid and unusual audio files

Preparation uses a file, or rejects it with one of the reasons below and a sentence of detail in
`rejected.parquet`. Each row but the last four is a test in `tests/unit/data/test_audio_files.py`,
from which this page is generated; those four are tested in `test_listing.py` and
`test_folder.py` of `tests/unit/data/corpora`. The limits here are at least 2370 samples at 8 kHz and at most 60 s.

| file | outcome | detail of the rejection, or treatment |
|--|--|--|"""
REASONS_HEAD = """## Reasons

| reason | meaning |
|--|--|"""
LIMITS_OF_IT = """## Limitations

Truncation is detected from a file's header or last page. MP3 files without a frame count (no Xing
or Info header) and raw AAC streams have neither, so whatever they contain is used. The frame count
of an MP3 file is trusted to within 0.1 s. Corrupted bytes are detected only in FLAC, which has
checksums.

m4a, mp4, webm, mkv, aac and wma files, and FLAC files of unknown length, require `ffmpeg`. It runs
without a shell, can open local files only, and stops shortly after the maximum clip length.
"""
OWN = """## Your own recordings

`data.folder: {source: local, path: /data/mine}` adds a dataset `folder`, which recipes, sonification
and evaluation can use like any other. Its splits are `train`, `val` and `eval`; any other is an
error. The folder takes one of two forms.

The first has a list `clips.csv` (UTF-8) at its root, whose first line names the columns, in any
order:

| column | meaning |
|--|--|
| path | the file, relative to the folder |
| split | train, val or eval |
| labels | one or more, separated by `;` |
| clip_id | optional: the name of the clip in all tables (default: its path) |
| source_url, uploader, licence | optional: origin of the recording, for attribution |

```csv
path,split,labels
farm/rooster.wav,train,bird;outdoors
"farm/dog, barking.flac",eval,dog
```

The second has no list, but folders `<split>/<label>/` with recordings at any depth, one label each
(`train/dog/rex.wav`). Linked folders are followed; one that leads to recordings already listed is an
error. Files outside the split folders and hidden files such as `.DS_Store` are ignored; every other
file is used or rejected.

Classes are the labels in alphabetical order, or the lines of `vocabulary.txt` if the folder has one;
clips with any other label are then rejected. Train with the objective `multilabel`, or with
`multiclass` if every clip has one label.
"""


def test_the_page_is_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/audio_files.md is stale: run python tests/unit/data/test_audio_files.py"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
