import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.paper.published import PAPER_TABLES
from sonify.reporting.tables.display import conditions, lines, number, to_csv, to_markdown
from sonify.reporting.tables.rows import paper_table

# Which run each line of a table is, told by name here and by facts there.
EXPECTED = {
    "A1": [
        f"balanced-contrastive{setting}-{how}"
        for setting in ("_gain", "_noise", "_mask", "", "_tau02", "_tau03", "_x2")
        for how in ("fconly", "full")
    ],
    "A2": [
        "supervised",
        "audioset-contrastive-fconly",
        "audioset-contrastive-full",
        "audioset-contrastive_x2-full",
    ],
    "A3": [""] * 6 + ["audioset-contrastive-full", "audioset-contrastive_x2-full"],
    "A4": [
        "fsd50k-scratch",
        *(
            f"fsd50k-{start}-{how}"
            for start in ("contrastive", "supervised", "contrastive_x2")
            for how in ("fconly", "full")
        ),
    ],
    "A5": [""] * 6 + ["fsd50k-supervised-fconly", "fsd50k-contrastive-full"],
    "A6": [
        "",
        "",
        "speech_commands-scratch",
        *(
            f"speech_commands-{start}-{how}"
            for start in ("supervised", "contrastive")
            for how in ("fconly", "full")
        ),
    ],
}


def kept(table):
    return tables.checked(table, "table").to_pandas()


def by_row(table):
    return table.drop_duplicates("row").set_index("row")


@pytest.mark.parametrize("name", EXPECTED)
def test_every_line_finds_its_run_by_what_it_is(name, metrics, facts):
    found = by_row(kept(paper_table(name, metrics()[:0], facts, "mini")))
    assert found["run"].tolist() == EXPECTED[name]
    assert (found["source"] == "published").tolist() == [not run for run in EXPECTED[name]]

    def other(run):
        return run and run[::-1]

    renamed = {other(run): replace(f, start=other(f.start)) for run, f in facts.items()}
    found = by_row(kept(paper_table(name, metrics()[:0], renamed, "mini")))
    assert found["run"].tolist() == [other(run) for run in EXPECTED[name]]


@pytest.mark.parametrize("name", EXPECTED)
def test_nothing_run_keeps_the_papers_numbers(name, metrics, facts):
    for runs in (facts, {}):
        table = kept(paper_table(name, metrics()[:0], runs, "paper"))
        paper = PAPER_TABLES[name]
        assert len(table) == len(paper.lines) * len(paper.metrics)
        assert table["mean"].isna().all() and not table["n_runs"].any()
        given = {
            (row, metric): line.values[metric]
            for row, line in enumerate(paper.lines, start=1)
            for metric in paper.metrics
        }
        for row in table.itertuples():
            pair = (row.paper_mean, row.paper_ci95)
            assert pair == pytest.approx(given[row.row, row.metric], nan_ok=True)
        assert "None of these models has been run yet" in to_markdown(table)


def test_ours_beside_the_papers(metrics, facts):
    table = paper_table("A4", metrics(), facts, "mini")
    pd.testing.assert_frame_equal(kept(table), table, check_dtype=False)
    row = table[(table["row"] == 4) & (table["metric"] == "mAP")].iloc[0]
    assert (row["pretraining"], row["finetune"], row["n_runs"]) == ("supervised", "fconly", 2)
    assert row["mean"] == pytest.approx(0.41)
    assert row["ci95"] == pytest.approx(12.706 * 0.01, rel=1e-4)
    assert (row["paper_mean"], row["paper_ci95"]) == (0.463, 0.002)
    assert (row["n_clips"], row["prevalence"], row["scale"]) == (250, 0.125, "mini")
    last = table[table["row"] == 7]
    assert last["mean"].isna().all() and (last["n_runs"] == 0).all()


def test_a_seed_that_is_missing_counts_one_run_less(metrics, facts):
    frame = metrics(seeds=(0, 1, 2))
    frame = frame[(frame["run"] != "fsd50k-scratch") | (frame["seed"] != 1)]
    found = by_row(kept(paper_table("A4", frame, facts, "mini")))
    assert found["n_runs"].tolist() == [2, 3, 3, 3, 3, 0, 0]


def test_equal_seeds_have_an_interval_of_width_zero(metrics, facts):
    frame = metrics()
    frame["value"] = 0.1
    table = kept(paper_table("A4", frame, facts, "mini"))
    run = table[table["n_runs"] > 0]
    assert (run["mean"] == 0.1).all() and (run["ci95"] == 0.0).all()
    assert "0.100 ± 0.000" in to_markdown(table)


def test_one_seed_and_infinite_d_prime(metrics, facts):
    frame = metrics(seeds=(0,))
    frame.loc[frame["metric"] == "d_prime", "value"] = np.inf
    table = kept(paper_table("A4", frame, facts, "mini"))
    run = table[table["n_runs"] > 0]
    assert run["ci95"].isna().all()
    assert np.isposinf(run.loc[run["metric"] == "d_prime", "mean"]).all()
    text = to_markdown(table)
    assert "| ∞ |" in text and "| 0.300 |" in text


def test_other_datasets_and_splits_do_not_count(metrics, facts):
    frame = metrics()
    other = pd.concat([frame, frame.assign(dataset="audioset"), frame.assign(split="val")])
    found = paper_table("A4", other, facts, "mini")
    pd.testing.assert_frame_equal(found, paper_table("A4", frame, facts, "mini"))


def test_models_the_paper_lacks_follow_where_they_were_scored(metrics, facts):
    facts["mine|own"] = replace(facts["fsd50k-scratch"], architecture="CNN12_strided")
    facts["unscored"] = replace(facts["fsd50k-scratch"], architecture="CNN12_x3")
    frame = metrics()
    extra = frame[frame["run"] == "fsd50k-scratch"].assign(run="mine|own", model="mine")
    table = kept(paper_table("A4", pd.concat([frame, extra]), facts, "mini"))
    assert table["row"].max() == 8
    row = table[table["row"] == 8].iloc[0]
    assert (row["system"], row["source"]) == ("CNN12_strided from scratch (mine|own)", "ours")
    assert math.isnan(row["paper_mean"]) and row["n_runs"] == 2
    text = to_markdown(table)
    assert r"(mine\|own)" in text and "| not in paper |" in text


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.2},
        {"augmentation": ("gain_db",)},
        {"downsampling": "strided"},
        {"architecture": "CNN12_x2"},
        {"start": "supervised-longer"},
        {"start": "fsd50k-scratch"},
    ],
    ids=str,
)
def test_a_run_that_differs_in_any_fact_is_not_the_papers(change, metrics, facts):
    facts["supervised-longer"] = replace(facts["supervised"], start="supervised")
    del facts["fsd50k-contrastive_x2-full"]  # would be the same line as the changed architecture
    run = "fsd50k-contrastive-full"
    facts[run] = replace(facts[run], **change)
    found = by_row(paper_table("A4", metrics()[:0], facts, "mini"))["run"]
    assert "fsd50k-contrastive-full" not in found.tolist()[:6]


def test_two_runs_of_one_line_are_refused(metrics, facts):
    facts["again"] = facts["fsd50k-scratch"]
    with pytest.raises(ValueError, match=r"runs again and fsd50k-scratch .*'CNN12 from scratch'"):
        paper_table("A4", metrics(), facts, "mini")


def test_scores_of_a_run_that_the_configuration_lacks_are_refused(metrics, facts):
    del facts["fsd50k-scratch"]
    with pytest.raises(ValueError, match="fsd50k-scratch, which the configuration lacks: rerun"):
        paper_table("A4", metrics(), facts, "mini")


def test_unknown_scale_and_table_are_refused(metrics, facts):
    with pytest.raises(ValueError, match="mini, paper"):
        paper_table("A4", metrics(), facts, "tiny")
    with pytest.raises(ValueError, match="'A7' is not in the paper: use A1, A2"):
        paper_table("A7", metrics(), facts, "mini")


def test_accuracy_is_stored_as_a_share_and_printed_in_percent(metrics, facts):
    run = ("speech_commands-supervised-full", "supervised", "full", 0.9)
    frame = metrics([run]).assign(dataset="speech_commands", split="test", prevalence=0.1)
    frame["metric"] = frame["metric"].replace("mAP", "accuracy")
    table = kept(paper_table("A6", frame, facts, "mini"))
    row = table[table["row"] == 5].iloc[0]
    assert (row["mean"], row["paper_mean"]) == pytest.approx((0.91, 0.929))
    text = to_markdown(table)
    assert "| accuracy (%) ours | accuracy (%) paper |" in text
    assert "| 91.0 ± 12.7 | 92.9 ± 0.7 | 2 |" in text
    assert "| – | 95.5 | published |" in text
    assert "chance accuracy (%) 10.0" in text


def test_markdown_is_one_line_a_system_and_states_its_conditions(metrics, facts):
    text = to_markdown(paper_table("A4", metrics(), facts, "mini"), "some sounds")
    drawn = [line for line in text.splitlines() if line.startswith("|")]
    assert len(drawn) == 2 + 7
    assert len({line.count("|") for line in drawn}) == 1
    assert "Miniature: some sounds." in text
    assert "chance mAP 0.143" in text
    assert "250 clips" in text and "2 runs" in text
    assert "0.410 ± 0.127 | 0.463 ± 0.002" in text
    assert drawn[-1].count("not run") == 3


def test_values_the_paper_leaves_out_are_dashes(metrics, facts):
    table = paper_table("A3", metrics()[:0], facts, "mini")
    assert lines(table)[2]["cells"] == [("–", "–"), ("–", "0.970"), ("–", "2.660")]
    assert lines(table)[6]["cells"][0] == ("not run", "0.323")


def test_conditions_give_ranges_where_models_differ(metrics, facts):
    frame = metrics(seeds=(0, 1, 2))
    frame = frame[(frame["run"] != "fsd50k-scratch") | (frame["seed"] == 1)]
    assert "1 to 3 runs a model" in conditions(paper_table("A4", frame, facts, "mini"))
    assert "; 1 run a model." in conditions(paper_table("A4", metrics(seeds=(0,)), facts, "mini"))


def test_an_interval_as_wide_as_all_that_a_measure_can_be_is_marked(metrics, facts):
    frame = metrics()
    of_scratch = (frame["run"] == "fsd50k-scratch") & frame["metric"].isin(["mAP", "d_prime"])
    frame.loc[of_scratch & (frame["seed"] == 0), "value"] = 0.2
    frame.loc[of_scratch & (frame["seed"] == 1), "value"] = 0.366  # t(0.975, 1) = 12.7
    text = to_markdown(paper_table("A4", frame, facts, "mini"))
    assert text.count("0.283 ± 1.055†") == 1 and text.count("†") == 2  # d′ has no range; the note
    assert [number(0.5, 0.4999, "mAP"), number(0.5, 0.5, "mAP")] == [
        "0.500 ± 0.500",
        "0.500 ± 0.500†",
    ]
    assert number(0.283, 0.841, "accuracy") == "28.3 ± 84.1†"
    assert number(0.2, math.nan, "coherence") == "0.200"
    assert number(2.0, 9.0, "d_prime") == "2.000 ± 9.000"


def test_csv_reads_back(metrics, facts, tmp_path):
    table = paper_table("A5", metrics(), facts, "mini")
    (tmp_path / "t.csv").write_text(to_csv(table), encoding="utf-8")
    numbers = {c: [""] for c in ("mean", "ci95", "paper_mean", "paper_ci95", "prevalence")}
    back = pd.read_csv(tmp_path / "t.csv", keep_default_na=False, na_values=numbers)
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
