"""The numbers of Figures 4, 6 and 7 as tables: ours beside the authors'."""

import csv
import math
import statistics

import pytest

from sonify.contracts import tables
from sonify.paper.authors import AUTHORS
from sonify.reporting.tables.curves import figure_4, figure_6, figure_7
from sonify.reporting.tables.curves_display import panels, to_markdown

T_OF_THREE = 4.302653  # Student's t, 97.5%, two degrees of freedom


def authors(figure, model, layer, metric):
    """Mean and half-width of the 95% interval, straight from their file."""
    with AUTHORS.open(encoding="utf-8") as file:
        found = [
            float(row["value"])
            for row in csv.DictReader(file)
            if (row["figure"], row["model"], row["layer"], row["metric"])
            == (figure, model, str(layer), metric)
        ]
    if len(found) == 1:
        return found[0], math.nan
    return statistics.mean(found), T_OF_THREE * statistics.stdev(found) / math.sqrt(len(found))


def pair(row):
    return row["authors_mean"], row["authors_ci95"]


def near(expected):
    return pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_figure_6_has_a_row_for_each_model_and_layer(removal):
    frame = figure_6(removal(), "mini")
    assert tables.checked(frame, "curves").num_rows == len(frame) == 4 * 12
    assert set(frame["metric"]) == {"mAP"}
    for row in frame.to_dict("records"):
        base = {"fconly": 0.3, "full": 0.5}[row["finetune"]]
        base += 0.1 * (row["regime"] == "supervised")
        assert row["mean"] == pytest.approx(base * (1 - row["layer"] / 20) + 0.01)
        assert row["ci95"] == pytest.approx(12.7062 * 0.01, rel=1e-4) and row["n_runs"] == 2
        if row["regime"] == "supervised":
            assert math.isnan(row["authors_mean"])
        else:
            model = f"fsd50k-contrastive-{row['finetune']}"
            assert pair(row) == near(authors("figure_6", model, row["layer"], "mAP"))


def test_figure_7_has_their_numbers_beside_their_measure_alone(coherence, by_filter):
    frame = figure_7(coherence(), by_filter(), "mini")
    text, code = (frame[frame["metric"] == m] for m in ("coherence", "peak_coherence"))
    assert len(text) == len(code) == 2 * 11
    assert text["authors_mean"].isna().all()
    for row in code.to_dict("records"):
        slope = {"contrastive": 0.01, "supervised": 0.04}[row["regime"]]
        assert row["mean"] == pytest.approx(0.7 - slope * (row["layer"] - 1) + 0.01)
        theirs = authors("figure_7", row["regime"], row["layer"], "mean_top5_coherence")
        assert pair(row) == near(theirs)


def test_figure_4_has_their_means_and_the_runs_of_their_whole_encoders(layer_importance):
    frame = figure_4(layer_importance(), "mini", {})
    assert len(frame) == 2 * 4 * 12
    metrics = {"fsd50k": ("mAP", "val_mAP"), "speech_commands": ("accuracy", "val_accuracy")}
    for row in frame.to_dict("records"):
        ours, theirs = metrics[row["dataset"]]
        model = f"{row['dataset']}-{row['regime']}-{row['finetune']}"
        whole = row["layer"] == 12
        figure, layer = ("figure_4_dashed", "whole") if whole else ("figure_4", row["layer"])
        assert row["metric"] == ours
        if (layer, model) != (5, "speech_commands-supervised-full"):  # that has one run more
            assert pair(row) == near(authors(figure, model, layer, theirs))
    assert frame.loc[frame["layer"] == 12, "authors_ci95"].notna().all()


def test_figure_4_counts_a_finetuned_run_as_the_whole_encoder_of_its_probes(layer_importance):
    given = layer_importance(datasets=("fsd50k",))
    own = {f"fsd50k-{r}-full": f"fsd50k_probe-{r}-full" for r in ("contrastive", "supervised")}
    back = {probes: run for run, probes in own.items()}
    whole = given["layer"] == 12
    split = given.assign(run=given["run"].where(~whole, given["run"].replace(back)))
    assert figure_4(split, "mini", {}, own).equals(figure_4(given, "mini", {}))


def test_two_splits_are_refused(layer_importance):
    given = layer_importance()
    given.loc[given["seed"] == 1, "split"] = "test"
    with pytest.raises(
        ValueError, match="layer_importance has split test and val of fsd50k: a mean"
    ):
        figure_4(given, "mini", {})


def test_what_only_the_authors_have_stands_alone(removal):
    ours = [("a", "contrastive", "full", 0.3)]
    frame = figure_6(removal(ours, layers=3), "mini")
    full, fconly = (frame[frame["finetune"] == kind] for kind in ("full", "fconly"))
    assert full["layer"].tolist() == fconly["layer"].tolist() == list(range(12))
    assert full["n_runs"].tolist() == [2] * 4 + [0] * 8 and set(full["run"]) == {"a"}
    assert not fconly["n_runs"].any() and set(fconly["run"]) == {""}
    assert frame["authors_mean"].notna().all()


def test_other_clips_and_other_networks_have_nothing_beside_them(removal):
    assert figure_6(removal().assign(split="val"), "mini")["authors_mean"].isna().all()
    wide = figure_6(removal().assign(architecture="CNN12_x2"), "mini")
    assert wide.loc[wide["run"] != "", "authors_mean"].isna().all()
    assert set(wide.loc[wide["run"] == "", "regime"]) == {"contrastive"}


def test_markdown_has_a_line_a_layer_and_columns_where_there_are_numbers(removal):
    text = to_markdown(figure_6(removal(), "mini"), "Figure 6", "Three runs.")
    drawn = [line for line in text.splitlines() if line.startswith("|")]
    assert len(drawn) == 2 + 12 and len({line.count("|") for line in drawn}) == 1
    assert drawn[0] == (
        "| layer | contrastive, fc-only, ours | contrastive, fc-only, authors | supervised, "
        "fc-only, ours | contrastive, full, ours | contrastive, full, authors | supervised, full, "
        "ours |"
    )
    assert drawn[2].startswith("| none | 0.310 ± 0.127 | 0.306 ± 0.007 | 0.410 ± 0.127 |")
    assert "## FSD50K eval: mAP" in text and "Three runs." in text and "Miniature." in text


def test_panels_by_measure_and_accuracy_in_percent(layer_importance, coherence, by_filter):
    four = panels(figure_4(layer_importance(), "mini", {}))
    assert [panel["title"] for panel in four] == [
        "FSD50K val: mAP",
        "Speech Commands val: accuracy (%)",
    ]
    assert [layer for layer, _ in four[1]["rows"]] == [*map(str, range(1, 12)), "all"]
    assert four[1]["rows"][0][1][:2] == ["3.5 ± 12.7", "12.1"]
    text, code = panels(figure_7(coherence(), by_filter(), "mini"))
    assert text["models"] == [("contrastive", 1), ("supervised", 1)]
    assert code["models"] == [("contrastive", 2), ("supervised", 2)]
    assert code["columns"] == ["ours", "authors"] * 2


def test_models_of_one_label_are_told_apart_by_their_run(removal):
    two = [("a", "contrastive", "full", 0.3), ("b", "contrastive", "full", 0.4)]
    (panel,) = panels(figure_6(removal(two, layers=2), "mini"))
    assert [label for label, _ in panel["models"]] == [
        "contrastive, fc-only",
        "contrastive, full (a)",
        "contrastive, full (b)",
    ]
    assert panel["rows"][5][1][0] == "–"
