"""The authors' numbers against their means and intervals, worked out and tabulated separately."""

import csv
import subprocess
import sys

import pytest

from sonify.evaluation.metrics.intervals import plus_minus, t_interval
from sonify.paper import authors

# By layer, from 0 (nothing removed): mean ± half-width of the 95% t-interval of three runs.
FIGURE_6 = {
    "fconly": """0.3064 ± 0.0068, 0.1225 ± 0.0190, 0.1625 ± 0.0133, 0.1645 ± 0.0274,
        0.1497 ± 0.0191, 0.1471 ± 0.0255, 0.1486 ± 0.0315, 0.1365 ± 0.0109, 0.1591 ± 0.0169,
        0.1649 ± 0.0178, 0.1742 ± 0.0041, 0.1863 ± 0.0183""",
    "full": """0.4251 ± 0.0052, 0.2055 ± 0.0575, 0.1938 ± 0.0109, 0.2124 ± 0.0244,
        0.2279 ± 0.0291, 0.2633 ± 0.0333, 0.2806 ± 0.0011, 0.2820 ± 0.0236, 0.3089 ± 0.0257,
        0.3174 ± 0.0025, 0.3426 ± 0.0451, 0.3304 ± 0.0160""",
}
# By layer, from 1.
FIGURE_7 = {
    "contrastive": """0.7387 ± 0.0278, 0.6850 ± 0.0175, 0.6468 ± 0.0362, 0.6335 ± 0.0150,
        0.6242 ± 0.0155, 0.6322 ± 0.0119, 0.6174 ± 0.0077, 0.5820 ± 0.0201, 0.5646 ± 0.0204,
        0.5315 ± 0.0054, 0.5029 ± 0.0404""",
    "supervised": """0.7245 ± 0.0370, 0.5564 ± 0.0779, 0.3007 ± 0.0477, 0.2675 ± 0.0091,
        0.1268 ± 0.0631, 0.1380 ± 0.0319, 0.1170 ± 0.0365, 0.0834 ± 0.0346, 0.0813 ± 0.0439,
        0.0610 ± 0.0246, 0.0636 ± 0.0349""",
}
# Layers 1, 8 and 11 of the bars.
FIGURE_4 = {
    ("fsd50k", "contrastive", "fconly"): (0.032, 0.201, 0.285),
    ("fsd50k", "supervised", "fconly"): (0.025, 0.209, 0.388),
    ("fsd50k", "contrastive", "full"): (0.033, 0.292, 0.370),
    ("fsd50k", "supervised", "full"): (0.037, 0.303, 0.385),
    ("speech_commands", "contrastive", "fconly"): (0.121, 0.750, 0.684),
    ("speech_commands", "supervised", "fconly"): (0.095, 0.644, 0.594),
    ("speech_commands", "contrastive", "full"): (0.151, 0.910, 0.937),
    ("speech_commands", "supervised", "full"): (0.158, 0.907, 0.933),
}
DASHED = {
    ("fsd50k", "contrastive", "fconly"): "0.3206 ± 0.0125",
    ("fsd50k", "supervised", "fconly"): "0.4570 ± 0.0084",
    ("fsd50k", "contrastive", "full"): "0.4224 ± 0.0056",
    ("fsd50k", "supervised", "full"): "0.4394 ± 0.0073",
    ("speech_commands", "contrastive", "fconly"): "0.3006 ± 0.0081",
    ("speech_commands", "supervised", "fconly"): "0.3770 ± 0.0394",
    ("speech_commands", "contrastive", "full"): "0.9424 ± 0.0029",
    ("speech_commands", "supervised", "full"): "0.9425 ± 0.0031",
}
COLUMNS = ["regime", "finetune", "seed", "layer", "value"]


def intervals(frame):
    """`0.3064 ± 0.0068` by layer."""
    return [plus_minus(*t_interval(v)[:2], 4) for _, v in frame.groupby("layer")["value"]]


def words(table):
    return [" ".join(cell.split()) for cell in table.split(",")]


def test_figure_6():
    frame = authors.figure_6()
    assert frame.columns.tolist() == COLUMNS and len(frame) == 2 * 3 * 12
    assert set(frame["regime"]) == {"contrastive"} and set(frame["seed"]) == {8881, 8882, 8883}
    for finetune, table in FIGURE_6.items():
        assert intervals(frame[frame["finetune"] == finetune]) == words(table)


def test_figure_7():
    frame = authors.figure_7()
    assert frame.columns.tolist() == COLUMNS and len(frame) == 2 * 3 * 11
    assert set(frame["finetune"]) == {"none"} and set(frame["seed"]) == {8881, 8882, 8883}
    for regime, table in FIGURE_7.items():
        assert intervals(frame[frame["regime"] == regime]) == words(table)


@pytest.mark.parametrize("dataset", ["fsd50k", "speech_commands"])
def test_figure_4_has_a_mean_for_every_bar(dataset):
    frame = authors.figure_4(dataset)
    assert frame.columns.tolist() == COLUMNS and len(frame) == 4 * 11
    assert set(frame["seed"]) == {0}
    for (_, regime, finetune), bars in (i for i in FIGURE_4.items() if i[0][0] == dataset):
        rows = frame[(frame["regime"] == regime) & (frame["finetune"] == finetune)]
        assert rows["layer"].tolist() == list(range(1, 12))
        assert rows["value"].iloc[[0, 7, 10]].tolist() == pytest.approx(bars, abs=5e-4)


@pytest.mark.parametrize("key", DASHED)
def test_the_dashed_lines_of_figure_4(key):
    dataset, regime, finetune = key
    frame = authors.figure_4_whole(dataset)
    assert len(frame) == 4 * 3 and set(frame["layer"]) == {12}
    rows = frame[(frame["regime"] == regime) & (frame["finetune"] == finetune)]
    assert intervals(rows) == [DASHED[key]]


def test_provenance_names_the_commit_the_licence_and_every_kind_of_value():
    text = authors.AUTHORS.with_suffix(".md").read_text("utf-8")
    assert "f619ba306db8513e0a2f92970ddbec59e47cb27c" in text and "MIT" in text
    with authors.AUTHORS.open(encoding="utf-8", newline="") as file:
        kinds = {row["kind"] for row in csv.DictReader(file)}
    assert all(f"| {kind} |" in text for kind in kinds)


def test_importing_it_is_light():
    code = "import sys, sonify.paper.authors; assert not {'pandas', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
