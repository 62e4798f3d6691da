"""Label purity of trained and untrained filters, against counting by hand."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from instruments import card

from sonify.contracts import tables
from sonify.evaluation.measurements.label_controls import label_controls_table
from sonify.models.untrained import untrained
from sonify.runtime.errors import SonifyError

HOW = {"rule": "mean", "max_samples": 20_000}


def mined_by_hand(model, clips, k: int) -> pd.DataFrame:
    """The k clips with the greatest mean of each filter of the first layer, before the pool."""
    conv, rows = model.encoder.trunk.conv1, []
    for i, name in enumerate(clips.ids):
        x = torch.from_numpy(clips.waveform(i)).float()[None, None]
        with torch.no_grad():
            scores = torch.relu(conv(x)).mean(-1)[0].tolist()
        for index, value in enumerate(scores):
            rows.append({"layer": 1, "filter": index, "clip_id": name, "score": value})
    order = pd.DataFrame(rows).sort_values(["filter", "score"], ascending=[True, False])
    order["rank"] = order.groupby("filter").cumcount() + 1
    return order[order["rank"] <= k]


def by_hand(clips, names) -> float:
    labels = [
        label
        for name in names
        for label, on in zip(clips.classes, clips.targets[clips.ids.index(name)], strict=True)
        if on
    ]
    return Counter(labels).most_common(1)[0][1] / len(names) if labels else 0.0


def test_purity_is_that_of_the_clips_of_each_network(make_clips):
    clips = make_clips([4_000, 4_000, 5_000, 4_000, 6_000, 4_000])
    trained = untrained(card(run="stands for a trained one"))
    top = mined_by_hand(trained, clips, 3).assign(dataset="fsd50k", split="eval", dead=False)
    dead = top["filter"] == 1
    top.loc[dead & (top["rank"] > 1), "dead"] = True  # active on one clip alone
    table = label_controls_table(card(), [clips], top, **HOW)
    table = tables.checked(table, "label_controls").to_pandas()
    found = table[table["layer"] == 1].set_index(["sound", "filter"])["label_purity"]
    for index, own in top.groupby("filter"):
        if index == 1:
            assert np.isnan(found["sonification", index])
        else:
            expected = by_hand(clips, own["clip_id"].tolist())
            assert found["sonification", index] == pytest.approx(expected)
    drawn = mined_by_hand(untrained(card()), clips, 3)
    for index, own in drawn[drawn["score"] > 0].groupby("filter"):
        assert found["untrained", index] == pytest.approx(by_hand(clips, own["clip_id"].tolist()))
    assert (table["sound"] == "untrained").sum() == 8, "both layers of four filters"
    known = table.dropna(subset="label_purity")
    assert known["chance_purity"].between(0.3, 1).all()


def test_filters_that_no_clip_activates_are_dead_in_either_network(make_clips, monkeypatch):
    """However softly a filter answers, it is not dead; one active on a single clip is not, either.

    The untrained network's filters 0 to 3 of the first layer: dead, soft, and two as they are.
    """
    fresh = untrained(card())
    with torch.no_grad():
        conv = fresh.encoder.trunk.conv1
        conv.weight[0], conv.bias[0] = 0.0, -1.0
        conv.weight[1], conv.bias[1] = conv.weight[1] * 1e-3, 0.0
    of = "sonify.evaluation.measurements.label_controls.untrained"
    monkeypatch.setattr(of, lambda card, device: fresh)
    clips = make_clips([4_000] * 6)
    trained = untrained(card(run="stands for a trained one"))
    top = mined_by_hand(trained, clips, 3).assign(dataset="fsd50k", split="eval", dead=False)
    top.loc[top["filter"] == 2, "dead"] = True
    top.loc[(top["filter"] == 3) & (top["rank"] > 1), "dead"] = True
    table = label_controls_table(card(), [clips], top, **HOW)
    table = tables.checked(table, "label_controls").to_pandas()
    found = table[table["layer"] == 1].set_index(["sound", "filter"])
    expected = {"sonification": [False, False, True, False], "untrained": [True, *[False] * 3]}
    unknown = {"sonification": [False, False, True, True], "untrained": [True, *[False] * 3]}
    for sound, dead in expected.items():
        assert found.loc[sound, "dead"].tolist() == dead
        assert found.loc[sound, "label_purity"].isna().tolist() == unknown[sound]
    soft = mined_by_hand(fresh, clips, 3).query("filter == 1")
    purity = by_hand(clips, soft["clip_id"].tolist())
    assert soft["score"].between(0, 0.01, "neither").all()
    assert found.loc[("untrained", 1), "label_purity"] == pytest.approx(purity)


def test_a_clip_that_the_split_lacks_is_named(make_clips):
    top = pd.DataFrame({"layer": [1], "filter": 0, "rank": 1, "clip_id": "zzz", "dead": False})
    with pytest.raises(SonifyError, match="clip zzz was mined but is not in the split: mine it"):
        label_controls_table(card(), [make_clips([4_000])], top, **HOW)
