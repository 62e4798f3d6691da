"""How ffmpeg is called, seen by an executable in its place, and what headers promise."""

import errno
import io
import json
import os
import resource
import shutil
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.audio import decoding
from sonify.data.audio.containers import shortfall
from sonify.data.audio.decoding import UnusableAudio, decoded

MP4 = b"\0\0\0\x20ftypM4A " + bytes(99)
FAKE = """#!{python}
import json, pathlib, shutil, sys
here = pathlib.Path({folder!r})
(here / "arguments.json").write_text(json.dumps(sys.argv[1:]))
if (here / "sound.w64").exists():
    shutil.copy(here / "sound.w64", sys.argv[-1])
sys.stderr.write({told!r})
sys.exit({status})
"""


@pytest.fixture
def fake_ffmpeg(tmp_path, monkeypatch):
    """Puts an ffmpeg on PATH that notes its arguments and hands out a sound, if it is given one."""

    def make(x: np.ndarray | None, status: int = 0, told: str = "") -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        if x is not None:
            soundfile.write(folder / "sound.w64", x, 22050, format="W64", subtype="FLOAT")
        program = folder / "ffmpeg"
        program.write_text(
            FAKE.format(python=sys.executable, folder=str(folder), told=told, status=status)
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        return folder / "arguments.json"

    return make


def test_ffmpeg_is_called_without_a_shell_and_its_sound_is_used(tmp_path, monkeypatch, fake_ffmpeg):
    noted = fake_ffmpeg(np.full((100, 2), [0.5, 0.25]))
    monkeypatch.chdir(tmp_path)
    name = "-i $(touch owned);'.m4a"
    Path(name).write_bytes(MP4)
    found = decoded(Path(name), 10.0)
    assert (found.rate, found.channels) == (22050, 2)
    np.testing.assert_allclose(found.x, np.full(100, 0.375))
    arguments = json.loads(noted.read_text())
    assert arguments[arguments.index("-i") + 1] == f"file:{tmp_path}/{name}"
    assert arguments[arguments.index("-t") + 1] == "11"
    assert not list(tmp_path.glob("owned"))
    assert not Path(arguments[-1]).exists()  # nothing is left behind


@pytest.mark.parametrize(
    ("x", "status", "told", "reason"),
    [
        (None, 1, "Invalid data found", "unreadable"),
        (None, 0, "", "unreadable"),
        (np.zeros(0), 0, "", "empty"),
        (np.ones(9), 0, "stream 0, offset 0x9: partial file", "truncated"),
        (np.ones(12 * 22050), 0, "", "too_long"),
    ],
)
def test_when_ffmpeg_has_nothing_to_give(tmp_path, fake_ffmpeg, x, status, told, reason):
    fake_ffmpeg(x, status, told)
    (tmp_path / "a.m4a").write_bytes(MP4)
    with pytest.raises(UnusableAudio) as caught:
        decoded(tmp_path / "a.m4a", 10.0)
    assert caught.value.reason == reason
    assert str(tmp_path) not in caught.value.detail


@pytest.mark.parametrize("trouble", ["full", "gone"])
def test_a_full_or_missing_temporary_folder_is_no_fault_of_the_clip(
    tmp_path, monkeypatch, fake_ffmpeg, trouble
):
    fake_ffmpeg(None, 1, "decoded.w64: No space left on device" if trouble == "full" else "")
    if trouble == "gone":
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    (tmp_path / "a.m4a").write_bytes(MP4)
    with pytest.raises(
        ValueError, match=r"a\.m4a: .* \(No s.*\): .*set TMPDIR to a directory with"
    ):
        decoded(tmp_path / "a.m4a", 10.0)


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.EMFILE, None), (errno.EIO, None), (errno.EACCES, "unreadable")]
)
def test_a_fault_of_the_machine_rejects_no_clip(tmp_path, monkeypatch, code, reason):
    """Else its clips would be missing from the corpus, and nobody would ask why."""

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    (tmp_path / "a.wav").write_bytes(b"RIFF")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnusableAudio if reason else OSError) as caught:
        decoded(tmp_path / "a.wav", 10.0)
    assert getattr(caught.value, "reason", None) == reason
    assert reason or caught.value.filename == str(tmp_path / "a.wav")


def test_a_clip_is_decoded_with_the_last_file_that_can_be_opened(tmp_path, rng):
    """libsndfile would open it once more, and say no more than "System error"."""
    soundfile.write(tmp_path / "a.wav", rng.uniform(-0.5, 0.5, 800), 8_000)
    expected = decoded(tmp_path / "a.wav", 10.0)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (held[0] + 9, limits[1]))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(OSError, match="Too many open files"):
            decoded(tmp_path / "a.wav", 10.0)
        os.close(held.pop())
        found = decoded(tmp_path / "a.wav", 10.0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for number in held:
            os.close(number)
    np.testing.assert_array_equal(found.x, expected.x)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("samples", [8_103, 20_000])
def test_a_whole_mp3_has_the_samples_that_were_encoded(tmp_path, rng, rate, samples):
    """Its frames hold up to three more than that, a fifth of a second at 8 kHz."""
    soundfile.write(tmp_path / "a.mp3", rng.uniform(-0.5, 0.5, samples), rate)
    assert len(decoded(tmp_path / "a.mp3", 10.0).x) == samples
    content = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableAudio, match="^truncated: "):
        decoded(tmp_path / "a.mp3", 10.0)


def test_ffmpeg_that_hangs(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ffmpeg").write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 9\n")
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(decoding, "_FFMPEG_S", 0.05)
    (tmp_path / "a.m4a").write_bytes(MP4)
    with pytest.raises(UnusableAudio, match=r"unreadable: ffmpeg was not done with MPEG-4"):
        decoded(tmp_path / "a.m4a", 10.0)


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU"])
@pytest.mark.parametrize("endian", ["FILE", "BIG"])
def test_every_cut_is_noticed_and_no_whole_file_is_suspected(form, endian):
    if endian == "BIG" and form in ("RF64", "W64", "WAVEX"):
        pytest.skip("there is no such format")
    buffer = io.BytesIO()
    soundfile.write(buffer, np.ones(1001) / 2, 8000, format=form, endian=endian, subtype="PCM_24")
    whole = buffer.getvalue()
    assert shortfall(io.BytesIO(whole)) is None
    assert shortfall(io.BytesIO(whole + bytes(10))) is None
    samples = bytes(
        [0, 0, 0x40]
        if endian == "FILE" and form in ("WAV", "WAVEX", "RF64", "W64")
        else [0x40, 0, 0]
    )
    end = whole.rindex(samples) + 3
    for lacking in (1, 3, 1500, 3002):
        told = shortfall(io.BytesIO(whole[: end - lacking]))
        assert told and "bytes of samples that its header promises are there" in told, lacking


FORMS = [b"", b"RIFF", b"RIFX", b"FORM", b"caff", b"riff", b".snd", b"OggS", b"RF64"]
CHUNKS = st.tuples(
    st.sampled_from([b"", b"ds64", b"data", b"SSND", b"fmt "]),
    st.sampled_from([0, 16, 28, 2**32 - 1]),
    st.binary(max_size=30),
).map(lambda chunk: chunk[0] + struct.pack("<I", chunk[1]) + chunk[2])


@given(
    st.one_of(st.binary(max_size=80), st.lists(CHUNKS, max_size=3).map(b"".join)),
    st.sampled_from([0, 8]),
    st.sampled_from(FORMS),
)
def test_any_bytes_are_looked_at_in_vain(content, gap, magic):
    """Headers are hostile: whatever they say, the look at them ends and raises nothing."""
    told = shortfall(io.BytesIO(magic + bytes(gap) + content))
    assert told is None or "\n" not in told


def test_rf64_cut_anywhere_in_its_header():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.ones(1001) / 2, 8000, format="RF64", subtype="PCM_16")
    for end in range(61):
        with pytest.raises(UnusableAudio):
            decoded(io.BytesIO(buffer.getvalue()[:end]), 10.0)


def test_a_chunk_that_claims_the_whole_disk():
    wave = b"RIFF" + struct.pack("<I", 9) + b"WAVE" + b"LIST" + struct.pack("<I", 2**32 - 1)
    assert shortfall(io.BytesIO(wave + bytes(50))) is None
