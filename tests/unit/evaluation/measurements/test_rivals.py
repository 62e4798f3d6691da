"""Rivals on the same footing: against plain loops, and on a network of known band-passes."""

import numpy as np
import pytest
import soundfile
import torch
from instruments import TONES_HZ, band_passes, card, tones
from scipy.signal import coherence as scipy_coherence
from scipy.stats import entropy, spearmanr
from sklearn.metrics import average_precision_score

from sonify.contracts import tables
from sonify.data.clips import part_sizes
from sonify.evaluation.measurements.rival_sounds import SOUNDS, Methods, heard
from sonify.evaluation.measurements.rivals import rivals_tables
from sonify.evaluation.metrics import surrogates
from sonify.evaluation.metrics.separation import power
from sonify.models.untrained import randomised, untrained
from sonify.sonification.methods import DEFAULT, RIVALS, build_explainer

HOW = {"rule": "mean", "max_samples": 20_000, "layers": (1, 2), "shift": 31}
EVERY = (DEFAULT, *RIVALS)


@pytest.fixture
def model():
    return untrained(card(run="another"))


def measured(store, given, folder, model, stems=None, **how):
    store(given)
    made = rivals_tables(model, card(), part_sizes(folder, ["eval"]), stems, **(HOW | how))
    return (
        tables.checked(made.rivals, "rivals").to_pandas(),
        tables.checked(made.removal, "rivals_removal").to_pandas(),
    )


def test_all_sounds_have_the_energy_of_the_deconvnets_and_are_reproducible(
    make_clips, model, capsys
):
    clips, every, checked = make_clips([2_000, 2_001]), Methods(model, card(), (1, 2)), 0
    assert every.names == EVERY
    for i, clip in enumerate(clips.ids):
        x = torch.from_numpy(clips.waveform(i))[None]
        phases = surrogates.draw_phases(clips.dataset, [clip], x.shape[1])
        own = build_explainer(DEFAULT, model).most_active(x).signals.double().square().sum(-1)
        for name in every.names:
            energies = None if name == DEFAULT else own
            found, again = (heard(every[name], x, "mean", phases, energies) for _ in range(2))
            assert tuple(found.sounds) == SOUNDS
            for sound, signals in found.sounds.items():
                assert torch.equal(signals, again.sounds[sound])
                energy = signals.double().square().sum(-1)
                there = energy > 0
                torch.testing.assert_close(energy[there], own[there, 0], rtol=1e-6, atol=0)
                checked += int(there.sum())
    assert checked > 0.9 * 2 * 2 * 9 * 3
    assert capsys.readouterr().out == "", "costs are counted without a word"


def test_the_tables_are_those_of_plain_loops(store, make_clips, tmp_path, model):
    clips = make_clips([2_000, 1_500, 2_000, 1_500])
    table, removal = measured(store, clips, tmp_path, model, clips=4, top_k=3, nperseg=128)
    assert len(table) == 4 * 9 * 2 * 3 and len(removal) == 1 + 9 * 2 * 3
    assert (removal["replicates"].map(len) == 200).all()
    for name in EVERY:
        check(name, clips, model, table, removal[removal["method"] == name])


def check(name, clips, model, table, removal):
    found = table.set_index(["method", "clip_id", "layer", "sound"])
    fresh, explainer = (build_explainer(name, n) for n in (untrained(card()), model))
    truth, scores = [], {}
    for i, clip in enumerate(clips.ids):
        x = torch.from_numpy(clips.waveform(i))[None]
        energies = build_explainer(DEFAULT, model).most_active(x).signals.double().square().sum(-1)
        s = explainer.most_active(x)
        phases = surrogates.draw_phases(clips.dataset, [clip], x.shape[1])
        sounds = {
            "sonification": s.signals,
            "phase": surrogates.phase_randomised(s.signals, phases),
            "untrained": fresh.most_active(x).signals,
        }
        truth.append(clips.targets[i])
        whole = score(model, x)
        for layer in (1, 2):
            filter = int(s.filters[layer - 1, 0])
            for sound, signals in sounds.items():
                y = signals[layer - 1, 0].double()
                y = (y * (energies[layer - 1, 0] / y.square().sum()).sqrt()).float()[None]
                row = found.loc[name, clip, layer, sound]
                assert row["filter"] == filter and not row["dead"]
                check_sound(explainer, x, y, layer, row)
                alone, left = score(model, y), score(model, x - y)
                check_faithfulness(whole, alone, left, row)
                scores.setdefault((layer, sound), []).append(left)
            own = found.loc[name, clip, layer, "sonification"]
            mixed = build_explainer(name, randomised(model, card(), [layer]))
            other = mixed.most_active(x).signals[layer - 1, 0]
            both = [power(v.numpy()).ravel() for v in (s.signals[layer - 1, 0], other)]
            correlation = spearmanr(*both).statistic
            assert own["randomised_correlation"] == pytest.approx(correlation, abs=1e-3)
            assert own["cost"] == 1 if name == DEFAULT else own["cost"] > 0
    of_map = removal.set_index(["layer", "sound"])
    for (layer, sound), left in scores.items():
        expected = average_precision_score(np.array(truth), np.array(left))
        assert of_map.loc[(layer, sound), "value"] == pytest.approx(expected, abs=1e-6)


def check_sound(explainer, x, y, layer, row):
    on_clip, on_sound = (list(explainer.maps(v))[layer - 1][0].mean(-1) for v in (x, y))
    filter = row["filter"]
    response = float(on_sound[filter] / on_clip[filter])
    assert row["response"] == pytest.approx(response, rel=1e-4, abs=1e-6)
    assert row["leads"] == float(on_sound.argmax() == filter)
    bins = scipy_coherence(x[0].double(), y[0].double(), nperseg=128)[1]
    assert row["coherence"] == pytest.approx(np.sort(bins)[-3:].mean(), abs=1e-4)
    magnitudes = np.sqrt(power(y[0].numpy()))
    assert row["complexity"] == pytest.approx(entropy(magnitudes.ravel()), abs=1e-4)
    assert 0 < row["sparseness"] < 1 and np.isnan(row["best_share"])


def check_faithfulness(whole, alone, left, row):
    c = int(whole.argmax())
    assert row["faithfulness_logit"] == pytest.approx(whole[c] - left[c], abs=1e-5)
    p, q, r = (np.exp(v[c]) / np.exp(v).sum() for v in (whole, alone, left))
    assert row["faithfulness"] == pytest.approx(p - r, abs=1e-5)
    assert row["average_drop"] == pytest.approx(max(0, p - q) / p, abs=1e-5)
    assert row["average_gain"] == pytest.approx(max(0, q - p) / (1 - p), abs=1e-5)
    assert row["fidelity"] == float(alone.argmax() == c)


def score(model, x) -> np.ndarray:
    with torch.no_grad():
        return model(x)[0].double().numpy()


def test_what_is_sonified_by_gradients_follows_a_delay_and_noise_does_not(
    store, make_clips, tmp_path, model
):
    """By whole frames, which a delay of 32 is: the sound is the same one, later."""
    clips = make_clips([2_000, 2_000])
    table, _ = measured(store, clips, tmp_path, model, clips=2, shift=32)
    own = table[table["sound"] == "sonification"].set_index("method")["delay_correlation"]
    for name in set(EVERY) - {"random_signal"}:
        assert own[name].min() > 0.999, name
    assert own["random_signal"].abs().max() < 0.1
    controls = table[table["sound"] != "sonification"]
    assert controls[["delay_correlation", "randomised_correlation", "cost"]].isna().all(axis=None)


def test_known_band_passes_find_the_source_by_the_deconvnet_and_noise_finds_none(store, tmp_path):
    clips, stems = tones()
    for clip, of_clip in zip(clips.ids, stems, strict=True):
        (tmp_path / "stems" / clip).mkdir(parents=True)
        for hertz, stem in zip(TONES_HZ, of_clip, strict=True):
            soundfile.write(tmp_path / "stems" / clip / f"{hertz:04d}.flac", stem, 8_000)
    table, removal = measured(
        store, clips, tmp_path, band_passes(), tmp_path / "stems", clips=6, layers=(2,)
    )
    own = table[table["sound"] == "sonification"].groupby("method")[["response", "best_share"]]
    mean = own.mean()
    assert mean.loc[DEFAULT, "best_share"] > 0.97 and mean.loc[DEFAULT, "response"] > 0.8
    assert mean.loc["random_signal", "best_share"] < mean.loc[DEFAULT, "best_share"]
    assert mean.loc["random_signal", "response"] < 0.5 * mean.loc[DEFAULT, "response"]
    assert set(removal["metric"]) == {"mAP"} and (removal["n_clips"] == 6).all()
