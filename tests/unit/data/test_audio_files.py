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

from sonify.data.audio import mpeg
from sonify.data.audio.decoding import decoded
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
    samples: int = 0  # of a used one, at its own rate, where its header is wrong
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


def vbr(frames_cut: int = 1) -> bytes:
    """Five seconds of tone and noise in turn as MP3 of variable bit rate, its first frames cut
    off: the first has the number of frames."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100)
    x = np.concatenate([tone(44100), noise, tone(44100), noise, tone(44100)])
    content = sound(x, 44100, format="MP3", bitrate_mode="VARIABLE", compression_level=0.3)
    starts = [at for at, _ in mpeg.frames(io.BytesIO(content))]
    return content[starts[frames_cut] :]


def stale(samples: int) -> bytes:
    """A FLAC file whose header gives so many samples rather than its 16000."""
    held = int.from_bytes(FLAC[18:26], "big") >> 36 << 36 | samples
    return FLAC[:18] + held.to_bytes(8, "big") + FLAC[26:]


def unclosed(form: str) -> bytes:
    """A file as a recorder leaves it that was killed: the header says that it is empty."""
    empty, whole = sound(tone()[:0], format=form), sound(format=form)
    return empty + whole[len(whole) - 2 * RATE :]


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


def opposed(
    bits: int = 16, pairs: int = 1, offset: float = 0.0, amplitude: float = 0.5,
    louder: float = 0.0, **options,
) -> bytes:  # fmt: skip
    """Channels in opposite phase, each with dither of its own before it was rounded."""
    rng, step = np.random.default_rng(0), 2.0 ** (1 - bits)
    x = np.stack([(1 + louder) * tone(), -tone()] * pairs, axis=1) * (amplitude / 0.5) + offset
    dither = rng.uniform(-0.5, 0.5, x.shape) + rng.uniform(-0.5, 0.5, x.shape)
    return sound(np.round(x / step + dither) * step, **options)


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
    Kind("WAV of a recorder that was killed (length 0)", holding(unclosed("WAV")), "used", "with all samples to its end", samples=16000),
    Kind("AIFF of a recorder that was killed", holding(unclosed("AIFF")), "used", "with all samples to its end", file="a.aiff", samples=16000),
    Kind("CAF of a recorder that was killed", holding(unclosed("CAF")), "used", "with all samples to its end", file="a.caf", samples=16000),
    Kind("W64 of a recorder that was killed", holding(unclosed("W64")), "used", "with all samples to its end", file="a.w64", samples=16000),
    Kind("AU of a recorder that was killed", holding(unclosed("AU")), "used", "with all samples to its end", file="a.au", samples=16000),
    Kind("WAV with a header that is older than its samples", holding(with_size(WAV, 16000)), "truncated", "16000 bytes behind the 16000 that its header promises are in no chunk"),
    Kind("WAV of length 0, with a chunk behind", holding(with_size(WAV[:44], 0) + b"LIST" + struct.pack("<I", 5000) + bytes(5000)), "empty", "the file has a header and no samples"),
    Kind("WAV with a tag behind its samples", holding(WAV + b"ID3" + bytes(range(200)) * 30), "used", "without the tag", samples=16000),
    Kind("FLAC of unknown length (written to a pipe)", holding(stale(0)), "used", "with all samples to its end", file="a.flac", samples=16000),
    Kind("FLAC whose header gives half its length", holding(stale(8000)), "used", "with all samples to its end", file="a.flac", samples=16000),
    Kind("MP3 of variable bit rate without a frame count", holding(vbr()), "used", "its frames are counted", file="a.mp3", samples=193 * 1152 - 529),
    Kind("MP3 that begins with a small frame", holding(vbr(2)), "used", "its frames are counted", file="a.mp3", samples=192 * 1152 - 529),
    Kind("two MP3 files one after the other", holding(MP3 + MP3), "used", "with the sound of both", file="a.mp3", samples=81 * 1152 - 529),
    Kind("two Ogg files one after the other", holding(OGG + OGG), "used", "with the sound of both", file="a.ogg", samples=32000),
    Kind("two Ogg files of different rates", holding(OGG + sound(rate=8000, format="OGG")), "unreadable", "its streams have different sampling rates (8000, 16000 Hz)", file="a.ogg"),
    Kind("WAV with more behind its samples", holding(WAV + b"LIST" + bytes(64)), "used", "without what is behind"),
    Kind("FLAC with damaged bytes", holding(flipped(FLAC)), "truncated", "decoding fails before the 16000 samples that its header promises", file="a.flac"),
    Kind("NaN", holding(with_value(77, np.nan)), "not_finite", "sample 77 is nan"),
    Kind("infinite", holding(with_value(5, -np.inf)), "not_finite", "sample 5 is -inf"),
    Kind("one sample at 17,600", holding(with_value(77, 17600.0)), "outliers", "sample 77 is 17600: scaled to it, the rest, up to 0.5, is only rounding"),
    Kind("a few samples at -1e30", holding(sound(np.where(np.arange(RATE) % 1500 == 5, -1e30, tone()), subtype="FLOAT")), "outliers", "sample 5 is -1e+30: scaled to it, the rest, up to 0.5, is only rounding"),
    Kind("an offset of 100,000", holding(sound(tone() + 1e5, subtype="DOUBLE")), "outliers", "scaled to it, the rest, up to 0.5, is only rounding"),
    Kind("one sample at 5, silence beside it", holding(sound(np.where(np.arange(RATE) == 9, 5.0, 0.0), subtype="FLOAT")), "used", "a click is a sound"),
    Kind("a click, 100 dB under it noise", holding(sound(np.where(np.arange(RATE) == 9, 0.99, 1e-5 * tone()), subtype="PCM_24")), "used", "within full scale it is a sound like any other"),
    Kind("floats in units of 16 bits", holding(sound(32768 * tone(), subtype="FLOAT")), "used", "scaled to unit peak"),
    Kind("silence", holding(sound(0 * tone())), "silent", "all 16000 samples are 0"),
    Kind("DC only", holding(sound(0 * tone() + 0.25)), "silent", "all 16000 samples are 0.25"),
    Kind("fainter than 32 bits", holding(sound(1e-10 * tone(), subtype="DOUBLE")), "silent", "its peak is 5e-11 of full scale"),
    Kind("nothing below 4 kHz", holding(sound(np.hanning(RATE) * tone(frequency=7000), subtype="DOUBLE")), "silent", "nothing of its sound at 16000 Hz is below 4 kHz"),
    Kind("nothing below 4 kHz, in 16 bits", holding(sound(np.hanning(RATE) * tone(frequency=7000))), "used", "what is left is the rounding noise of the file"),
    Kind("stereo in opposite phase", holding(sound(np.stack([tone(), -tone()], axis=1), subtype="FLOAT")), "silent", "all 16000 samples are 0"),
    Kind("the same in 16 bits, with dither", holding(lambda: opposed()), "silent", "its 2 channels, up to 0.5, cancel each other: their mean, up to"),
    Kind("the same in 8 bits", holding(lambda: opposed(8, subtype="PCM_U8")), "silent", "cancel each other"),
    Kind("the same in 24 bits, in 6 channels, with an offset", holding(lambda: opposed(24, 3, 0.1, subtype="PCM_24")), "silent", "cancel each other"),
    Kind("the same, one channel 60 dB the louder", holding(lambda: opposed(louder=1e-3)), "used", "what is left"),
    Kind("stereo of a step or two of 16 bits", holding(lambda: opposed(amplitude=2.0**-15)), "used", "faint in its channels too"),
    Kind("1 sample", holding(sound(tone()[1:2])), "too_short", "it holds a single sample, where 2370 at 8 kHz are needed"),
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


def outcome(path: Path) -> tuple[str, str, int]:
    """`used` or the reason, the detail, and the samples of the file."""
    try:
        return "used", "", prepared(path, LIMITS).source_samples
    except UnusableAudio as error:
        return error.reason, error.detail, 0


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
    reason, detail, samples = outcome(path)
    assert reason == kind.outcome, detail
    assert kind.samples in (0, samples)
    if reason != "used":
        assert kind.detail in detail
        assert str(tmp_path) not in detail and "\n" not in detail and not detail.endswith(".")
        assert detail
    assert reason in {"used", *REASONS}


def test_an_mp3_without_its_frame_count_has_the_sound_of_the_whole(tmp_path):
    whole, bare = tmp_path / "whole.mp3", tmp_path / "bare.mp3"
    whole.write_bytes(vbr(0))
    bare.write_bytes(vbr(1))
    x, y = decoded(whole, 60).x, decoded(bare, 60).x
    assert len(x) == 5 * 44100
    # Without the header nothing tells the encoder's delay of 576 samples.
    np.testing.assert_allclose(y[576 + 2000 : 576 + 200_000], x[2000:200_000], atol=1e-4)


def page() -> str:
    """docs/audio_files.md."""
    rows = [f"| {k.name} | {k.outcome} | {k.detail} |" for k in KINDS]
    rows += [
        "| id listed twice | duplicate_id | the first counts, in whatever split |",
        "| ids differing in case alone | used | as two clips |",
        "| file listed twice, under two ids | duplicate_file | the first counts |",
        "| file listed again by a link to it | duplicate_file | the first counts |",
        "| id that is a spreadsheet's `#NAME?` | bad_id | with its line |",
        "| name that is not UTF-8 | bad_name | written with escapes, caf\\xe9.wav |",
    ]
    reasons = [f"| {reason} | {meaning} |" for reason, meaning in REASONS.items()]
    parts = [INTRODUCTION, *rows, "", REASONS_HEAD, *reasons, "", LIMITS_OF_IT, OWN]
    return "\n".join(parts)


INTRODUCTION = """# Invalid and unusual audio files

Preparation uses a file, or rejects it with one of the reasons below and a sentence of detail in
`rejected.parquet`. Each row but the last six is a test in `tests/unit/data/test_audio_files.py`,
from which this page is generated; those six are tested in `test_listing.py` and
`test_folder.py` of `tests/unit/data/corpora`. The limits here are at least 2370 samples at 8 kHz and at most 60 s.

| file | outcome | detail of the rejection, or treatment |
|--|--|--|"""
REASONS_HEAD = """## Reasons

| reason | meaning |
|--|--|"""
LIMITS_OF_IT = """## Limitations

Truncation is detected from a file's header or last page. MP3 files without a frame count (no Xing
or Info header) and raw AAC streams have neither, so whatever they contain is used: the frames of an
MP3 file are counted, never estimated. A file may have more sound than its header says; then it is
used to its end, or rejected as truncated. Corrupted bytes are detected only in FLAC, which has
checksums.

m4a, mp4, webm, mkv, aac and wma files require `ffmpeg`. It runs
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
error. Files outside the split folders, hidden files such as `.DS_Store`, and others that systems leave
behind (`Thumbs.db`, `@eaDir`) are ignored; every other file is used or rejected.

Mixtures whose stems are known can be made from any prepared dataset, each of two or three clips at random levels
and times (listed in `sources.csv`); `make run ARGS=beyond` then measures how far a sonification is one of them:

```sh
PYTHONPATH=src python -m sonify.data.mixing results/data/fsd50k eval mixtures --clips 200
```

```yaml
data: {folder: {source: local, path: mixtures}}
evaluation:
  coherence: {dataset: folder, split: eval}
  stems: {folder: mixtures/stems}
```

A folder of your own stems has the same form: in `stems.folder`, a folder for each clip, named as the clip, with a
file for each source, all as long as the clip.

Classes are the labels in alphabetical order, or the lines of `vocabulary.txt` if the folder has one;
clips with any other label are then rejected. Train with the objective `multilabel`, or with
`multiclass` if every clip has one label.

## From a folder to its gallery

A worked example: train a network on recordings of yours, find the clips that excite each of its filters most,
sonify them, and listen. Put the recordings, in any format, into a folder `recordings` in the checkout (elsewhere,
give its absolute path in `mine.yaml`), with a list of them. Yours will be longer, but this is enough to try; `eval`
is what is listened to, and needs three clips at least, since each filter shows three:

```csv recordings/clips.csv
path,split,labels
rooster.wav,train,bird;outdoors
sparrow.wav,train,bird
rex.wav,train,dog
rex outdoors.wav,train,dog;outdoors
drizzle.wav,train,rain
downpour.wav,train,rain;outdoors
owl.wav,train,bird
puppy.wav,train,dog
blackbird.wav,val,bird;outdoors
terrier.wav,val,dog
shower.wav,val,rain
robin.wav,eval,bird;outdoors
"beagle, barking.wav",eval,dog
gutter.wav,eval,rain
```

The configuration adds the dataset, a recipe that trains on it and keeps the epoch that is best on `val`, and a run
of that recipe; `sonification` then mines and renders the `eval` clips with the run's network. The last two blocks name
the run where the paper's would be shown otherwise: in the gallery's evolution over training, which takes the six
checkpoints, and in Figures 1 to 3.

```yaml mine.yaml
data:
  folder: {source: local, path: recordings}

training:
  seeds: [0]
  recipes:
    mine:
      {base: fsd50k, dataset: folder, epochs: 30, checkpoints: 6, select: best_on_val, val_split: val, val_crop_s: 1}
  runs:
    mine: {recipe: mine, architecture: CNN12}

sonification:
  runs: [mine]
  dataset: folder
  split: eval

evaluation:
  evolution: {runs: [mine]}

reporting:
  pairs:
    figure_1: {runs: [mine]}
    figure_2: {runs: [mine]}
    figure_3: {runs: [mine]}
```

Look at what would run, then run it, in a few minutes. Without the target, `make run CONFIG=mine.yaml` would
reproduce the paper as well.

```sh
make run CONFIG=mine.yaml ARGS="-n results/reporting/gallery"
make run CONFIG=mine.yaml ARGS=results/reporting/gallery
```

Afterwards look, and listen, at:

| where | what |
|--|--|
| `make open` | the gallery: every filter, with the `eval` clips that excite it most |
| `results/data/folder/rejected.parquet` | recordings that were not used, each with its reason |
| `results/data/folder/manifest.parquet` | those that were used, with labels and durations |
| `results/models/mine-s0/history.parquet` | loss, and mAP on `val` (`val_score`), epoch by epoch; `chosen` marks the epoch that was kept |
| `results/models/mine-s0` | the network: `sonify new.wav --checkpoint results/models/mine-s0` plays it another clip |
| `results/sonification/mine-s0/top_activations.parquet` | the clips of each filter, with the frame of the maximum |
| `results/sonification/mine-s0/sonifications.parquet` | their sonifications, as samples |

A network as wide as the paper's, `models: {CNN12: {width: 1}, CNN12_x2: {width: 2}}`, needs more recordings, more
epochs and a GPU; one pretrained without labels is another run to start from (`start`, `finetune`).
"""


def test_the_page_is_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "docs/audio_files.md is stale: run python tests/unit/data/test_audio_files.py"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
