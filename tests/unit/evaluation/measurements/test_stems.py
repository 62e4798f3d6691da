"""Ground truth: known band-passes take their clips apart, random weights do not."""

import numpy as np
import pytest
import soundfile
from instruments import TONES_HZ, band_passes, card, tones

from sonify.contracts import tables
from sonify.evaluation.measurements.stems import read_stems, stems_table
from sonify.models.untrained import untrained
from sonify.runtime.errors import SonifyError

HOW = {"rule": "mean", "max_samples": 20_000}


@pytest.fixture
def mixtures(tmp_path):
    """Clips of tones, and the folder of their stems."""
    clips, stems = tones()
    for clip, of_clip in zip(clips.ids, stems, strict=True):
        (tmp_path / clip).mkdir()
        for hertz, stem in zip(TONES_HZ, of_clip, strict=True):
            soundfile.write(tmp_path / clip / f"{hertz:04d}.flac", stem, 8_000)
    return clips, stems, tmp_path


def test_known_band_passes_separate_their_tones_near_perfectly(mixtures):
    clips, _, folder = mixtures
    made = stems_table(band_passes(), card(), [clips], folder, **HOW)
    table = tables.checked(made, "stems").to_pandas()
    assert len(table) == 6 * 2 * 5 and (table["n_sources"] == 4).all()
    by = table.groupby("sound")[["best_share", "si_sdr_db", "auc_bins"]].min()
    assert by.loc["sonification", "best_share"] > 0.97
    assert by.loc["sonification", "si_sdr_db"] > 10
    assert table[table["sound"] == "clip"]["best_share"].max() < 0.9
    drawn = table[table["sound"] == "random_filter"]
    assert drawn["best_share"].min() > 0.5, "another filter, another tone, as soft as it is"


def test_random_weights_separate_no_more_than_controls(mixtures):
    clips, _, folder = mixtures
    values = []
    for seed in range(8):
        model = untrained(card(run="drawn", seed=seed))
        table = stems_table(model, card(seed=seed), [clips], folder, **HOW)
        values.append(table.groupby("sound")["best_share"].mean())
    gain = np.array([v["sonification"] - v["untrained"] for v in values])
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    assert abs(gain.mean()) < 2.365 * error + 0.02, "inside the 95% interval about 0"


def test_stems_are_read_at_8_khz_as_long_as_the_clip(mixtures, tmp_path):
    _, stems, folder = mixtures
    found = read_stems(folder, "clip0", 8_000)
    np.testing.assert_allclose(found, stems[0], atol=1e-4)
    assert read_stems(folder, "another", 8_000) is None
    alone = folder / "alone"
    alone.mkdir()
    (alone / "0500.flac").write_bytes((folder / "clip0" / "0500.flac").read_bytes())
    assert read_stems(folder, "alone", 8_000) is None, "of one source nothing is to be separated"
    with pytest.raises(SonifyError, match=r"0500.flac has 8000 samples at 8 kHz, its clip 9000"):
        read_stems(folder, "clip0", 9_000)
    (folder / "clip1" / "1100.flac").write_bytes(b"no sound")
    with pytest.raises(SonifyError, match=r"1100.flac: .*replace it"):
        read_stems(folder, "clip1", 8_000)


def test_two_stems_suffice_and_may_differ_from_the_clip_by_a_millisecond(tmp_path, rng):
    """Which is 8 samples at 8 kHz: what is too long is cut, what is too short ends in silence."""
    x = rng.uniform(-0.5, 0.5, 8_009)
    (tmp_path / "clip").mkdir()

    def stems(long: int, short: int) -> np.ndarray | None:
        for name, n in {"long": long, "short": short}.items():
            soundfile.write(tmp_path / "clip" / f"{name}.wav", x[:n], 8_000, subtype="FLOAT")
        return read_stems(tmp_path, "clip", 8_000)

    found = stems(8_008, 7_992)
    np.testing.assert_allclose(found[0], x[:8_000], atol=1e-6)
    np.testing.assert_allclose(found[1], np.concatenate([x[:7_992], np.zeros(8)]), atol=1e-6)
    with pytest.raises(SonifyError, match=r"long.wav has 8009 samples at 8 kHz, its clip 8000"):
        stems(8_009, 8_000)
    with pytest.raises(SonifyError, match=r"short.wav has 7991 samples at 8 kHz, its clip 8000"):
        stems(8_000, 7_991)


def test_a_folder_of_no_clips_stems_is_named(mixtures, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SonifyError, match="empty has no folder with two stems or more"):
        stems_table(band_passes(), card(), [mixtures[0]], empty, **HOW)
