"""Every criterion on the authors' own numbers, against values worked out separately."""

import math

import numpy as np
import pytest

from sonify.contracts import tables
from sonify.evaluation.metrics.intervals import plus_minus, t_interval
from sonify.paper import authors
from sonify.paper.claims.calibration import authors_evidence, calibrated
from sonify.paper.claims.table import CLAIMS

BY_NUMBER = {claim.number: claim for claim in CLAIMS}


def array(frame, column, value):
    """Values of one kind of run: seed by layer."""
    rows = frame[frame[column] == value].sort_values(["seed", "layer"])
    return rows["value"].to_numpy().reshape(3, -1)


def removal():
    frame = authors.figure_6()
    return {finetune: array(frame, "finetune", finetune) for finetune in ("fconly", "full")}


def found(number):
    row = calibrated(BY_NUMBER[number])
    return row["authors_verdict"], plus_minus(row["authors_mean"], row["authors_ci95"])


@pytest.mark.parametrize(
    ("number", "verdict", "value"),
    [
        (1, "reproduced", "0.366 ± 0.034"),
        (2, "reproduced", "0.035 ± 0.002"),
        (3, "reproduced", "0.125 ± 0.076"),
        (4, "reproduced", "0.976 ± 0.013"),
        (5, "reproduced", "0.038 ± 0.006"),
    ],
)
def test_claims_of_which_the_authors_runs_are_known(number, verdict, value):
    assert found(number) == (verdict, value)


def test_removal_by_hand():
    curves = removal()
    lost = {f: 1 - c[:, 1:] / c[:, :1] for f, c in curves.items()}
    assert found(1)[1] == plus_minus(*t_interval(lost["full"].mean(axis=1))[:2])
    spread = curves["full"][:, 1:].std(axis=1, ddof=1) - curves["fconly"][:, 1:].std(axis=1, ddof=1)
    assert found(2)[1] == plus_minus(*t_interval(spread)[:2])
    more = lost["fconly"].mean(axis=1) - lost["full"].mean(axis=1)
    assert found(3)[1] == plus_minus(*t_interval(more)[:2])
    falls = {f: (c[:, :1] - c[:, 1:]).mean(axis=1) for f, c in curves.items()}
    absolute = plus_minus(*t_interval(falls["fconly"] - falls["full"])[:2])
    assert absolute == "-0.005 ± 0.029"
    remark = calibrated(BY_NUMBER[3])["authors_remark"]
    assert f"by absolute fall the difference is {absolute} of mAP, inconclusive" in remark


def test_decay_of_coherence_by_hand():
    frame = authors.figure_7()
    slopes = {
        regime: np.polyfit(range(1, 12), array(frame, "regime", regime).T, 1)[0]
        for regime in ("contrastive", "supervised")
    }
    faster = slopes["contrastive"] - slopes["supervised"]
    assert found(5)[1] == plus_minus(*t_interval(faster)[:2])


@pytest.mark.parametrize("number", [4, 5])
def test_the_authors_coherence_is_said_to_be_another_measure(number):
    remark = calibrated(BY_NUMBER[number])["authors_remark"]
    assert "by another measure: the mean of the five highest peaks" in remark


@pytest.mark.parametrize(
    ("number", "value", "meet"),
    [
        (10, "0.882", True),
        (11, "0.013", True),  # FSD50K, full, layers 1 to 7
        (12, "0.016", True),
        (13, "0.090", False),  # fc-only, layer 11: contrastive leads there too
        (14, "-0.029", False),  # supervised: layers 5 to 7 are worse than the whole
        (15, "0.011", True),
        (16, "0.012", True),
        (17, "0.010", True),
        (18, "0.004", True),
        (19, "0.015", True),
    ],
)
def test_means_have_no_interval_but_meet_the_criterion_or_not(number, value, meet):
    assert found(number) == ("inconclusive", value)
    remark = calibrated(BY_NUMBER[number])["authors_remark"]
    assert f"the means {'meet' if meet else 'do not meet'} the criterion." in remark
    assert "a single seed" not in remark


def test_what_the_authors_did_not_measure_is_not_run():
    for number in (6, 7, 8, 9, 20, 21, 22, 23, 24, 25, 26):
        row = calibrated(BY_NUMBER[number])
        assert row["authors_verdict"] == "none published" and math.isnan(row["authors_mean"])
        assert row["authors_remark"] == "The authors published no numbers for it."


def test_every_line_of_the_papers_tables_is_one_run():
    evidence = authors_evidence()
    metrics = evidence.tables["metrics"]
    assert not metrics["run"].duplicated().any() and set(metrics["run"]) <= set(evidence.runs)
    assert len(metrics) == 2 * 7 + 4 + 7 + 5  # Table A.1 has two a line


def test_the_columns_are_in_the_contract():
    columns = tables.contract("claims").columns
    assert set(calibrated(BY_NUMBER[1])) <= set(columns)
