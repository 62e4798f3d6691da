"""Whole-clip scores and the evaluation tables made from them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from sonify import tables
from sonify.data.clips import Clips
from sonify.evaluation.removal import removal_table, residual
from sonify.evaluation.scoring import metrics_table, whole_clips
from sonify.evaluation.similarity import coherence_table
from sonify.models.checkpoint import ModelCard, build
from sonify.models.cnn import Architecture
from sonify.sonification.deconvnet import Sonifier

LENGTHS = [4_000, 2_048, 4_000, 6_001, 2_048, 4_000, 6_001, 9_000, 2_048, 4_000]


@pytest.fixture
def card() -> ModelCard:
    return ModelCard(
        run="fsd50k-scratch",
        seed=1,
        dataset="fsd50k",
        regime="supervised",
        finetune="none",
        architecture=Architecture(width=1 / 16),
        architecture_name="CNN12",
        head="classifier",
        outputs=4,
        classes=tuple(f"class {c}" for c in range(4)),
    )


def cut(clips: Clips, at: list[int]) -> list[Clips]:
    """The clips in parts, as they would be stored."""
    rows = np.split(np.arange(len(clips)), at)
    return [
        replace(
            clips,
            ids=[clips.ids[i] for i in some],
            splits=[clips.splits[i] for i in some],
            targets=clips.targets[some],
            lengths=clips.lengths[some],
            offsets=clips.offsets[some],
        )
        for some in rows
    ]


@pytest.mark.parametrize("max_samples", [1, 9_000, 30_000])
def test_batches_hold_every_clip_once_and_whole(make_clips, max_samples):
    clips, told = make_clips(LENGTHS), []
    batches = list(whole_clips(cut(clips, [3, 4]), max_samples, progress=told.append))
    found = {part.ids[i]: row for part, some, x in batches for i, row in zip(some, x, strict=True)}
    assert sorted(found) == clips.ids and told[-1] == sum(len(some) for _, some, _ in batches) == 10
    for i, clip in enumerate(clips.ids):
        np.testing.assert_array_equal(found[clip], clips.waveform(i))


@pytest.mark.parametrize("at", [[1], [3, 4], [2, 5, 9]])
def test_tables_do_not_depend_on_how_clips_are_stored(make_clips, card, at):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    makers = {
        "metrics": metrics_table,
        "removal": partial(removal_table, rule="max", rescale=False),
        "coherence": partial(coherence_table, rule="max"),
    }
    for name, make in makers.items():
        whole, pieces = (
            tables.checked(make(model, card, parts, max_samples=9_000), name).to_pandas()
            for parts in ([clips], iter(cut(clips, at)))
        )
        # Batches differ, and with them the last bits of what the network computes.
        pd.testing.assert_frame_equal(whole, pieces, rtol=1e-4)


def test_metrics_keep_the_contract(make_clips, card):
    found = tables.checked(
        metrics_table(build(card), card, [make_clips(LENGTHS)], max_samples=9_000), "metrics"
    )
    frame = found.to_pandas().set_index("metric")
    assert set(frame.index) >= {"mAP", "mAUC", "d_prime"}
    assert (frame["model"] == "fsd50k-scratch-s1").all() and (frame["n_clips"] == 10).all()
    assert (frame["n_classes"] + frame["n_dropped"] == 4).all()


def test_a_model_of_other_classes_is_refused(make_clips, card):
    with pytest.raises(ValueError, match="knows other classes than fsd50k has"):
        metrics_table(build(card), card, [make_clips(LENGTHS, n_classes=3)], max_samples=9_000)


def test_removal_scores_what_is_left_of_each_clip(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    table = removal_table(model, card, [clips], rule="max", rescale=False, max_samples=9_000)
    found = tables.checked(table, "removal").to_pandas().set_index(["layer", "metric"])["value"]
    base = metrics_table(model, card, [clips], max_samples=9_000).set_index("metric")["value"]
    assert found[0, "mAP"] == base["mAP"]
    # Layer 5 by hand, one clip at a time.
    scores, sonifier = [], Sonifier(model)
    for i in range(len(clips)):
        x = torch.from_numpy(clips.waveform(i))[None]
        s = sonifier.most_active(x).signals[4]
        with torch.no_grad():
            scores.append(model(x - s)[0].numpy())
    from sonify.evaluation.ranking import rank

    assert found[5, "mAP"] == pytest.approx(
        rank(clips.targets, np.array(scores)).metrics["mAP"], abs=1e-6
    )
    assert set(table["layer"]) == set(range(12))


def test_residual_and_sonification_make_the_clip():
    x, s = torch.randn(2, 3, 100)
    torch.testing.assert_close(residual(x, s) + s, x)
    rescaled = residual(x, s, rescale=True)
    torch.testing.assert_close(rescaled.abs().amax(-1), x.abs().amax(-1))
    assert not residual(x, x, rescale=True).any()


def test_coherence_has_a_row_per_clip_and_layer(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    table = coherence_table(model, card, [clips], rule="max", max_samples=9_000)
    frame = tables.checked(table, "coherence").to_pandas()
    assert len(frame) == 11 * len(LENGTHS)
    assert frame.groupby("n_samples")["floor"].nunique().eq(1).all()
    # White noise through one filter: layer 1 stays near its input, far above unrelated noise.
    first = frame[frame["layer"] == 1]
    assert (first["coherence"] > 2.5 * first["floor"]).all()


def test_dead_maps_are_marked_and_score_nothing(make_clips, card):
    model, clips = build(card).eval(), make_clips([4_000, 4_000])
    with torch.no_grad():
        model.encoder.trunk.conv3.bias.fill_(-1e6)
    frame = coherence_table(model, card, [clips], rule="max", max_samples=9_000)
    dead = frame["layer"] >= 3
    assert frame.loc[dead, "dead"].all() and not frame.loc[~dead, "dead"].any()
    assert (frame.loc[dead, "coherence"] == 0).all()
    removal = removal_table(
        model, card, [make_clips(LENGTHS)], rule="max", rescale=False, max_samples=9_000
    )
    assert (removal.loc[removal["layer"] >= 3, "n_dead"] == len(LENGTHS)).all()
    assert (removal.loc[removal["layer"] < 3, "n_dead"] == 0).all()
