import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from sonify import tables
from sonify.reporting.paper_values import TABLE_A4
from sonify.reporting.table_a4 import table_a4, to_csv, to_markdown


def test_the_papers_d_prime_follows_from_its_mauc():
    for row in TABLE_A4:
        d_prime = math.sqrt(2) * NormalDist().inv_cdf(row.mAUC[0])
        assert d_prime == pytest.approx(row.d_prime[0], abs=0.012), row


def test_ours_beside_the_papers(metrics):
    table = tables.checked(table_a4(metrics(), "mini"), "table_A4").to_pandas()
    assert len(table) == 21
    pd.testing.assert_frame_equal(table, table_a4(metrics(), "mini"), check_dtype=False)
    row = table[(table["row"] == 4) & (table["metric"] == "mAP")].iloc[0]
    assert (row["pretraining"], row["finetune"], row["n_runs"]) == ("supervised", "fconly", 2)
    assert row["mean"] == pytest.approx(0.41)
    assert row["ci95"] == pytest.approx(12.706 * 0.01, rel=1e-4)
    assert (row["paper_mean"], row["paper_ci95"]) == (0.463, 0.002)
    assert (row["n_clips"], row["prevalence"], row["scale"]) == (250, 0.125, "mini")


def test_from_scratch_has_no_pretraining(metrics):
    table = table_a4(metrics(), "mini")
    first = table[table["row"] == 1]
    assert set(first["pretraining"]) == {"none"}
    assert first.set_index("metric")["mean"]["mAP"] == pytest.approx(0.46)


def test_rows_not_run_keep_the_papers_numbers(metrics):
    table = tables.checked(table_a4(metrics(), "mini"), "table_A4").to_pandas()
    last = table[table["row"] == 7]
    assert last["mean"].isna().all() and (last["n_runs"] == 0).all()
    assert last["paper_mean"].tolist() == [2.032, 0.432, 0.924]  # d_prime, mAP, mAUC


def test_nothing_run_at_all(metrics):
    table = table_a4(metrics()[:0], "paper")
    assert table["mean"].isna().all()
    tables.checked(table, "table_A4")
    assert "No model has been run yet" in to_markdown(table)


def test_other_datasets_and_splits_do_not_count(metrics):
    frame = metrics()
    other = pd.concat([frame, frame.assign(dataset="audioset"), frame.assign(split="val")])
    pd.testing.assert_frame_equal(table_a4(other, "mini"), table_a4(frame, "mini"))


def test_models_the_paper_lacks_follow(metrics):
    frame = metrics()
    extra = frame[frame["run"] == "fsd50k-scratch"].assign(architecture="CNN12_strided", run="x")
    table = table_a4(pd.concat([frame, extra]), "mini")
    tables.checked(table, "table_A4")
    row = table[table["row"] == 8].iloc[0]
    assert row["architecture"] == "CNN12_strided" and math.isnan(row["paper_mean"])
    assert "| not in paper |" in to_markdown(table)


def test_two_runs_of_one_row_are_refused(metrics):
    frame = metrics()
    twice = pd.concat([frame, frame.assign(run=frame["run"] + "-again")])
    with pytest.raises(ValueError, match="one row of Table A.4"):
        table_a4(twice, "mini")


def test_one_seed_and_infinite_d_prime(metrics):
    frame = metrics(seeds=(0,))
    frame.loc[frame["metric"] == "d_prime", "value"] = np.inf
    table = tables.checked(table_a4(frame, "mini"), "table_A4").to_pandas()
    assert table.loc[table["row"] <= 5, "ci95"].isna().all()
    text = to_markdown(table)
    assert "| ∞ |" in text and "0.300 |" in text


def test_unknown_scale_is_refused(metrics):
    with pytest.raises(ValueError, match="mini, paper"):
        table_a4(metrics(), "tiny")


def test_markdown_is_one_line_a_model_and_states_its_conditions(metrics):
    text = to_markdown(table_a4(metrics(), "mini"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 7
    assert len({line.count("|") for line in lines}) == 1
    assert "miniature" in text.lower()
    assert "chance mAP (mean prevalence) 0.125" in text
    assert "250 clips" in text and "2 runs" in text
    assert "0.410 ± 0.127 | 0.463 ± 0.002" in text
    assert lines[-1].count("not run") == 3


def test_csv_reads_back(metrics, tmp_path):
    table = table_a4(metrics(), "mini")
    (tmp_path / "t.csv").write_text(to_csv(table), encoding="utf-8")
    back = pd.read_csv(tmp_path / "t.csv", keep_default_na=False, na_values=[""])
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
