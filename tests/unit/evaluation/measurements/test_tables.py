"""Whole-clip scores and the evaluation tables made from them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from deaths import Killed
from scipy.signal import coherence as scipy_coherence
from sklearn.metrics import average_precision_score

from sonify.contracts import tables
from sonify.data.clips import Clips
from sonify.data.kept import Kept
from sonify.evaluation.measurements.coherence import coherence_table
from sonify.evaluation.measurements.removal import Condition, removal_table, residual
from sonify.evaluation.measurements.scoring import measured, score_tables, whole_clips
from sonify.evaluation.metrics.bootstrap import REPLICATES, resamples
from sonify.evaluation.metrics.ranking import rank
from sonify.models.checkpoint import ModelCard, build
from sonify.models.cnn import Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier

MAIN = Condition("max", rescaled=False)
CONDITIONS = [MAIN, Condition("mean", False), Condition("energy", False), Condition("max", True)]
RULES = ["max", "mean", "energy"]
LENGTHS = [4_000, 2_370, 4_000, 6_001, 2_370, 4_000, 6_001, 9_000, 2_370, 4_000]


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
        "metrics": lambda *given, **how: score_tables(*given, **how)[0],
        "scores": lambda *given, **how: score_tables(*given, **how)[1],
        "removal": partial(removal_table, conditions=CONDITIONS),
        "coherence": partial(coherence_table, rules=RULES),
    }
    for name, make in makers.items():
        whole, pieces = (
            tables.checked(make(model, card, parts, max_samples=9_000), name).to_pandas()
            for parts in ([clips], iter(cut(clips, at)))
        )
        # Batches differ, and with them the last bits of what the network computes.
        pd.testing.assert_frame_equal(whole, pieces, rtol=1e-4, atol=1e-6)


def test_metrics_keep_the_contract(make_clips, card):
    found = tables.checked(
        score_tables(build(card), card, [make_clips(LENGTHS)], max_samples=9_000)[0], "metrics"
    )
    frame = found.to_pandas().set_index("metric")
    assert set(frame.index) >= {"mAP", "mAUC", "d_prime"}
    assert (frame["model"] == "fsd50k-scratch-s1").all() and (frame["n_clips"] == 10).all()
    assert (frame["n_classes"] + frame["n_dropped"] == 4).all()


def test_metrics_follow_from_the_scores_of_single_clips(make_clips, card):
    """By scikit-learn: of all clips, and of one resample of them by its counts."""
    clips = make_clips(LENGTHS)
    metrics, table = score_tables(build(card).eval(), card, [clips], max_samples=9_000)
    scores = tables.checked(table, "scores").to_pandas()
    assert scores["clip_id"].tolist() == clips.ids and set(scores["model"]) == {card.model}
    truth, given = clips.targets, np.stack(scores["class_scores"])
    found = metrics.set_index("metric")
    kept = truth.any(axis=0)
    expected = average_precision_score(truth[:, kept], given[:, kept])
    assert found.loc["mAP", "value"] == pytest.approx(expected, abs=1e-9)
    again = np.array(found.loc["mAP", "replicates"])
    weights = resamples("fsd50k", clips.splits[0], clips.ids)[:, 5]
    seen = (truth * weights[:, None]).any(axis=0)
    precisions = [
        average_precision_score(truth[:, c], given[:, c], sample_weight=weights)
        for c in np.flatnonzero(seen)
    ]
    assert len(again) == REPLICATES and again[5] == pytest.approx(np.mean(precisions))


def test_accuracy_is_measured_where_every_clip_has_one_class_and_there_alone():
    """Three of four clips are right; of the resample that leaves out the wrong one, all are."""
    scores = np.array([[3, 1, 2], [1, 2, 3], [1, 3, 2], [2, 1, 3]], np.float32)
    counts = np.array([[1, 2], [1, 0], [1, 1], [1, 1]])
    one_class = np.eye(3, dtype=np.uint8)[[0, 1, 1, 2]]
    rows = {row["metric"]: row for row in measured(one_class, scores, counts)[1]}
    assert rows["accuracy"]["value"] == 0.75
    assert list(rows["accuracy"]["replicates"]) == [0.75, 1.0]
    one_clip = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], np.uint8)  # of each class
    for several in (one_clip, one_class | one_clip):
        assert "accuracy" not in {r["metric"] for r in measured(several, scores, counts)[1]}


def test_a_model_of_other_classes_is_refused(make_clips, card):
    with pytest.raises(ValueError, match="knows other classes than fsd50k has"):
        score_tables(build(card), card, [make_clips(LENGTHS, n_classes=3)], max_samples=9_000)


def test_removal_scores_what_is_left_of_each_clip(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    table = removal_table(model, card, [clips], conditions=[MAIN], max_samples=9_000)
    found = tables.checked(table, "removal").to_pandas().set_index(["layer", "metric"])["value"]
    base, _ = score_tables(model, card, [clips], max_samples=9_000)
    base = base.set_index("metric")["value"]
    assert found[0, "mAP"] == base["mAP"]
    # Layer 5 by hand, one clip at a time.
    scores, sonifier = [], Sonifier(model)
    for i in range(len(clips)):
        x = torch.from_numpy(clips.waveform(i))[None]
        s = sonifier.most_active(x, rule=MAIN.rule).signals[4]
        with torch.no_grad():
            scores.append(model(x - s)[0].numpy())
    assert found[5, "mAP"] == pytest.approx(
        rank(clips.targets, np.array(scores)).metrics["mAP"], abs=1e-6
    )
    assert set(table["layer"]) == set(range(12))


def test_conditions_together_equal_conditions_alone(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    make = partial(removal_table, model, card, [clips], max_samples=9_000)
    together = make(conditions=CONDITIONS)
    alone = [make(conditions=[condition]) for condition in CONDITIONS]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True), check_exact=True)
    assert len(tables.checked(together, "removal")) == 4 * 12 * 3
    # The conditions differ, or this would say nothing.
    values = [table["value"].to_numpy() for table in alone]
    assert not any(np.array_equal(values[0], other) for other in values[1:])


def test_what_conditions_share_is_scored_once(make_clips, card, monkeypatch):
    clips = make_clips([4_000] * 6)
    monkeypatch.setattr(
        "sonify.sonification.most_active.strongest",
        lambda maps, rule: torch.full((len(maps),), int(rule == "energy")),
    )
    model, seen = build(card).eval(), []
    # Below the model itself: a hook on that, which may change what it returns, is refused.
    model.head.register_forward_hook(lambda _, args, out: seen.append(len(out)))
    table = partial(removal_table, model, card, [clips], max_samples=9_000)
    table(conditions=[MAIN, Condition("mean", False)])
    assert sum(seen) == 6 * (1 + 11)  # untouched, and one residual a layer
    seen.clear()
    table(conditions=[MAIN, Condition("energy", False), Condition("max", True)])
    assert sum(seen) == 6 * (1 + 3 * 11)


@pytest.mark.parametrize("what", ["removal", "coherence"])
def test_a_killed_measurement_goes_on_with_the_part_that_it_was_at(
    make_clips, card, tmp_path, what
):
    model, parts = build(card).eval(), cut(make_clips(LENGTHS), [4, 7])
    make = {
        "removal": partial(removal_table, model, card, parts, conditions=CONDITIONS[:2]),
        "coherence": partial(coherence_table, model, card, parts, rules=RULES[:2]),
    }[what]
    undisturbed, again = tmp_path / "undisturbed", tmp_path / "again"
    tables.write(make(max_samples=9_000), undisturbed, what)
    seen: list[int] = []

    def dies(done: int) -> None:
        if done > 7:
            raise Killed

    with pytest.raises(Killed):
        make(max_samples=9_000, kept=Kept(tmp_path), progress=dies)
    table = make(max_samples=9_000, kept=Kept(tmp_path), progress=seen.append)
    tables.write(table, again, what)
    assert again.read_bytes() == undisturbed.read_bytes()
    assert min(seen) > 7 and max(seen) == 10, "the first seven clips are not measured again"


def test_removal_with_rescaling_by_hand(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    condition = Condition("energy", rescaled=True)
    table = removal_table(model, card, [clips], conditions=[condition], max_samples=9_000)
    scores = []
    for i in range(len(clips)):
        x = torch.from_numpy(clips.waveform(i))[None]
        left = x - Sonifier(model).most_active(x, "energy").signals[2]
        with torch.no_grad():
            scores.append(model(left * x.abs().max() / left.abs().max())[0].numpy())
    found = table.set_index(["layer", "metric"])["value"]
    expected = rank(clips.targets, np.array(scores)).metrics
    assert found[3, "mAP"] == pytest.approx(expected["mAP"], abs=1e-6)
    assert found[3, "mAUC"] == pytest.approx(expected["mAUC"], abs=1e-6)


def test_residual_and_sonification_make_the_clip():
    x, s = torch.randn(2, 3, 100)
    torch.testing.assert_close(residual(x, s) + s, x)
    rescaled = residual(x, s, rescale=True)
    torch.testing.assert_close(rescaled.abs().amax(-1), x.abs().amax(-1))
    assert not residual(x, x, rescale=True).any()


def test_coherence_has_a_row_per_clip_and_layer(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    table = coherence_table(model, card, [clips], rules=["max"], max_samples=9_000)
    frame = tables.checked(table, "coherence").to_pandas()
    assert len(frame) == 11 * len(LENGTHS)
    assert frame["envelope_correlation"].between(-1, 1).all()
    assert frame.groupby("n_samples")["floor"].nunique().eq(1).all()
    # White noise through one filter: layer 1 stays near its input, far above unrelated noise.
    first = frame[frame["layer"] == 1]
    assert (first["coherence"] > 2.5 * first["floor"]).all()


def test_rules_together_equal_rules_alone(make_clips, card):
    model, clips = build(card).eval(), make_clips(LENGTHS)
    make = partial(coherence_table, model, card, [clips], max_samples=9_000)
    key = ["rule", "clip_id", "layer"]
    together = make(rules=RULES).set_index(key).sort_index()
    alone = pd.concat(make(rules=[rule]) for rule in RULES).set_index(key).sort_index()
    # Batches differ, and with them the last bits of what the network computes.
    pd.testing.assert_frame_equal(together, alone, rtol=1e-5, atol=1e-5)
    assert len(tables.checked(together.reset_index(), "coherence")) == 3 * 11 * len(LENGTHS)
    by_rule = together["filter"].unstack("rule")
    assert (by_rule["max"] != by_rule["mean"]).any() and (by_rule["max"] == by_rule["mean"]).any()


def test_coherence_of_one_clip_by_hand(make_clips, card):
    model, clips = build(card).eval(), make_clips([4_000, 4_000])
    frame = coherence_table(model, card, [clips], rules=["mean"], max_samples=9_000)
    x = clips.waveform(1)
    found = Sonifier(model).most_active(torch.from_numpy(x)[None], "mean")
    row = frame.set_index(["clip_id", "layer"]).loc[("clip001", 4)]
    assert row["filter"] == int(found.filters[3, 0])
    s = found.signals[3, 0].double().numpy()
    spectrum = np.sort(scipy_coherence(x.astype(float), s)[1])
    assert row["coherence"] == pytest.approx(spectrum[-5:].mean(), abs=1e-4)
    envelopes = [np.sqrt((v[:3968].reshape(31, 128) ** 2).mean(axis=1)) for v in (x, s)]
    assert row["envelope_correlation"] == pytest.approx(np.corrcoef(*envelopes)[0, 1], abs=1e-4)


def test_dead_maps_are_marked_and_score_nothing(make_clips, card):
    model, clips = build(card).eval(), make_clips([4_000, 4_000])
    with torch.no_grad():
        model.encoder.trunk.conv3.bias.fill_(-1e6)
    frame = coherence_table(model, card, [clips], rules=["max"], max_samples=9_000)
    dead = frame["layer"] >= 3
    assert frame.loc[dead, "dead"].all() and not frame.loc[~dead, "dead"].any()
    assert (frame.loc[dead, ["coherence", "envelope_correlation"]] == 0).all(axis=None)
    removal = removal_table(
        model, card, [make_clips(LENGTHS)], conditions=[MAIN], max_samples=9_000
    )
    assert (removal.loc[removal["layer"] >= 3, "n_dead"] == len(LENGTHS)).all()
    assert (removal.loc[removal["layer"] < 3, "n_dead"] == 0).all()
