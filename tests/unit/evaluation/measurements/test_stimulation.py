"""Controls and stimulation: on a network of known band-passes, and against plain loops."""

import numpy as np
import pytest
import torch
from instruments import band_passes, card, tones

from sonify.contracts import tables
from sonify.evaluation.measurements.controls import CONTROLS, SONIFICATION, heard_with_controls
from sonify.evaluation.measurements.stimulation import stimulation_table
from sonify.evaluation.metrics import surrogates
from sonify.models.untrained import randomised, untrained
from sonify.runtime.errors import SonifyError
from sonify.sonification.deconvnet.sonifier import Sonifier

HOW = {"rule": "mean", "max_samples": 20_000}


def heard(model, clips, **how):
    made = heard_with_controls(Sonifier(model), Sonifier(untrained(card())), clips, **(HOW | how))
    return list(made)


def test_every_control_has_the_energy_of_the_sonification(make_clips):
    clips = make_clips([4_000, 4_000, 5_001, 4_000, 5_001])
    checked = 0
    for batch in heard(untrained(card(run="another")), [clips]):
        assert set(batch.sounds) == {SONIFICATION, *CONTROLS}
        expected = batch.sounds[SONIFICATION].numpy().astype(np.float64)
        energies = (expected**2).sum(-1)
        for name, sound in batch.sounds.items():
            found = (sound.numpy().astype(np.float64) ** 2).sum(-1)
            there = found > 0
            assert there.any(), name
            np.testing.assert_allclose(found[there], energies[there], rtol=1e-6)
            checked += there.sum()
        for name in ("other_clip", "phase", "noise", "rolled"):
            assert (batch.sounds[name].abs().amax(-1) > 0).all(), name
    assert checked > 50


def test_controls_do_not_depend_on_how_clips_are_batched(make_clips):
    clips, model = make_clips([4_000] * 5), untrained(card(run="another"))
    (whole,) = heard(model, [clips], max_samples=99_999)
    single = heard(model, [clips], max_samples=1)
    assert len(single) == 5
    for name, sound in whole.sounds.items():
        pieces = torch.cat([batch.sounds[name] for batch in single], dim=1)
        torch.testing.assert_close(pieces, sound, rtol=1e-3, atol=1e-4)


def test_controls_are_what_their_names_say(make_clips):
    clips, model = make_clips([4_000, 6_000, 4_000]), untrained(card(run="another"))
    explainer, fresh = Sonifier(model), Sonifier(untrained(card()))
    for batch in heard(model, [clips]):
        s = batch.sounds[SONIFICATION]
        n = s.shape[-1]
        torch.testing.assert_close(s, explainer.most_active(batch.x).signals)
        others = []
        for name in batch.ids:
            partner = surrogates.draw_partner("fsd50k", name, clips.ids)
            others.append(np.resize(clips.waveform(partner), n))
        others = torch.from_numpy(np.stack(others))
        expected = {
            "other_clip": explainer.most_active(others).signals,
            "untrained": fresh.most_active(batch.x).signals,
            "rolled": torch.cat([s[..., n - n // 2 :], s[..., : n - n // 2]], dim=-1),
        }
        for name, sound in expected.items():
            found = torch.cosine_similarity(batch.sounds[name], sound, dim=-1)
            assert found.min() > 1 - 1e-5, name


def test_a_single_clip_has_no_other(make_clips):
    with pytest.raises(SonifyError, match="one clip, clip000, in the split measured"):
        heard(untrained(card()), [make_clips([4_000])])


def test_a_part_of_one_clip_takes_its_other_from_the_part_before(make_clips):
    first, last = make_clips([4_000, 4_000]), make_clips([4_000])
    last = type(last)(**{**vars(last), "ids": ["last"]})
    assert [len(batch.ids) for batch in heard(untrained(card()), [first, last])] == [2, 1]


def test_known_band_passes_are_excited_by_their_own_sonifications_alone():
    clips, _ = tones()
    table = stimulation_table(band_passes(), card(), [clips], **HOW)
    frame = tables.checked(table, "stimulation").to_pandas()
    assert len(frame) == 6 * 2 * (8 + 5), "clips, layers, sounds of either selection"
    most = frame[frame["selection"] == "most_active"].set_index("sound")
    assert (most["filter"] == most["clip_id"].str[4:].astype(int) % 4).all(), "the louder tone"
    assert (most.loc["sonification", "filter_rank"] == 1).all()
    assert (most.loc["clip", "response"] == 1).all()
    assert (most.loc["sonification", "response"] > 0.5).all()
    assert (most.loc["random_filter", "leads"] == 0).all(), "it plays another band"
    noise, own = (most.loc[name, "response"].to_numpy() for name in ("noise", "sonification"))
    assert (noise < own / 2).all()
    drawn = frame[frame["selection"] == "random"].set_index("sound")
    assert (drawn.loc["clip", "filter_rank"] > 1).all()
    assert (drawn.loc["sonification", "filter_rank"] == 1).all(), "its own, however soft"


def test_responses_and_ranks_equal_those_of_plain_loops(make_clips):
    clips, model = make_clips([3_000, 3_000, 3_000]), untrained(card(run="another"))
    (batch,) = heard(model, [clips])
    table = stimulation_table(model, card(), [clips], **HOW)
    table = table.set_index(["selection", "sound", "layer", "clip_id"])
    trunk = model.encoder.trunk
    ends = {1: 3, 2: 5}
    for layer, end in ends.items():
        for at, clip in enumerate(batch.ids):
            x = batch.x[at]
            for place, selection in ((0, "most_active"), (2, "random")):
                chosen = int(batch.made.filters[place, layer - 1, at])
                s = batch.made.signals[place, layer - 1, at]
                for sound, signal in {"sonification": s, "residual": x - s, "clip": x}.items():
                    with torch.no_grad():
                        maps = [trunk[:end](v[None, None])[0].mean(-1).numpy() for v in (signal, x)]
                    row = table.loc[(selection, sound, layer, clip)]
                    assert row["filter"] == chosen and not row["dead"]
                    response = maps[0][chosen] / maps[1][chosen]
                    assert row["response"] == pytest.approx(response, rel=1e-3, abs=1e-5)
                    rank = 1 + (maps[0] > maps[0][chosen]).sum()
                    assert row["filter_rank"] == rank and row["leads"] == (rank == 1)


def test_dead_filters_have_no_response(make_clips):
    model = untrained(card(run="another"))
    with torch.no_grad():
        model.encoder.trunk.conv2.bias[:] = -1e6
    table = stimulation_table(model, card(), [make_clips([3_000] * 3)], **HOW)
    checked = tables.checked(table, "stimulation").to_pandas()
    dead = checked[checked["layer"] == 2]
    assert dead["dead"].all() and dead[["response", "filter_rank", "leads"]].isna().all(axis=None)


def test_an_untrained_network_is_drawn_by_the_models_name():
    one, again, other = (untrained(card(seed=seed)) for seed in (0, 0, 1))
    weights = [model.encoder.trunk.conv1.weight for model in (one, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_randomised_layers_are_those_named():
    model, fresh = band_passes(), untrained(card())
    mixed = randomised(model, card(), [2])
    assert torch.equal(mixed.encoder.trunk.conv1.weight, model.encoder.trunk.conv1.weight)
    assert torch.equal(mixed.encoder.trunk.conv2.weight, fresh.encoder.trunk.conv2.weight)
    assert torch.equal(mixed.head.weight, model.head.weight)
