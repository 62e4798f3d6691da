"""Specificity: on a network of known band-passes, and against a plain loop over filters."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from instruments import TONES_HZ, band_passes, card, tones

from sonify.contracts import tables
from sonify.data.audio.pcm import decode, encode_each
from sonify.data.mined import centre
from sonify.evaluation.measurements.specificity import specificity_table
from sonify.models.untrained import untrained
from sonify.sonification.deconvnet.sonifier import Sonifier

N = 6_000  # samples mined of clips of 8,000


def rendered(model, clips, n: int) -> pd.DataFrame:
    """The sonification of every filter for clips 0 to 3, which are loudest in one tone each."""
    explainer, rows = Sonifier(model), []
    x = np.stack([decode(centre(clips.pcm(i), n)) for i in range(4)])
    for layer, filters in enumerate(explainer.filters, start=1):
        for index in range(filters):
            s = explainer.sonify(torch.from_numpy(x), layer, index).numpy()
            peaks, pcm = encode_each(s)
            for clip in range(4):
                rows.append(
                    {"dataset": clips.dataset, "split": "eval", "clip_id": clips.ids[clip]}
                    | {"layer": layer, "filter": index, "rank": clip + 1, "n_samples": n}
                    | {"peak": peaks[clip], "pcm": pcm[clip]}
                )
    return pd.DataFrame(rows)


@pytest.fixture
def mixtures(tmp_path):
    """Clips of tones, and the folder of the stems of all but clip3."""
    clips, stems = tones()
    for clip, of_clip in list(zip(clips.ids, stems, strict=True))[:3]:
        (tmp_path / clip).mkdir()
        for hertz, stem in zip(TONES_HZ, of_clip, strict=True):
            soundfile.write(tmp_path / clip / f"{hertz:04d}.flac", stem, 8_000)
    return clips, tmp_path


def measured(model, clips, rows, **how):
    lengths = pd.Series(rows["n_samples"].to_numpy(), index=rows["clip_id"])
    parts = [rows[:13], rows[13:]]  # a filter's clips may be read in two goes
    made = specificity_table(Sonifier(model), card(), [clips], parts, lengths, rule="mean", **how)
    return tables.checked(made, "specificity").to_pandas()


def test_known_band_passes_are_excited_by_what_they_pass_alone(mixtures):
    clips, folder = mixtures
    model, done = band_passes(), []
    table = measured(model, clips, rendered(model, clips, N), stems=folder, progress=done.append)
    assert len(table) == 2 * 4 * 4 * 3 and not table["dead"].any() and done[-1] == 32
    own = table[table["sound"] == "sonification"]
    assert (own["filter_rank"] == 1).all() and (own["n_filters"] == 4).all()
    assert own["best_share"].min() > 0.97
    on_clip = table[table["sound"] == "clip"]
    np.testing.assert_allclose(on_clip["response"], 1)
    loudest = on_clip["filter"] == on_clip["rank"] - 1
    assert (on_clip[loudest]["filter_rank"] == 1).all()
    assert (on_clip[~loudest]["filter_rank"] > 1).all(), "another tone is the louder one"
    known = on_clip.groupby("clip_id")["best_share"].first()
    assert known[:3].between(0.3, 0.95).all() and np.isnan(known["clip3"]), "no stems"


def test_activities_are_those_of_the_network_on_each_sound(make_clips):
    clips = make_clips([N] * 4)
    model = untrained(card(run="another"))
    rows = rendered(model, clips, N)
    table = measured(model, clips, rows).set_index(["layer", "filter", "rank", "sound"])
    assert table["best_share"].isna().all()
    conv, checked = model.encoder.trunk.conv1, 0
    for row in rows[rows["layer"] == 1].itertuples():
        s = decode(row.pcm, np.float64) * row.peak
        x = decode(clips.pcm(row.rank - 1), np.float64)
        with torch.no_grad():
            active = [
                torch.relu(conv(torch.from_numpy(sound).float()[None, None])).mean(-1)[0]
                for sound in (x, s)
            ]
        found = table.loc[(1, row.filter, row.rank)]
        expected = float(active[1][row.filter] / active[0][row.filter])
        assert found.loc["sonification", "response"] == pytest.approx(expected, rel=1e-4)
        better = int((active[1] > active[1][row.filter]).sum())
        assert found.loc["sonification", "filter_rank"] == better + 1
        checked += 1
    assert checked == 16
    both = table["response"].unstack("sound")
    assert (both["phase"] - both["sonification"]).abs().max() > 0.01, "another sound"


def test_a_filter_that_is_dead_on_the_clip_is_left_open(mixtures):
    clips, _ = mixtures
    model = band_passes()
    rows = rendered(model, clips, N)
    with torch.no_grad():
        model.encoder.trunk.conv1.weight[2] = 0.0
        model.encoder.trunk.conv1.bias[2] = -1.0
    table = measured(model, clips, rows)
    dead = table[(table["layer"] == 1) & (table["filter"] == 2)]
    assert dead["dead"].all() and dead[["response", "filter_rank"]].isna().all(axis=None)
    assert not table[table["filter"] != 2]["dead"].any()
