"""Controls for removal and coherence, against plain loops with scikit-learn and SciPy."""

import numpy as np
import pytest
import torch
from instruments import band_passes, card, tones
from scipy.signal import coherence as scipy_coherence
from scipy.signal import welch
from sklearn.metrics import average_precision_score

from sonify.contracts import tables
from sonify.evaluation.measurements.coherence_controls import coherence_controls_table
from sonify.evaluation.measurements.controls import CONTROLS, heard_with_controls
from sonify.evaluation.measurements.removal_controls import SWEPT, removal_controls_table
from sonify.models.untrained import randomised, untrained
from sonify.sonification.deconvnet.sonifier import Sonifier

HOW = {"rule": "mean", "max_samples": 12_000}
LENGTHS = [4_000, 3_000, 4_000, 4_000, 3_000, 4_000, 3_000, 4_000]


@pytest.fixture
def model():
    return untrained(card(run="another"))


def batches(model, clips):
    fresh = Sonifier(untrained(card()))
    return list(heard_with_controls(Sonifier(model), fresh, [clips], **HOW))


def test_map_without_each_sound_is_that_of_plain_loops(make_clips, model):
    clips = make_clips(LENGTHS)
    made = removal_controls_table(model, card(), [clips], fractions=[0.1, 2.0], **HOW)
    table = tables.checked(made, "removal_controls").to_pandas()
    assert len(table) == 1 + 2 * (len(CONTROLS) + 3 + 2 * len(SWEPT))
    found = table.set_index(["sound", "target_fraction", "layer"])
    truth, scores, energies = [], {}, {}
    for batch in batches(model, clips):
        truth.append(clips.targets[batch.indices])
        x = batch.x.double().numpy()
        given = {name: sound.double().numpy() for name, sound in batch.sounds.items()}
        s = given["sonification"]
        subtracted = {(name, 0.0): sound for name, sound in given.items()}
        subtracted["added", 0.0] = -s
        dots = (x * s).sum(-1) / (s**2).sum(-1)
        subtracted["projected", 0.0] = dots[..., None] * s
        for name in SWEPT:
            for fraction in (0.1, 2.0):
                norm = np.sqrt(fraction * (x**2).sum(-1) / (given[name] ** 2).sum(-1))
                subtracted[name, fraction] = norm[..., None] * given[name]
        for condition, sounds in subtracted.items():
            for layer in (1, 2):
                left = torch.from_numpy(x - sounds[layer - 1]).float()
                with torch.no_grad():
                    scores.setdefault((*condition, layer), []).append(model(left).numpy())
                share = (sounds[layer - 1] ** 2).sum(-1) / (x**2).sum(-1)
                energies.setdefault((*condition, layer), []).append(share)
        with torch.no_grad():
            scores.setdefault(("clip", 0.0, 0), []).append(model(batch.x).numpy())
    truth = np.concatenate(truth)
    assert set(scores) == set(found.index)
    for key, parts in scores.items():
        expected = average_precision_score(truth, np.concatenate(parts))
        assert found.loc[key, "value"] == pytest.approx(expected, abs=1e-3), key
        if key in energies:
            share = np.concatenate(energies[key])
            assert found.loc[key, "removed"] == pytest.approx(share.mean(), rel=1e-4)
            assert found.loc[key, "n_silent"] == (share == 0).sum()
        if key[1]:
            assert found.loc[key, "removed"] == pytest.approx(key[1], rel=1e-6)
    assert (found["replicates"].map(len) == 200).all() and (found["n_clips"] == 8).all()


def test_of_a_silent_clip_nothing_is_removed_and_it_is_counted(make_clips, model):
    clips = make_clips(LENGTHS)
    clips.pcm(2)[:] = 0
    table = removal_controls_table(model, card(), [clips], fractions=[0.1], **HOW)
    removed = table[table["layer"] > 0].set_index(["sound", "target_fraction", "layer"])
    assert (removed["n_silent"] == 1).all()
    swept = removed.loc[[(name, 0.1, layer) for name in SWEPT for layer in (1, 2)], "removed"]
    np.testing.assert_allclose(swept, 0.1 * 7 / 8, rtol=1e-5)


def test_equal_energies_are_removed_but_where_that_is_not_the_point(make_clips, model):
    made = removal_controls_table(model, card(), [make_clips(LENGTHS)], fractions=[], **HOW)
    own = made[made["sound"] == "sonification"].set_index("layer")["removed"]
    for name, rows in made[made["layer"] > 0].groupby("sound"):
        if name != "projected" and not rows["n_silent"].any():
            expected = own.loc[rows["layer"]].to_numpy()
            np.testing.assert_allclose(rows["removed"], expected, rtol=1e-6, err_msg=name)
    assert (made[made["sound"] == "projected"]["removed"] <= 1).all()


def test_coherence_of_controls_is_that_of_scipy(make_clips, model):
    clips = make_clips(LENGTHS)
    made = coherence_controls_table(
        model, card(), [clips], cascade=[1, 2, 8], top_k=3, nperseg=128, **HOW
    )
    table = tables.checked(made, "coherence_controls").to_pandas()
    names = {"sonification", *CONTROLS, "top_1", "bottom_1"}
    assert set(table["sound"]) == names, "two layers: of two or more all would be random"
    assert table[table["sound"] == "top_1"]["layer"].unique().tolist() == [2]
    assert table[table["sound"] == "bottom_1"]["layer"].unique().tolist() == [1, 2]
    found = table.set_index(["sound", "layer", "clip_id"])
    mixed = {
        "top_1": Sonifier(randomised(model, card(), [2])),
        "bottom_1": Sonifier(randomised(model, card(), [1])),
    }
    for batch in batches(model, clips):
        sounds = dict(batch.sounds)
        sounds |= {name: other.most_active(batch.x).signals for name, other in mixed.items()}
        for (name, signals), layer in ((pair, n) for pair in sounds.items() for n in (1, 2)):
            if name == "top_1" and layer == 1:
                continue
            for at, clip in enumerate(batch.ids):
                x, s = batch.x[at].double().numpy(), signals[layer - 1, at].double().numpy()
                bins = scipy_coherence(x, s, nperseg=128)[1]
                row = found.loc[(name, layer, clip)]
                assert row["coherence"] == pytest.approx(np.sort(bins)[-3:].mean(), abs=1e-3)
                power = welch(s, nperseg=128)[1][1:-1]
                flatness = np.exp(np.log(power).mean()) / power.mean()
                assert row["flatness"] == pytest.approx(flatness, rel=1e-2, abs=1e-5)
                assert not row["dead"] and 0 < row["active_fraction"] <= 1


def test_known_band_passes_are_coherent_and_noise_in_their_bands_is_not():
    """In the three bins that a tone fills under a Hann window; others hold no more than leaks."""
    clips, _ = tones()
    made = coherence_controls_table(band_passes(), card(), [clips], cascade=[], top_k=3, **HOW)
    mean = made.groupby("sound")["coherence"].mean()
    assert mean["sonification"] > 0.99 and mean["noise"] < 0.3
    flat = made.groupby("sound")["flatness"].mean()
    assert flat["sonification"] < 0.05 < 0.5 < flat["noise"]
