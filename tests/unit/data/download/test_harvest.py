"""One recording of a harvest: what preparation makes of it, and how a broken file shows."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.audio.samples import Limits, UnusableAudio, prepared
from sonify.data.download import harvest

LIMITS = Limits(min_samples=512, max_s=1.5)


def wav(x: np.ndarray, rate: int, subtype: str = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, x, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def harvested(root, contents: list[bytes]) -> list[str]:
    """Harvest audio files as one shard; their places."""
    rows = [harvest.row(i, f"id{i}", content) for i, content in enumerate(contents)]
    size = harvest.ROWS_PER_GROUP
    groups = (rows[i : i + size] for i in range(0, len(rows), size))
    harvest.write(groups, root / "harvest/eval/00.parquet")
    places = harvest.places(root, "eval")
    return [places[f"id{i}"] for i in range(len(contents))]


@given(
    seed=st.integers(0, 99),
    n=st.integers(6, 3000),  # fewer may be none at 8 kHz
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000]),
    channels=st.integers(1, 6),
)
def test_a_harvested_recording_is_the_prepared_one(tmp_path_factory, seed, n, rate, channels):
    root = tmp_path_factory.mktemp("corpus")
    content = wav(np.random.default_rng(seed).uniform(-1, 1, (n, channels)), rate)
    (root / "a.wav").write_bytes(content)
    (place,) = harvested(root, [content])
    outcomes = []
    for path in (place, "a.wav"):
        try:
            found = harvest.recording(root, path, Limits(100, 60))
            outcomes.append((found.pcm.dtype.str, found.pcm.tobytes(), found.gain, found.channels,
                             found.source_rate, found.source_samples))  # fmt: skip
        except UnusableAudio as error:
            outcomes.append((error.reason, error.detail))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"plainly not audio" * 9, "unreadable"),
        (wav(np.zeros((0, 1)), 48000), "empty"),
        (wav(np.zeros(9000), 48000), "silent"),
        (wav(np.full(9000, np.nan), 48000), "not_finite"),
        (wav(np.arange(-50, 50) / 100, 8000), "too_short"),
        (wav(np.sin(np.arange(20_000)), 8000), "too_long"),
        (wav(np.sin(np.arange(9000)), 8000)[:9000], "truncated"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reasons_are_kept(tmp_path, content, reason):
    (place,) = harvested(tmp_path, [content])
    with pytest.raises(UnusableAudio) as found:
        harvest.recording(tmp_path, place, LIMITS)
    with pytest.raises(UnusableAudio) as direct:
        prepared(io.BytesIO(content), LIMITS)
    assert found.value.reason == direct.value.reason == reason
    assert found.value.detail == direct.value.detail


def test_reading_order():
    places = [
        "harvest/eval/01.parquet#2",
        "harvest/eval/00.parquet#10",
        "harvest/eval/00.parquet#9",
        "audio/Y#1.wav",
        "harvest/eval/00.parquet.wav",
        "harvest/eval/00.parquet#9#0",
    ]

    def key(path: str) -> tuple[str, int]:
        """By name, but for a recording in a shard: there by its row."""
        file, _, row = path.rpartition("#")
        in_shard = file.startswith("harvest/") and file.endswith(".parquet")
        return (file, int(row)) if in_shard else (path, 0)

    order = harvest.reading_order(places).tolist()
    assert [places[i] for i in order] == sorted(places, key=key)
    assert order[:3] == [3, 2, 1]


def test_the_last_usable_recording_of_an_id_counts(tmp_path):
    x = wav(np.random.default_rng(0).uniform(-1, 1, 2000), 8000)
    listed = [[("a", x), ("b", b""), ("a", x), ("c", b"")], [("a", b""), ("b", x), ("c", b"")]]
    for shard, recordings in enumerate(listed):
        rows = [harvest.row(i, clip_id, content) for i, (clip_id, content) in enumerate(recordings)]
        harvest.write([rows], tmp_path / f"harvest/eval/{shard:02d}.parquet")
    places = harvest.places(tmp_path, "eval")
    assert dict(places) == {
        "a": "harvest/eval/00.parquet#2",
        "b": "harvest/eval/01.parquet#1",
        "c": "harvest/eval/01.parquet#2",
    }
    assert places.get("d") is None and len(places) == 3


@pytest.mark.parametrize("damage", ["cut", "text", "misplaced"])
def test_a_broken_harvest_file_is_named(tmp_path, damage):
    x = np.random.default_rng(0).uniform(-1, 1, 2000)
    harvested(tmp_path, [wav(x, 8000)])
    file = tmp_path / "harvest/eval/00.parquet"
    if damage == "misplaced":
        harvest.write([[harvest.row(7, "id7", wav(x, 8000))]], file)
    else:
        file.write_bytes(file.read_bytes()[:-9] if damage == "cut" else b"text")
        with pytest.raises(ValueError, match=r"00\.parquet: .*: delete it and download again"):
            harvest.places(tmp_path, "eval")
    with pytest.raises(ValueError, match=r"00\.parquet: .*: delete it and download again"):
        harvest.recording(tmp_path, "harvest/eval/00.parquet#0", LIMITS)


@pytest.mark.parametrize("damage", ["samples", "header", "fewer"])
def test_a_broken_recording_in_a_whole_file_is_named(tmp_path, damage):
    x = np.random.default_rng(0).uniform(-1, 1, 2000)
    row = harvest.row(0, "id0", wav(x, 8000))
    flac = bytearray(row["flac"])
    at = {"samples": slice(-1000, None), "header": slice(0, 40), "fewer": slice(0, 0)}[damage]
    flac[at] = bytes(len(flac[at]))
    more = damage == "fewer"
    spoilt = row | {"flac": bytes(flac), "n_samples": row["n_samples"] + more}
    harvest.write([[spoilt]], tmp_path / "harvest/eval/00.parquet")
    with pytest.raises(ValueError, match=r"00\.parquet: row 0 .*: delete it and download again"):
        harvest.recording(tmp_path, "harvest/eval/00.parquet#0", LIMITS)


def test_a_missing_audio_file_is_missing(tmp_path):
    with pytest.raises(UnusableAudio, match="missing_file"):
        harvest.recording(tmp_path, "audio/Y-a.wav", LIMITS)
